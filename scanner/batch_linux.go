package scanner

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// batchSocket sends and receives UDP datagrams many at a time (sendmmsg,
// recvmmsg). One goroutine may send while one other receives.
type batchSocket struct {
	conn *net.UDPConn
	mmsg interface {
		ReadBatch([]ipv4.Message, int) (int, error)
		WriteBatch([]ipv4.Message, int) (int, error)
	}
	out, in, errs []ipv4.Message
}

func newBatchSocket(v4 bool) (*batchSocket, error) {
	conn, err := listenUDP(v4, From{})
	if err != nil {
		return nil, err
	}
	conn.SetReadBuffer(socketBuffer) // best effort: the system may allow less
	conn.SetWriteBuffer(socketBuffer)
	s := &batchSocket{conn: conn, out: messages(maxBatch, 0), in: messages(64, maxDatagram), errs: messages(16, maxDatagram)}
	if v4 {
		s.mmsg = ipv4.NewPacketConn(conn)
	} else {
		s.mmsg = ipv6.NewPacketConn(conn)
	}
	for i := range s.out {
		s.out[i].Addr = &net.UDPAddr{IP: make(net.IP, 16)}
	}
	for i := range s.errs {
		s.errs[i].OOB = make([]byte, 512)
	}
	return s, nil
}

const (
	socketBuffer = 2 << 20
	maxDatagram  = 2048 // of discovery; a longer reply is cut, which does no harm
)

func messages(n, size int) []ipv4.Message {
	list := make([]ipv4.Message, n)
	for i := range list {
		list[i].Buffers = [][]byte{make([]byte, size)}
	}
	return list
}

func (s *batchSocket) Close() error { return s.conn.Close() }

// send transmits the leading datagrams of a batch of at most maxBatch and
// returns how many the kernel took; an error is about the next one.
func (s *batchSocket) send(batch []outgoing) (int, error) {
	for i, d := range batch {
		to := s.out[i].Addr.(*net.UDPAddr)
		if d.to.Addr().Is4() {
			a := d.to.Addr().As4()
			to.IP = append(to.IP[:0], a[:]...)
		} else {
			a := d.to.Addr().As16()
			to.IP = append(to.IP[:0], a[:]...)
		}
		to.Port = int(d.to.Port())
		s.out[i].Buffers[0] = d.payload
	}
	return s.mmsg.WriteBatch(s.out[:len(batch)], 0)
}

// receive waits until the deadline for datagrams and ICMP errors, hands them
// out, and returns how many there were. refused gets the event and the datagram
// that was sent. A deadline that passes is no error.
func (s *batchSocket) receive(deadline time.Time, got func(netip.AddrPort, []byte), refused func(e Event, quoted []byte)) (int, error) {
	s.conn.SetReadDeadline(deadline) // first: past the last one not even errors are read
	errs := s.drainErrors(refused)
	n, err := s.mmsg.ReadBatch(s.in, 0)
	for _, m := range s.in[:max(n, 0)] {
		if from, ok := m.Addr.(*net.UDPAddr); ok {
			got(addrPort(from), m.Buffers[0][:m.N])
		}
	}
	switch {
	case err == nil, errors.Is(err, os.ErrDeadlineExceeded), isRefusal(err), isUnreachable(err):
		err = nil
	case isExhausted(err):
		err = nil
	}
	return errs + max(n, 0), err
}

// drainErrors reads the socket's error queue empty (ip(7), MSG_ERRQUEUE).
func (s *batchSocket) drainErrors(refused func(e Event, quoted []byte)) (read int) {
	for {
		n, err := s.mmsg.ReadBatch(s.errs, unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
		for _, m := range s.errs[:max(n, 0)] {
			to, ok := m.Addr.(*net.UDPAddr)
			if e, unreachable := readError(m.OOB[:m.NN]); ok && unreachable {
				e.Addr = addrPort(to).Addr()
				refused(e, m.Buffers[0][:m.N])
			}
		}
		if read += max(n, 0); err != nil || n < len(s.errs) {
			return read
		}
	}
}

func addrPort(a *net.UDPAddr) netip.AddrPort {
	ip, _ := netip.AddrFromSlice(a.IP)
	return netip.AddrPortFrom(ip.Unmap(), uint16(a.Port))
}

// readError reads the struct sock_extended_err that comes with an error
// (linux/errqueue.h): true for ICMP type 3 (RFC 792) and ICMPv6 type 1 (RFC
// 4443), whatever the code.
func readError(oob []byte) (e Event, unreachable bool) {
	const originICMP, originICMP6 = 2, 3
	e.Kind = Refused
	for len(oob) > 0 {
		header, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			return e, false
		}
		v4 := header.Level == unix.IPPROTO_IP && header.Type == unix.IP_RECVERR
		v6 := header.Level == unix.IPPROTO_IPV6 && header.Type == unix.IPV6_RECVERR
		if (v4 || v6) && len(data) >= 16 {
			origin, kind, code := data[4], data[5], data[6]
			e.By = offender(data[16:])
			e.NoHost = v4 && code == 1 || v6 && code == 3
			return e, origin == originICMP && kind == 3 || origin == originICMP6 && kind == 1
		}
		oob = rest
	}
	return e, false
}

// offender reads the socket address behind the error (SO_EE_OFFENDER).
func offender(sockaddr []byte) netip.Addr {
	if len(sockaddr) < 8 {
		return netip.Addr{}
	}
	switch family := binary.NativeEndian.Uint16(sockaddr); {
	case family == unix.AF_INET:
		return netip.AddrFrom4([4]byte(sockaddr[4:8]))
	case family == unix.AF_INET6 && len(sockaddr) >= 24:
		return netip.AddrFrom16([16]byte(sockaddr[8:24])).Unmap()
	}
	return netip.Addr{}
}
