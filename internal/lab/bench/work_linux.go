package main

import (
	"net/netip"

	"github.com/memsweep/memsweep/internal/lab"
)

// work is one thing that everybody is asked to do.
type work struct {
	name  string // for -only and for headings
	title string
	udp   bool // a UDP payload; else a SYN
	rate  int  // packets a second; 0: as fast as they can
	// bits is how long the prefix is that is swept; 0: all of the range.
	bits int
	// whole is the range, if it is not that of the command line, and rounds
	// how many rounds are enough.
	whole  netip.Prefix
	rounds int
	// sink is where packets to the silent addresses end, if it is not where the
	// command line says.
	sink *lab.Rest
}

// works is what is measured.
func works(o options) []work {
	many, ingress := netip.MustParsePrefix("10.0.0.0/8"), lab.Silent
	all := []work{
		{name: "udp", title: "UDP payload, full speed", udp: true},
		{name: "syn", title: "SYN, full speed"},
		{name: "udp10k", title: "UDP payload, 10,000 packets/s", udp: true, rate: 10_000, bits: 16},
		{name: "syn10k", title: "SYN, 10,000 packets/s", rate: 10_000, bits: 16},
		{name: "udp16m", title: "UDP payload, full speed, four times as many addresses", udp: true, whole: many, rounds: 1},
		{name: "udpnft", title: "UDP payload, full speed, dropped by nftables as they enter the target", udp: true, sink: &ingress, rounds: 2},
		{name: "synnft", title: "SYN, full speed, dropped by nftables as they enter the target", sink: &ingress, rounds: 2},
	}
	for i := range all {
		if !all[i].whole.IsValid() {
			all[i].whole = o.target
		}
		if all[i].sink == nil {
			all[i].sink = &o.sink
		}
		if all[i].rounds == 0 {
			all[i].rounds = o.rounds
		}
	}
	return all
}

// prefix is what a contender sweeps for a work.
func (w work) prefix(c contender) netip.Prefix {
	bits := max(w.bits, w.whole.Bits())
	if c.slice != nil {
		bits = max(bits, c.slice(w))
	}
	return netip.PrefixFrom(w.whole.Masked().Addr(), bits)
}

// addresses is how many a prefix has.
func addresses(p netip.Prefix) int { return 1 << (p.Addr().BitLen() - p.Bits()) }

// question is the datagram that everybody sends: `version` in memcached's
// frame for UDP (doc/protocol.txt, "UDP protocol"): request ID, sequence
// number 0, 1 datagram, reserved.
const question = "\x00\x01\x00\x00\x00\x01\x00\x00version\r\n"

// rateOf is the rate to ask for; none is faster than memsweep accepts.
func (w work) rateOf() int {
	if w.rate == 0 {
		return 10_000_000
	}
	return w.rate
}
