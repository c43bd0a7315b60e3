package targets

import (
	"errors"
	"fmt"
	"net/netip"

	"go4.org/netipx"
)

// maxIPv6 is the most addresses that one IPv6 target may hold: a /108. Wider
// ones are nearly empty and would never end.
const maxIPv6 = 1 << 20

// block is a part of the address space that holds no host to ask.
type block struct {
	prefix netip.Prefix
	what   string
}

// notUnicast lists the blocks that no target may touch (IANA IPv4 and IPv6
// Special-Purpose Address Registries; RFC 5771, RFC 4291 section 2.4).
var notUnicast = []block{
	{netip.MustParsePrefix("0.0.0.0/8"), "unspecified addresses"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved or broadcast, not unicast"},
	{netip.MustParsePrefix("::/128"), "the unspecified address"},
	{netip.MustParsePrefix("ff00::/8"), "multicast"},
}

// sweepable reports why r may not be a target, whoever owns it.
func sweepable(r netipx.IPRange) error {
	if !r.IsValid() {
		return errors.New("no addresses: write a CIDR, an address, a range or a host name")
	}
	for _, b := range notUnicast {
		bad := netipx.RangeOfPrefix(b.prefix)
		switch {
		case bad.Contains(r.From()) && bad.Contains(r.To()):
			return fmt.Errorf("%s (%s): write the addresses of hosts", b.what, brief(b.prefix))
		case bad.Overlaps(r):
			return fmt.Errorf("it covers %s (%s): write only the networks that you own", brief(b.prefix), b.what)
		}
	}
	if r.From().Is6() && rangeLen(r) > maxIPv6 {
		n := count(rangePrefixes(r))
		if p, ok := r.Prefix(); ok {
			return fmt.Errorf("IPv6 wider than /108 (a /%d holds %v addresses): write /108s or narrower, or single addresses", p.Bits(), n)
		}
		return fmt.Errorf("an IPv6 range of %v addresses, more than %d: write /108s or narrower, or single addresses", n, maxIPv6)
	}
	return nil
}
