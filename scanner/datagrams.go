package scanner

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/memsweep/memsweep/probes"
)

// datagrams is one conversation over UDP: probes.Datagrams over an unconnected
// socket of its own, since a server that is bound to the wildcard may answer
// from another address than the one asked.
type datagrams struct {
	allowance
	gate    *Gate
	remote  netip.AddrPort
	timeout time.Duration
	conn    *net.UDPConn
	buf     []byte
	failed  error // what this machine could not do
}

// lingerShare is the part of the reply timeout in which stragglers of a whole
// reply are waited for: a quarter.
const lingerShare = 4

// maxUDP is the largest datagram there is.
const maxUDP = 1 << 16

// newDatagrams opens a socket. buf is what is received into; it must hold the
// largest datagram there is.
func newDatagrams(gate *Gate, remote netip.AddrPort, from From, timeout time.Duration, buf []byte) (*datagrams, error) {
	conn, err := listenUDP(remote.Addr().Is4(), from)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", probes.ErrLocal, err)
	}
	return &datagrams{allowance: newAllowance(timeout), gate: gate, remote: remote, timeout: timeout, conn: conn, buf: buf}, nil
}

// listenUDP opens an unconnected socket of one family on a port that the
// kernel chooses.
func listenUDP(v4 bool, from From) (*net.UDPConn, error) {
	network, address := "udp6", "[::]:0"
	if v4 {
		network, address = "udp4", "0.0.0.0:0"
	}
	if own := from.addr(v4); own.IsValid() {
		address = own.String()
	}
	listen := net.ListenConfig{Control: from.control}
	socket, err := listen.ListenPacket(context.Background(), network, address)
	if err != nil {
		return nil, err
	}
	conn := socket.(*net.UDPConn) // what these networks have
	if err := reportICMP(conn, v4); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func (d *datagrams) Close() { d.conn.Close() }

// Remote implements probes.Datagrams.
func (d *datagrams) Remote() netip.AddrPort { return d.remote }

// ID implements probes.Datagrams.
func (d *datagrams) ID() uint16 {
	var b [2]byte
	rand.Read(b[:]) // never fails
	return binary.BigEndian.Uint16(b[:])
}

// Ask implements probes.Datagrams.
func (d *datagrams) Ask(ctx context.Context, request []byte, receive func(probes.Datagram) probes.Patience) (probes.Ending, error) {
	if d.left == 0 {
		return probes.Deadline, nil
	}
	err := d.gate.Pass(ctx, d.remote.Addr(), udpBytes(d.remote.Addr())+len(request))
	if err == nil {
		err = d.send(request)
	}
	if err != nil {
		d.failed = err
		return probes.Failed, fmt.Errorf("%w: %w", probes.ErrLocal, err)
	}
	begin := time.Now()
	defer func() { d.spent(begin) }()
	return d.listen(ctx, receive)
}

// listen hands over what arrives, until the endpoint falls quiet or receive
// has enough.
func (d *datagrams) listen(ctx context.Context, receive func(probes.Datagram) probes.Patience) (probes.Ending, error) {
	end := d.exchange(d.timeout)
	for patience := probes.More; ; {
		wait := d.timeout
		if patience == probes.Linger {
			wait /= lingerShare
		}
		quiet := time.Now().Add(wait)
		if quiet.After(end) {
			quiet = end
		}
		var n int
		var from netip.AddrPort
		err := readBy(d.conn, quiet, func() (err error) {
			n, from, err = d.conn.ReadFromUDPAddrPort(d.buf)
			return err
		})
		switch {
		case err != nil && patience == probes.Linger:
			return probes.Complete, nil // the reply was whole already
		case errors.Is(err, os.ErrDeadlineExceeded) && !time.Now().Before(end):
			return probes.Deadline, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return probes.Quiet, nil
		case isRefusal(err), isUnreachable(err):
			return probes.RST, probes.ErrRefused
		case err != nil:
			d.failed = err
			return probes.Failed, fmt.Errorf("%w: %w", probes.ErrLocal, cause(err))
		}
		d.gate.Charge(0, udpBytes(d.remote.Addr())+n)
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		patience = receive(probes.Datagram{From: from, Payload: d.buf[:n]})
		over := ctx.Err() != nil || !time.Now().Before(end)
		switch {
		case patience == probes.Enough, patience == probes.Linger && over:
			return probes.Complete, nil
		case over:
			return probes.Deadline, nil
		}
	}
}

// send transmits one datagram. An ICMP error that an earlier datagram earned
// is reported by the next call on the socket; it does not concern this one.
func (d *datagrams) send(request []byte) error {
	var err error
	for range 3 {
		if _, err = d.conn.WriteToUDPAddrPort(request, d.remote); err == nil {
			return nil
		}
		if !isRefusal(err) && !isUnreachable(err) && !isExhausted(err) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("send to %s: %w", d.remote, cause(err))
}
