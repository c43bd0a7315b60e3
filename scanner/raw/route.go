package raw

import (
	"errors"
	"net"
	"net/netip"
)

// ErrNoRoute means that this machine does not send packets to an address:
// nothing leads there, or its tables forbid it. It is a failure of ours, and
// says nothing about the address.
var ErrNoRoute = errors.New("no route")

// ErrNoNeighbour means that the next hop did not say its Ethernet address.
var ErrNoNeighbour = errors.New("neighbour does not answer")

// RouteOptions say how to choose paths.
type RouteOptions struct {
	// Interface is the name of the only interface to use; "" leaves the choice
	// to the routing tables.
	Interface string
	// Source is the address to send from, one of this machine's, to addresses
	// of its family; the zero Addr leaves the choice to the routing tables.
	Source netip.Addr
	// Neighbours finds the Ethernet addresses of gateways. Without it, paths
	// through a gateway have no NextMAC.
	Neighbours *Neighbours
}

// Neighbour is what came of asking for one Ethernet address: an address, an
// error that wraps ErrNoNeighbour, or a failure of this machine.
type Neighbour struct {
	Addr netip.Addr
	MAC  net.HardwareAddr // nil together with an error
	Err  error
}

// PerHost reports whether every target of the path has an Ethernet address of
// its own, which Neighbours.Resolve finds.
func (p Path) PerHost() bool {
	return p.SourceMAC != nil && p.NextMAC == nil && !p.Gateway.IsValid() && !p.Loopback()
}

// Loopback reports whether packets of the path never leave this machine. Linux
// drops IPv4 frames that are put on the loopback interface from outside of its
// IP stack, as martians, unless net.ipv4.conf.lo.accept_local and, for
// 127.0.0.0/8, route_localnet are 1; IPv6 frames arrive.
func (p Path) Loopback() bool {
	return p.SourceMAC != nil && isZero(p.SourceMAC)
}

func isZero(b []byte) bool {
	for _, v := range b {
		if v != 0 {
			return false
		}
	}
	return true
}
