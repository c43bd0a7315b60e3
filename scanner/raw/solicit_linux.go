package raw

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// An ARP packet for IPv4 over Ethernet: RFC 826, "Packet format".
const (
	arpLength   = 28
	arpEthernet = 1      // ar$hrd, ares_hrd$Ethernet
	arpIPv4     = 0x0800 // ar$pro
	arpRequest  = 1      // ar$op, ares_op$REQUEST
	arpReply    = 2      // ar$op, ares_op$REPLY
)

func appendARPRequest(b []byte, mac net.HardwareAddr, source, target netip.Addr) []byte {
	b = binary.BigEndian.AppendUint16(b, arpEthernet)
	b = binary.BigEndian.AppendUint16(b, arpIPv4)
	b = append(b, 6, 4) // ar$hln, ar$pln
	b = binary.BigEndian.AppendUint16(b, arpRequest)
	b = append(append(b, mac...), source.AsSlice()...)
	return append(append(b, 0, 0, 0, 0, 0, 0), target.AsSlice()...)
}

// parseARPReply returns who says to have which Ethernet address, to a question
// of ours.
func parseARPReply(b []byte, asked netip.Addr) (addr netip.Addr, mac net.HardwareAddr, ok bool) {
	if len(b) < arpLength || binary.BigEndian.Uint16(b) != arpEthernet || binary.BigEndian.Uint16(b[2:]) != arpIPv4 ||
		b[4] != 6 || b[5] != 4 || binary.BigEndian.Uint16(b[6:]) != arpReply || netip.AddrFrom4([4]byte(b[24:28])) != asked {
		return addr, nil, false
	}
	return netip.AddrFrom4([4]byte(b[14:18])), net.HardwareAddr(b[8:14:14]), true
}

// arpSocket is a solicitor for IPv4, on all interfaces.
type arpSocket struct {
	file *os.File
	conn syscall.RawConn
	buf  [128]byte
}

func openARP() (*arpSocket, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, int(networkOrder(unix.ETH_P_ARP)))
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	s := &arpSocket{file: os.NewFile(uintptr(fd), "arp")}
	if s.conn, err = s.file.SyscallConn(); err != nil {
		return nil, errors.Join(err, s.file.Close())
	}
	return s, nil
}

func (s *arpSocket) Close() error { return s.file.Close() }

var errNoSource = errors.New("no address of the same family to ask from")

func (s *arpSocket) ask(via Path, addr netip.Addr) error {
	if !via.Source.Is4() {
		return errNoSource
	}
	packet := appendARPRequest(nil, via.SourceMAC, via.Source, addr)
	to := &unix.SockaddrLinklayer{
		Protocol: networkOrder(unix.ETH_P_ARP), Ifindex: via.Index,
		Halen: 6, Addr: [8]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	}
	var failed error
	err := s.conn.Control(func(fd uintptr) { failed = unix.Sendto(int(fd), packet, 0, to) })
	return errors.Join(err, os.NewSyscallError("sendto", failed))
}

func (s *arpSocket) hear(via Path, deadline time.Time) (netip.Addr, net.HardwareAddr, error) {
	if err := s.file.SetReadDeadline(deadline); err != nil {
		return netip.Addr{}, nil, err
	}
	var n int
	var from unix.Sockaddr
	var failed error
	err := s.conn.Read(func(fd uintptr) bool {
		n, from, failed = unix.Recvfrom(int(fd), s.buf[:], 0)
		return failed != unix.EAGAIN && failed != unix.EINTR
	})
	if err != nil || failed != nil {
		return netip.Addr{}, nil, errors.Join(err, os.NewSyscallError("recvfrom", failed))
	}
	if l, ok := from.(*unix.SockaddrLinklayer); !ok || l.Ifindex != via.Index {
		return netip.Addr{}, nil, nil
	}
	addr, mac, _ := parseARPReply(s.buf[:n], via.Source)
	return addr, append(net.HardwareAddr(nil), mac...), nil
}

// Neighbour Discovery: RFC 4861, sections 4.3, 4.4 and 4.6.1.
const (
	ndpSolicitation  = 135
	ndpAdvertisement = 136
	ndpSourceLink    = 1 // option: source link-layer address
	ndpTargetLink    = 2 // option: target link-layer address
	ndpHopLimit      = 255
	ndpLength        = 24 // of a solicitation or advertisement, without options
)

func appendSolicitation(b []byte, mac net.HardwareAddr, target netip.Addr) []byte {
	b = append(b, ndpSolicitation, 0, 0, 0, 0, 0, 0, 0) // the kernel fills in the checksum
	b = append(b, target.AsSlice()...)
	return append(append(b, ndpSourceLink, 1), mac...)
}

// parseAdvertisement returns which address is said to have which Ethernet
// address.
func parseAdvertisement(b []byte) (addr netip.Addr, mac net.HardwareAddr, ok bool) {
	if len(b) < ndpLength || b[0] != ndpAdvertisement || b[1] != 0 {
		return addr, nil, false
	}
	addr = netip.AddrFrom16([16]byte(b[8:24]))
	for b = b[ndpLength:]; len(b) >= 8; {
		length := 8 * int(b[1]) // RFC 4861, section 4.6: units of 8 octets
		if length == 0 || length > len(b) {
			break
		}
		if b[0] == ndpTargetLink && length == 8 {
			return addr, net.HardwareAddr(b[2:8:8]), true
		}
		b = b[length:]
	}
	return netip.Addr{}, nil, false
}

// solicitedNode is the group that a host with this address listens to:
// RFC 4291, section 2.7.1.
func solicitedNode(addr netip.Addr) net.IP {
	a := addr.As16()
	return net.IP{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a[13], a[14], a[15]}
}

// ndpSocket is a solicitor for IPv6, on all interfaces.
type ndpSocket struct {
	conn *ipv6.PacketConn
	buf  [1500]byte
}

func openNDP() (*ndpSocket, error) {
	c, err := net.ListenPacket("ip6:58", "::") // ICMPv6: RFC 4443, section 2.1
	if err != nil {
		return nil, err
	}
	s := &ndpSocket{conn: ipv6.NewPacketConn(c)}
	var filter ipv6.ICMPFilter
	filter.SetAll(true)
	filter.Accept(ipv6.ICMPTypeNeighborAdvertisement)
	err = errors.Join(s.conn.SetICMPFilter(&filter), s.conn.SetControlMessage(ipv6.FlagHopLimit|ipv6.FlagInterface, true))
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *ndpSocket) Close() error { return s.conn.Close() }

func (s *ndpSocket) ask(via Path, addr netip.Addr) error {
	// The source is the kernel's choice: the link-local address, even where
	// IPv4 goes by an IPv6 gateway.
	to := &net.IPAddr{IP: solicitedNode(addr), Zone: strconv.Itoa(via.Index)}
	control := &ipv6.ControlMessage{HopLimit: ndpHopLimit, IfIndex: via.Index}
	_, err := s.conn.WriteTo(appendSolicitation(nil, via.SourceMAC, addr), control, to)
	return err
}

func (s *ndpSocket) hear(via Path, deadline time.Time) (netip.Addr, net.HardwareAddr, error) {
	if err := s.conn.SetReadDeadline(deadline); err != nil {
		return netip.Addr{}, nil, err
	}
	n, control, _, err := s.conn.ReadFrom(s.buf[:])
	if err != nil {
		return netip.Addr{}, nil, err
	}
	// RFC 4861, section 7.1.2: a router between would have lowered the hop limit.
	if control == nil || control.HopLimit != ndpHopLimit || control.IfIndex != via.Index {
		return netip.Addr{}, nil, nil
	}
	addr, mac, _ := parseAdvertisement(s.buf[:n])
	return addr, append(net.HardwareAddr(nil), mac...), nil
}
