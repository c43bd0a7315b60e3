package scanner

import (
	"context"
	"iter"
	"math"
	"net/netip"
	"sync"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/probes"
	"github.com/memsweep/memsweep/targets"
)

// lane is the walk of one probe over the plan's addresses: where it is, and
// two bits for each address. There is no table of pending questions. The bits
// are kept in the order of the walk: questions are many, and read them one
// after the other; answers are few, and find theirs by place.
type lane struct {
	number int // among the sweep's lanes
	probe  probes.Probe
	set    targets.Set
	order  targets.Order
	shard  targets.Shard
	skip   targets.Set // excluded when the sweep was resumed; part of set
	tries  int

	settled bitset // answered or refused: never asked again
	failed  bitset // the latest attempt failed on this machine

	// mending: this pass asks only those that this machine could not ask before.
	// toMend: such a pass is to follow the last one, in a resumed sweep.
	mending, toMend bool

	mu      sync.Mutex
	pass    int    // 0 for the first
	pos     uint64 // the next position to be asked in this pass
	marks   []mark
	asked   int64  // questions handed out in this pass, about
	settles int64  // addresses that settled meanwhile
	failing int64  // questions that failed on this machine
	back    uint64 // the first position that was taken back
}

// mark remembers where the lane was at some moment.
type mark struct {
	at      time.Time
	pass    int
	pos     uint64
	mending bool
}

func newLane(number int, p probes.Probe, set, skip targets.Set, plan Plan) *lane {
	return &lane{
		number:  number,
		probe:   p,
		set:     set,
		order:   targets.NewOrder(set.Len(), plan.Seed),
		shard:   plan.Shard,
		skip:    skip,
		tries:   plan.Tries,
		settled: newBitset(plan.Shard.Len(set.Len())),
		failed:  newBitset(plan.Shard.Len(set.Len())),
	}
}

// positions is how many positions the walk has.
func (l *lane) positions() uint64 { return l.shard.Len(l.set.Len()) }

// question returns what is asked at a position, and false if that address was
// excluded later.
func (l *lane) question(pos uint64) (Question, bool) {
	addr := l.addr(pos)
	return Question{Pos: pos, Addr: addr}, !l.skips(addr)
}

// skips reports whether an address was excluded later. Nearly always none is.
func (l *lane) skips(addr netip.Addr) bool { return l.skip.Len() > 0 && l.skip.Contains(addr) }

// addr is the address at a position.
func (l *lane) addr(pos uint64) netip.Addr { return l.set.At(l.order.At(l.shard.Position(pos))) }

// place is the position of an address, and whether the lane has it.
func (l *lane) place(addr netip.Addr) (pos uint64, ok bool) {
	index, ok := l.set.Index(addr)
	if !ok {
		return 0, false
	}
	return l.shard.PlaceOf(l.order.PositionOf(index))
}

// stride is how many positions are noted at a time: a lock for each would be a
// good part of what a raw packet costs.
const stride = 64

// questions yields what is left to be asked in the current pass.
func (l *lane) questions(ctx context.Context) iter.Seq[Question] {
	return func(yield func(Question) bool) {
		end := l.positions()
		pos := l.start()
		var asked int64
		var ahead glance
		defer func() { l.moved(pos, asked) }()
		for ; pos < end && ctx.Err() == nil; pos++ {
			if pos%stride == 0 {
				l.moved(pos, asked)
				asked = 0
			}
			again := l.failed.has(pos)
			if l.settled.has(pos) || l.mending && !again {
				continue
			}
			addr := l.set.At(ahead.index(l, pos))
			if l.skips(addr) {
				continue
			}
			if again {
				l.failed.clear(pos)
			}
			asked++
			if !yield(Question{Pos: pos, Addr: addr, again: again}) {
				pos++
				return
			}
		}
	}
}

// glance is which addresses of the set stand at the next positions: worked out
// side by side, they wait less for one another.
type glance struct {
	first uint64
	row   []uint64
	room  [stride]uint64
}

func (g *glance) index(l *lane, pos uint64) uint64 {
	if pos-g.first >= uint64(len(g.row)) {
		g.first, g.row = pos, g.room[:min(stride, l.positions()-pos)]
		l.order.Fill(g.row, l.shard.Position(pos), l.shard.Position(pos+1)-l.shard.Position(pos))
	}
	return g.row[pos-g.first]
}

func (l *lane) start() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked, l.settles, l.failing, l.back = 0, 0, 0, math.MaxUint64
	return l.pos
}

func (l *lane) moved(pos uint64, asked int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pos = min(pos, l.back)
	l.asked += asked
}

// mayBeAsked reports whether the question at a position can have been sent by
// now. What comes from an address before that is no answer, whatever it holds.
func (l *lane) mayBeAsked(pos uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pass > 0 || l.mending || pos < l.pos+MaxHeld
}

// unask takes a question back that was handed out but not sent. The walk ends
// after it.
func (l *lane) unask(q Question) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.back = min(l.back, q.Pos)
	l.pos = min(l.pos, l.back)
	l.asked--
	if q.again {
		l.failed.set(q.Pos)
	}
}

// settle notes that an address needs no further question, and reports whether
// that is news.
func (l *lane) settle(pos uint64) bool {
	if !l.settled.set(pos) {
		return false
	}
	l.mu.Lock()
	l.settles++
	l.mu.Unlock()
	return true
}

// outstanding reports whether any question of this pass is without an answer.
// It looks at the bits: a late reply to an earlier pass must not be counted as
// one to this.
func (l *lane) outstanding() bool {
	_, reached := l.at()
	for pos := range reached {
		if l.settled.has(pos) {
			continue
		}
		if _, ok := l.question(pos); ok {
			return true
		}
	}
	return false
}

// nextPass moves on to the next pass, and reports whether there is one in
// which anything is left to ask.
func (l *lane) nextPass() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pos < l.positions() || l.pass >= l.tries {
		return false
	}
	l.pass, l.pos, l.mending = l.pass+1, 0, false
	if l.pass == l.tries && l.toMend && l.failed.any() {
		l.pass, l.mending, l.toMend = l.tries-1, true, false
	}
	return l.pass < l.tries
}

// done reports whether every pass has been made.
func (l *lane) done() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pass >= l.tries
}

// state is what is known of an address that no observation was made of.
func (l *lane) state(pos uint64) exposure.State {
	switch {
	case l.settled.has(pos):
		return exposure.Closed
	case l.failed.has(pos):
		return exposure.LocalError
	case !l.done():
		return exposure.NotScanned
	}
	return exposure.Silent
}

// final reports whether nothing more will be learned of an address.
func (l *lane) final(pos uint64) bool { return l.settled.has(pos) || l.done() }

// tick remembers where the lane is, and returns where a sweep that was killed
// now would have to go on: the newest place that every answer due for it has
// had grace to arrive.
func (l *lane) tick(now time.Time, grace time.Duration) mark {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.marks) == 0 {
		l.marks = append(l.marks, mark{at: now, pass: 0, pos: 0})
	}
	sent := l.pos - min(l.pos, MaxHeld)
	l.marks = append(l.marks, mark{at: now, pass: l.pass, pos: sent, mending: l.mending})
	for len(l.marks) > 1 && now.Sub(l.marks[1].at) >= grace {
		l.marks = l.marks[1:]
	}
	return l.marks[0]
}

// now is where the lane is at this moment.
func (l *lane) now() mark {
	l.mu.Lock()
	defer l.mu.Unlock()
	return mark{pass: l.pass, pos: l.pos, mending: l.mending}
}

// at is where the lane is when nothing is under way.
func (l *lane) at() (pass int, pos uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pass, l.pos
}

// unsettle takes back that an address answered.
func (l *lane) unsettle(pos uint64) {
	l.settled.clear(pos)
}

// progress returns the current pass, and how many questions were asked and are
// left to ask over all passes, as far as can be told.
func (l *lane) progress() (pass int, asked, left float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := float64(l.positions())
	if l.pass >= l.tries {
		return l.pass - 1, n * float64(l.tries), 0
	}
	asked = n*float64(l.pass) + float64(l.pos)
	open := 1.0 // the share of addresses that later passes will still have to ask
	if l.asked > 0 {
		open = max(0, 1-float64(l.settles)/float64(l.asked))
	}
	left = n - float64(l.pos) + open*n*float64(l.tries-1-l.pass)
	return l.pass, asked, left
}

// fail notes that the latest attempt to ask an address failed here.
func (l *lane) fail(pos uint64) {
	l.failed.set(pos)
	l.mu.Lock()
	l.failing++
	l.mu.Unlock()
}

// tally returns how many questions of this pass were asked, how many of those
// settled, and how many failed on this machine.
func (l *lane) tally() (asked, settled, failed int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked, l.settles, l.failing
}
