package raw

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// lookup asks the kernel which way it would send a packet.
func (r *Router) lookup(addr netip.Addr) (Path, error) {
	route, err := r.kernelRoute(addr)
	if err != nil {
		return Path{}, fmt.Errorf("route to %s: %w", addr, err)
	}
	index := route.LinkIndex
	if route.Type == unix.RTN_LOCAL {
		index = loopbackIndex // IPv6 names the interface that the address is on
	}
	if r.index != 0 && index != r.index {
		return Path{}, fmt.Errorf("route to %s: %w over interface %s", addr, ErrNoRoute, r.name)
	}
	p, err := r.linkPath(index)
	if err != nil {
		return Path{}, fmt.Errorf("route to %s: %w", addr, err)
	}
	if route.MTU > 0 {
		p.MTU = min(p.MTU, route.MTU)
	}
	if p.Source = r.sourceOf(route, addr); !p.Source.IsValid() || p.Source.IsUnspecified() {
		return Path{}, fmt.Errorf("route to %s: %w: this machine has no address to send from on %s", addr, ErrNoRoute, p.Interface)
	}
	p.Gateway = gatewayOf(route)
	if p.Gateway.IsValid() && p.SourceMAC != nil && p.NextMAC == nil && r.neighbours != nil {
		next, err := r.gatewayMAC(p)
		if err != nil {
			return Path{}, fmt.Errorf("route to %s: %w", addr, err)
		}
		p.NextMAC = next.MAC
	}
	return p, nil
}

// loopbackIndex is the same in every network namespace: LOOPBACK_IFINDEX in
// the kernel's include/net/flow.h.
const loopbackIndex = 1

func (r *Router) kernelRoute(addr netip.Addr) (netlink.Route, error) {
	options := netlink.RouteGetOptions{OifIndex: r.index}
	if r.fixedSource(addr) {
		options.SrcAddr = r.source.AsSlice()
	}
	if r.index != 0 {
		// Told which interface to use, the kernel takes every address that no
		// route leads to for on-link. Only this question is refused then.
		match := options
		match.FIBMatch = true
		if _, err := r.handle.RouteGetWithOptions(addr.AsSlice(), &match); err != nil {
			return netlink.Route{}, refused(err)
		}
	}
	routes, err := r.handle.RouteGetWithOptions(addr.AsSlice(), &options)
	if err != nil {
		return netlink.Route{}, refused(err)
	}
	if len(routes) == 0 {
		return netlink.Route{}, ErrNoRoute
	}
	route := routes[0]
	switch route.Type {
	case unix.RTN_UNICAST, unix.RTN_LOCAL:
	case unix.RTN_BROADCAST:
		return route, fmt.Errorf("%w to a broadcast address", ErrNoRoute)
	case unix.RTN_MULTICAST:
		return route, fmt.Errorf("%w to a multicast address", ErrNoRoute)
	default:
		return route, fmt.Errorf("%w of a kind that leads to a host (rtm_type %d)", ErrNoRoute, route.Type)
	}
	if route.Encap != nil {
		return route, fmt.Errorf("%w without encapsulation (%s)", ErrNoRoute, route.Encap)
	}
	return route, nil
}

func (r *Router) fixedSource(addr netip.Addr) bool {
	return r.source.IsValid() && r.source.Is4() == addr.Is4()
}

// refused turns the kernel's refusals into ErrNoRoute: fib_props in
// net/ipv4/fib_semantics.c, ip6_rt_type_to_error in net/ipv6/route.c.
func refused(err error) error {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err
	}
	switch errno {
	case syscall.ENETUNREACH:
		return ErrNoRoute
	case syscall.EHOSTUNREACH:
		return fmt.Errorf("%w: declared unreachable, or not over that interface", ErrNoRoute)
	case syscall.EACCES:
		return fmt.Errorf("%w: prohibited", ErrNoRoute)
	case syscall.EINVAL:
		return fmt.Errorf("%w: a black hole, or not an address of a host", ErrNoRoute)
	}
	return err
}

func (r *Router) sourceOf(route netlink.Route, addr netip.Addr) netip.Addr {
	if r.fixedSource(addr) {
		return r.source
	}
	source, _ := netip.AddrFromSlice(route.Src)
	return source.Unmap()
}

// gatewayOf is the zero Addr for targets on the link. An IPv4 route may go by
// an IPv6 gateway (RFC 8950, section 4); rtnetlink calls that "via".
func gatewayOf(route netlink.Route) netip.Addr {
	next := route.Gw
	if via, ok := route.Via.(*netlink.Via); ok {
		next = via.Addr
	}
	gateway, _ := netip.AddrFromSlice(next)
	return gateway.Unmap()
}

// linkPath is what a path takes from its interface.
func (r *Router) linkPath(index int) (Path, error) {
	link, err := r.handle.LinkByIndex(index)
	if err != nil {
		return Path{}, fmt.Errorf("interface %d: %w", index, err)
	}
	a := link.Attrs()
	p := Path{Index: index, Interface: a.Name, MTU: a.MTU}
	switch a.EncapType {
	case "loopback":
		p.SourceMAC = make(net.HardwareAddr, 6) // an Ethernet header of zeros
	case "ether":
		p.SourceMAC = a.HardwareAddr
		if a.RawFlags&unix.IFF_NOARP != 0 {
			// Nobody can be asked: arp_constructor in the kernel's
			// net/ipv4/arp.c takes the interface's own address, too.
			p.NextMAC = p.SourceMAC
		}
	case "none", "ppp", "ipip", "tunnel6", "sit", "gre", "unknown519", "unknown823": // 519: raw IP, 823: GRE over IPv6
	default:
		return Path{}, fmt.Errorf("%w that the raw engine can take: interface %s is of type %s", ErrNoRoute, a.Name, a.EncapType)
	}
	if a.RawFlags&unix.IFF_UP == 0 {
		return Path{}, fmt.Errorf("%w: interface %s is down", ErrNoRoute, a.Name)
	}
	return p, nil
}
