package scanner

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/memsweep/memsweep/targets"
)

// LocalAddrs are the addresses of this machine's interfaces, link-local ones
// included.
func LocalAddrs() ([]netip.Addr, error) {
	networks, err := localNetworks()
	if err != nil {
		return nil, err
	}
	var addrs []netip.Addr
	for _, p := range networks {
		addrs = append(addrs, p.Addr())
	}
	return addrs, nil
}

// Broadcasts are the addresses in the set that are the broadcast address of a
// network of this machine. No host can have one, and the kernel refuses to
// send there.
func Broadcasts(set targets.Set) ([]netip.Addr, error) {
	networks, err := localNetworks()
	if err != nil {
		return nil, err
	}
	var found []netip.Addr
	for _, p := range networks {
		if a, ok := broadcast(p); ok && set.Contains(a) {
			found = append(found, a)
		}
	}
	return found, nil
}

// broadcast is the last address of an IPv4 network (RFC 919); networks of one
// or two addresses have none (RFC 3021).
func broadcast(p netip.Prefix) (netip.Addr, bool) {
	if !p.Addr().Is4() || p.Bits() > 30 {
		return netip.Addr{}, false
	}
	a := p.Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		a[bit/8] |= 1 << (7 - bit%8)
	}
	return netip.AddrFrom4(a), true
}

func localNetworks() ([]netip.Prefix, error) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list this machine's addresses: %w", err)
	}
	var networks []netip.Prefix
	for _, a := range list {
		p, err := netip.ParsePrefix(a.String())
		if err == nil {
			networks = append(networks, netip.PrefixFrom(p.Addr().Unmap(), p.Bits()))
		}
	}
	return networks, nil
}
