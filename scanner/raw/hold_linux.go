package raw

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Held is UDP ports that nobody else on this machine gets while it is open:
// the kernel would say with ICMP "port unreachable" to everyone who answers
// that nobody asked. The sockets that hold the ports receive nothing. TCP needs
// none: the reset that the kernel answers a SYN-ACK with ends the half-open
// connection.
type Held struct {
	ports   []uint16
	sockets []int
}

// HoldPorts takes count ports, all of them at every one of our addresses, from
// the range that the system takes ports of its own from, since firewalls expect
// answers there. They follow one another, except where one was taken.
func HoldPorts(sources []netip.Addr, count int) (*Held, error) {
	from := ephemeralRange()
	room := int(from.Last-from.First) + 1
	if count < 1 || count > room {
		return nil, fmt.Errorf("hold %d ports: the system has %d to give", count, room)
	}
	h := &Held{}
	first := int(from.First) + rand.IntN(room-count+1)
	for port := first; port <= int(from.Last) && len(h.ports) < count; port++ {
		err := h.hold(sources, uint16(port))
		if err != nil && !errors.Is(err, unix.EADDRINUSE) {
			return nil, errors.Join(fmt.Errorf("hold port %d: %w", port, err), h.Close())
		}
	}
	if len(h.ports) == 0 {
		return nil, fmt.Errorf("hold %d ports from %d on: all are taken", count, first)
	}
	return h, nil
}

// hold takes one port at every address, or at none.
func (h *Held) hold(sources []netip.Addr, port uint16) error {
	before := len(h.sockets)
	for _, source := range sources {
		fd, err := holdPort(netip.AddrPortFrom(source, port))
		if err != nil {
			return errors.Join(err, h.release(before))
		}
		h.sockets = append(h.sockets, fd)
	}
	h.ports = append(h.ports, port)
	return nil
}

func holdPort(at netip.AddrPort) (fd int, err error) {
	address, err := sockaddr(at)
	if err != nil {
		return -1, err
	}
	family := unix.AF_INET6
	if at.Addr().Is4() {
		family = unix.AF_INET
	}
	if fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	// Best effort, for the moment before the filter is there: as small as the
	// system allows.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 0)
	if err := rejectAll(fd); err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	if err := unix.Bind(fd, address); err != nil {
		return -1, errors.Join(os.NewSyscallError("bind", err), unix.Close(fd))
	}
	return fd, nil
}

func rejectAll(fd int) error {
	program, err := bpf.Assemble([]bpf.Instruction{bpf.RetConstant{Val: 0}})
	if err != nil {
		return err
	}
	return attachFilter(fd, program)
}

func sockaddr(at netip.AddrPort) (unix.Sockaddr, error) {
	if at.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}, nil
	}
	address := &unix.SockaddrInet6{Port: int(at.Port()), Addr: at.Addr().As16()}
	if zone := at.Addr().Zone(); zone != "" {
		device, err := net.InterfaceByName(zone)
		if err != nil {
			return nil, err
		}
		address.ZoneId = uint32(device.Index)
	}
	return address, nil
}

// ephemeralRange is what the system gives to sockets that ask for any port.
func ephemeralRange() PortRange {
	var r PortRange
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err == nil {
		_, err = fmt.Sscan(string(text), &r.First, &r.Last)
	}
	if err != nil || r.Last < r.First || r.First == 0 {
		return PortRange{First: 49152, Last: 65535} // RFC 6335, section 6
	}
	return r
}

// Ports are those held, in order.
func (h *Held) Ports() []uint16 { return slices.Clone(h.ports) }

// Range is the smallest that contains them all.
func (h *Held) Range() PortRange {
	return PortRange{First: h.ports[0], Last: h.ports[len(h.ports)-1]}
}

// Close gives the ports back.
func (h *Held) Close() error { return h.release(0) }

// release closes all sockets but the first few.
func (h *Held) release(keep int) error {
	var errs []error
	for _, fd := range h.sockets[keep:] {
		errs = append(errs, unix.Close(fd))
	}
	h.sockets = h.sockets[:keep]
	return errors.Join(errs...)
}
