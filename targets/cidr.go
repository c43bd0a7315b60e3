package targets

import (
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"slices"

	"github.com/projectdiscovery/mapcidr"
	"go4.org/netipx"
)

// This file is the only one that knows mapcidr, and it uses three of its
// functions. The others drop IPv6, count a /64 as nothing, fail when an
// exclusion covers a target, or leak goroutines; subtraction and order are
// Set and Order instead.

// rangePrefixes returns the fewest prefixes that are exactly r, in order.
func rangePrefixes(r netipx.IPRange) []netip.Prefix {
	if r.From() == r.To() {
		return []netip.Prefix{netip.PrefixFrom(r.From(), r.From().BitLen())}
	}
	texts, err := mapcidr.IpRangeToCIDR(r.From().String(), r.To().String())
	if err != nil { // only for an invalid range, and a Set holds none
		panic(fmt.Sprintf("targets: range %v: %v", r, err))
	}
	prefixes := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		prefixes[i] = netip.MustParsePrefix(text)
	}
	return prefixes
}

// coalesce merges nested, adjacent and repeated prefixes into the fewest that
// cover the same addresses, ascending, IPv4 first. The cost may grow with the square of
// their number: it is for what was typed, not for what was read from a list.
func coalesce(prefixes []netip.Prefix) []netip.Prefix {
	var v4 []*net.IPNet
	var v6 []netipx.IPRange
	for _, p := range prefixes {
		if p.Addr().Is4() {
			v4 = append(v4, netipx.PrefixIPNet(p))
		} else {
			v6 = append(v6, netipx.RangeOfPrefix(p))
		}
	}
	// CoalesceCIDRs must not see IPv6: it panics when the blocks that it
	// merges begin with a zero byte, as 64:ff9b::/96 does.
	merged, _ := mapcidr.CoalesceCIDRs(v4)
	out := make([]netip.Prefix, 0, len(merged))
	for _, n := range merged {
		// The address may be 16 bytes long while the mask is 4.
		addr, _ := netip.AddrFromSlice(n.IP.To4())
		ones, _ := n.Mask.Size()
		out = append(out, netip.PrefixFrom(addr, ones))
	}
	slices.SortFunc(out, netip.Prefix.Compare) // what a merged range splits into is in no order
	return append(out, setOf(v6).Prefixes()...)
}

// count returns how many addresses the prefixes hold, network and broadcast
// addresses included: memcached answers on those of a split network too.
// Prefixes that overlap are counted twice.
func count(prefixes []netip.Prefix) *big.Int {
	nets := make([]*net.IPNet, len(prefixes))
	for i, p := range prefixes {
		nets[i] = netipx.PrefixIPNet(p)
	}
	return mapcidr.CountIPsInCIDRs(true, true, nets...)
}
