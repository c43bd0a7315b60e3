package probes

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/memsweep/memsweep/exposure"
)

// Caps on what is taken from one host for one question over UDP. A `stats`
// reply is 1 to 3 datagrams of at most 1400 bytes.
const (
	MaxReplyDatagrams = 512
	MaxReplyBytes     = 256 << 10
)

// Assembler collects the datagrams of one reply: they come out of order,
// twice, or never. It counts all of them, since all of them are traffic that
// a forged request would have caused, and puts together those that fit.
type Assembler struct {
	sizes      []int  // payload of every datagram, in order of arrival
	bytes      int    // sum of sizes
	seen       []part // the first of each sequence number, in order; up to next without a gap
	duplicates int
	conflicts  int // duplicates whose content differs from the first
	malformed  int // datagrams without a plausible frame
	declared   int // largest total
	reply      []byte
	next       int // sequence number that reply waits for
	end        terminator
	capped     bool
}

// part is what one datagram brought.
type part struct {
	sequence uint16
	payload  []byte
}

// usualDatagrams is how many a reply of statistics has at most.
const usualDatagrams = 3

// Add takes one datagram and says how long to wait for another: Linger once
// the reply is whole, since duplicates may follow, and Enough when a cap was
// hit. The datagram is not kept.
func (a *Assembler) Add(datagram []byte) Patience {
	if a.capped {
		return Enough
	}
	a.sizes = append(a.sizes, len(datagram))
	a.bytes += len(datagram)
	if f, ok := ParseFrame(datagram); ok && f.Plausible() {
		a.place(f)
	} else {
		a.malformed++
	}
	a.capped = len(a.sizes) >= MaxReplyDatagrams || a.bytes >= MaxReplyBytes
	switch {
	case a.capped:
		return Enough
	case a.finished():
		return Linger
	}
	return More
}

func (a *Assembler) place(f Frame) {
	a.declared = max(a.declared, int(f.Total))
	at, twice := slices.BinarySearchFunc(a.seen, f.Sequence, func(p part, sequence uint16) int {
		return cmp.Compare(p.sequence, sequence)
	})
	if twice {
		a.duplicates++
		if !bytes.Equal(a.seen[at].payload, f.Payload) {
			a.conflicts++
		}
		return
	}
	if f.Sequence == 0 { // what it declares may be a lie
		a.reply = make([]byte, 0, len(f.Payload)*min(int(f.Total), usualDatagrams))
	}
	if int(f.Sequence) != a.next {
		f.Payload = bytes.Clone(f.Payload) // it must wait for others
	}
	a.seen = slices.Insert(a.seen, at, part{f.Sequence, f.Payload})
	for a.next < len(a.seen) && int(a.seen[a.next].sequence) == a.next {
		p := &a.seen[a.next]
		a.reply = append(a.reply, p.payload...)
		p.payload = a.reply[len(a.reply)-len(p.payload):]
		a.next++
	}
}

// finished: the contiguous reply has its last line, nothing lies beyond a gap,
// and as many datagrams came as were declared. The total alone never finishes
// a reply, because 1.6.0 to 1.6.9 declare too few.
func (a *Assembler) finished() bool {
	return a.end.enough(a.reply) && a.next == len(a.seen) && len(a.seen) >= a.declared
}

// Reply is the contiguous part of the reply, from its beginning.
func (a *Assembler) Reply() []byte { return a.reply }

// Complete reports whether the datagrams form one reply that ends in END\r\n.
func (a *Assembler) Complete() bool {
	return a.end.ended() && a.next == len(a.seen) && bytes.HasSuffix(a.reply, []byte("END\r\n"))
}

// Amplification is what was counted, for a request of requestBytes over IPv4
// or IPv6; nil when not a single datagram came.
func (a *Assembler) Amplification(request string, requestBytes int, overIPv6 bool) *exposure.Amplification {
	if len(a.sizes) == 0 {
		return nil
	}
	ratios := exposure.Amplify(requestBytes, a.sizes, overIPv6)
	return &exposure.Amplification{
		Request:           request,
		RequestBytes:      requestBytes,
		ResponseBytes:     a.bytes,
		Datagrams:         len(a.sizes),
		DatagramsUnique:   len(a.seen),
		DatagramsDeclared: a.declared,
		Duplicates:        a.duplicates,
		DatagramSizes:     a.sizes[:min(len(a.sizes), exposure.MaxSizesListed)],
		Complete:          a.Complete(),
		Capped:            a.capped,
		BAF:               ratios.BAF,
		PAF:               ratios.PAF,
		IPRatio:           ratios.IP,
		WireRatio:         ratios.Wire,
	}
}
