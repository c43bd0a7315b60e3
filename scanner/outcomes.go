package scanner

import (
	"net/netip"

	"github.com/memsweep/memsweep/exposure"
)

// outcomes tells what became of every endpoint of the lane, from its bits: how
// many of each there are, and which of them did not answer. answered tells
// those that did from those that settled because they refused.
func (l *lane) outcomes(answered func(netip.Addr) bool) (o exposure.Outcomes, f exposure.Fates) {
	closed, unasked := newPlaces(l.set.Len()), newPlaces(l.set.Len())
	whole := l.positions() == l.set.Len() && l.skip.Len() == 0
	if !whole {
		unasked.fill() // what belongs to other shards
	}
	reached := l.reached()
	for pos := range l.positions() {
		settled, failed := l.settled.has(pos), l.failed.has(pos)
		if whole && !settled && !failed && pos < reached {
			o.Silent++ // as nearly all are
			continue
		}
		place := l.order.At(l.shard.Position(pos))
		unasked.set(place, false)
		q, ok := l.question(pos)
		switch {
		case !ok:
			unasked.set(place, true)
		case settled && answered(q.Addr):
			o.Answered++
		case settled:
			o.Closed++
			closed.set(place, true)
		case failed:
			o.LocalError++
			unasked.set(place, true)
		case pos >= reached:
			o.NotScanned++
			unasked.set(place, true)
		default:
			o.Silent++
		}
	}
	return o, exposure.Fates{Closed: exposure.PackBits(closed), Unasked: exposure.PackBits(unasked)}
}

// reached is how many positions were asked at least once.
func (l *lane) reached() uint64 {
	if pass, pos := l.at(); pass == 0 && !l.mending {
		return pos
	}
	return l.positions()
}

// addresses is how many addresses the lane covers.
func (l *lane) addresses() uint64 {
	if l.skip.Len() == 0 {
		return l.positions()
	}
	var n uint64
	for pos := range l.positions() {
		if _, ok := l.question(pos); ok {
			n++
		}
	}
	return n
}

// places is a set of addresses by their place in the plan's set, as
// exposure.PackedBits takes it.
type places []byte

func newPlaces(n uint64) places { return make(places, (n+7)/8) }

func (p places) set(i uint64, in bool) {
	if in {
		p[i/8] |= 1 << (i % 8)
	} else {
		p[i/8] &^= 1 << (i % 8)
	}
}

func (p places) fill() {
	for i := range p {
		p[i] = 0xff
	}
}
