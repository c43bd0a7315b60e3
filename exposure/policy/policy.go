// Package policy holds what was found against what its owner promised: what
// may be reached where, who says so, and until when.
//
// It fails open. A justification that has expired, is malformed, or promises
// more than the server keeps allows nothing: the finding is back at its full
// severity, with a second one about the justification. What was not measured
// keeps no promise. And a file that was cut off anywhere is either refused or
// stricter than the whole.
package policy

import (
	"iter"
	"net/netip"
	"slices"

	"github.com/memsweep/memsweep/exposure"
)

// Policy is the owner's word, as one file has it. A nil *Policy is that of an
// owner who gave none: it changes nothing but what an earlier one allowed until a
// day that is over.
type Policy struct {
	Path   string
	SHA256 string // of the file's bytes, lower-case hex

	expected map[netip.Prefix]expectation
	// justified are the justifications in the order of the file, by range the
	// places of those that are for it.
	justified []*justification
	byRange   map[netip.Prefix][]int
}

// expectation is what one range may show, by the trust of who looks.
type expectation struct {
	line int
	from map[exposure.Trust]exposure.Expectation // a trust that is missing: none
}

// Justifications is how many there are.
func (p *Policy) Justifications() int { return len(p.justified) }

// Ranges is how many ranges have an expectation.
func (p *Policy) Ranges() int { return len(p.expected) }

// Expects says what may be reached at addr from a place of that trust. The
// most specific range decides, alone: what it does not say is none. An unknown
// trust counts as untrusted. Loopback may show anything, as nobody else can
// reach it, unless the policy has a range or a justification for it: then its
// owner wants to know.
func (p *Policy) Expects(addr netip.Addr, trust exposure.Trust) exposure.Expectation {
	addr = plain(addr)
	for prefix := range around(addr) {
		if e, ok := p.expected[prefix]; ok {
			return e.by(trust)
		}
	}
	if addr.IsLoopback() && len(p.about(addr)) == 0 {
		return exposure.ExpectUDP
	}
	return exposure.ExpectNone
}

func (e expectation) by(trust exposure.Trust) exposure.Expectation {
	if trust != exposure.Trusted && trust != exposure.SemiTrusted {
		trust = exposure.Untrusted
	}
	if expected, ok := e.from[trust]; ok {
		return expected
	}
	return exposure.ExpectNone
}

// about lists the justifications for addr, in the order of the file.
func (p *Policy) about(addr netip.Addr) []*justification {
	var places []int
	for prefix := range around(addr) {
		places = append(places, p.byRange[prefix]...)
	}
	slices.Sort(places)
	list := make([]*justification, len(places))
	for i, place := range places {
		list[i] = p.justified[place]
	}
	return list
}

// plain is the one form of an address that ranges are compared with.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

// around yields every prefix that holds addr, the most specific first.
func around(addr netip.Addr) iter.Seq[netip.Prefix] {
	return func(yield func(netip.Prefix) bool) {
		for bits := addr.BitLen(); bits >= 0; bits-- {
			prefix, err := addr.Prefix(bits)
			if err != nil || !yield(prefix) {
				return // no address at all, or enough
			}
		}
	}
}
