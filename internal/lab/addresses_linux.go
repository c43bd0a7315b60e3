package lab

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
)

// addressing is who has which address on the link.
type addressing struct {
	scanner, target netip.Prefix
	gateway         netip.Addr // zero: on the link
	// server is where the target's memcached listens. It is outside of the
	// range, so that translation tells the two apart.
	server netip.Addr
}

// addressingOf gives the two ends addresses of their own: behind a gateway
// from a network apart, on the link the last ones of the range but one.
func addressingOf(o Options) addressing {
	a := addressing{
		scanner: netip.MustParsePrefix("172.31.255.2/30"),
		target:  netip.MustParsePrefix("172.31.255.1/30"),
	}
	if o.Range.Addr().Is6() {
		a.scanner = netip.MustParsePrefix("fd00:63::2/64")
		a.target = netip.MustParsePrefix("fd00:63::1/64")
	}
	a.gateway, a.server = a.target.Addr(), a.target.Addr()
	if o.OnLink {
		last := lastOf(o.Range)
		a.scanner = netip.PrefixFrom(last.Prev(), o.Range.Bits())
		a.target = netip.PrefixFrom(last.Prev().Prev(), o.Range.Bits())
		a.gateway = netip.Addr{}
	}
	return a
}

func lastOf(p netip.Prefix) netip.Addr {
	return nth(p, 1<<(p.Addr().BitLen()-p.Bits())-1)
}

// nth is an address of a prefix that is at most 63 bits long beyond its bits.
func nth(p netip.Prefix, n uint64) netip.Addr {
	b := p.Masked().Addr().As16()
	low := binary.BigEndian.Uint64(b[8:])
	binary.BigEndian.PutUint64(b[8:], low|n)
	if a := netip.AddrFrom16(b); p.Addr().Is6() {
		return a
	}
	return netip.AddrFrom16(b).Unmap()
}

// choose picks the addresses that answer, the same for the same seed. The first
// address and the last four are left out: they are the network's own, or an
// end of the link.
func choose(o Options, a addressing) ([]netip.Addr, error) {
	free := o.Within.Addr().BitLen() - o.Within.Bits()
	if !o.Range.Overlaps(o.Within) || o.Within.Bits() < o.Range.Bits() || free > 32 || o.Answering > 1<<free-5 {
		return nil, fmt.Errorf("choose %d addresses of %s in %s: there are not so many", o.Answering, o.Within, o.Range)
	}
	random := rand.New(rand.NewPCG(o.Seed, 0x6d656d7377656570))
	picked := make([]netip.Addr, 0, o.Answering)
	seen := map[uint64]bool{}
	for len(picked) < o.Answering {
		n := 1 + random.Uint64N(1<<free-5)
		if !seen[n] {
			seen[n] = true
			picked = append(picked, nth(o.Within, n))
		}
	}
	return picked, nil
}
