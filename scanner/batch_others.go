//go:build !linux

package scanner

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"time"
)

// batchSocket sends and receives UDP datagrams; without Linux's sendmmsg and
// recvmmsg that is one at a time.
type batchSocket struct {
	conn *net.UDPConn
	in   []byte
}

func newBatchSocket(v4 bool) (*batchSocket, error) {
	conn, err := listenUDP(v4, From{})
	if err != nil {
		return nil, err
	}
	return &batchSocket{conn: conn, in: make([]byte, 2048)}, nil
}

func (s *batchSocket) Close() error { return s.conn.Close() }

// send transmits the leading datagrams of a batch and returns how many the
// kernel took; an error is about the next one.
func (s *batchSocket) send(batch []outgoing) (int, error) {
	for i, d := range batch {
		if _, err := s.conn.WriteToUDPAddrPort(d.payload, d.to); err != nil {
			return i, err
		}
	}
	return len(batch), nil
}

// receive waits until the deadline for a datagram, hands it out, and returns
// how many there were. A deadline that passes is no error.
func (s *batchSocket) receive(deadline time.Time, got func(netip.AddrPort, []byte), _ func(Event, []byte)) (int, error) {
	s.conn.SetReadDeadline(deadline)
	n, from, err := s.conn.ReadFromUDPAddrPort(s.in)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), isRefusal(err), isUnreachable(err):
		return 0, nil
	case err != nil:
		return 0, err
	}
	got(netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), s.in[:n])
	return 1, nil
}
