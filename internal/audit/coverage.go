package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"slices"

	"github.com/memsweep/memsweep/exposure"
)

// counted is what became of every endpoint.
type counted struct {
	coverage  exposure.Coverage
	addresses []netip.Addr // in order
}

// count adds up: two endpoints for each address, more where several servers or
// ports share one.
func (s *survey) count(hosts []exposure.Host) counted {
	addresses := slices.Clone(s.bases)
	by := map[netip.Addr][]exposure.Observation{}
	for _, h := range hosts {
		addresses = append(addresses, h.Addr)
		by[h.Addr] = append(by[h.Addr], h.Observations...)
	}
	slices.SortFunc(addresses, netip.Addr.Compare)
	c := counted{addresses: slices.Compact(addresses)}
	probes := map[string]exposure.Outcomes{tcpProbe: {}, udpProbe: {}}
	fates := map[string]exposure.Fates{}
	for _, t := range transports() {
		var closed, unasked bits
		for i, a := range c.addresses {
			o := s.outcomes(by[a], a, t)
			probes[probeOf(t)] = probes[probeOf(t)].Add(o)
			closed.set(i, o.Closed > 0 && o.Closed == o.Sum())
			unasked.set(i, o.NotScanned > 0 && o.Answered == 0)
		}
		fates[probeOf(t)] = exposure.Fates{Closed: exposure.PackBits(closed.padded(len(c.addresses))), Unasked: exposure.PackBits(unasked.padded(len(c.addresses)))}
	}
	c.coverage = exposure.Coverage{Addresses: uint64(len(c.addresses)), Probes: probes, Fates: fates}
	for _, o := range probes {
		c.coverage.Outcomes = c.coverage.Outcomes.Add(o)
	}
	c.coverage.Planned = c.coverage.Outcomes.Sum()
	return c
}

// outcomes are those of one transport at one address.
func (s *survey) outcomes(list []exposure.Observation, a netip.Addr, t exposure.Transport) (o exposure.Outcomes) {
	for _, seen := range list {
		switch {
		case seen.Transport != t:
		case seen.State.Answered():
			o.Answered++
		case seen.State == exposure.Closed:
			o.Closed++
		default:
			o.NotScanned++
		}
	}
	switch unseen := s.blind || s.unknown[a][t]; {
	case unseen && o.Answered+o.NotScanned == 0: // one that is closed there says nothing of another
		o.NotScanned++
	case o.Sum() == 0:
		o.Closed++
	}
	return o
}

// bits is a set of small numbers, as exposure.PackBits wants it.
type bits []byte

func (b *bits) set(i int, on bool) {
	if !on {
		return
	}
	*b = b.padded(i + 1)
	(*b)[i/8] |= 1 << (i % 8)
}

// padded is long enough for n of them.
func (b bits) padded(n int) bits {
	return append(b, make(bits, max(0, (n+7)/8-len(b)))...)
}

// plan is what was looked at, in the words of a sweep's plan where they fit.
type plan struct {
	Targets []netip.Prefix    `json:"targets"`
	Exclude []netip.Prefix    `json:"exclude"`
	Probes  []string          `json:"probes"`
	Port    uint16            `json:"port"` // where a port was not found out otherwise
	Engine  string            `json:"engine"`
	Root    string            `json:"root,omitempty"`
	Seen    []string          `json:"seen"`  // processes and services
	Files   map[string]string `json:"files"` // "read", "absent", or why not
	SHA256  string            `json:"sha256,omitempty"`
}

// plan tells what was looked at. Its digest is that of what was asked: the
// addresses and how.
func (s *survey) plan(addresses []netip.Addr, root string) json.RawMessage {
	p := plan{Exclude: []netip.Prefix{}, Targets: []netip.Prefix{}, Probes: []string{tcpProbe, udpProbe}, Port: defaultPort, Engine: "audit", Root: root}
	for _, a := range addresses {
		p.Targets = append(p.Targets, netip.PrefixFrom(a, a.BitLen()))
	}
	sum := sha256.Sum256(p.json())
	p.Seen, p.Files, p.SHA256 = append([]string{}, s.seen...), s.tree.seen, hex.EncodeToString(sum[:])
	return p.json()
}

func (p plan) json() json.RawMessage {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // plain data
	}
	return b
}
