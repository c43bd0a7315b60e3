package scanner

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/memsweep/memsweep/probes"
)

// Bounds of a conversation. What a hostile server can cost is their product.
const (
	maxReply = 64 << 10 // bytes of one reply
	// slowFactor times the reply timeout is the most that one exchange takes,
	// however the bytes are dribbled, and conversationFactor times all of them.
	slowFactor         = 4
	conversationFactor = 12
)

// allowance is the time that an endpoint may still take up. Waiting at the gate
// is not the endpoint's doing, and costs it nothing.
type allowance struct{ left time.Duration }

func newAllowance(timeout time.Duration) allowance {
	return allowance{conversationFactor * timeout}
}

// exchange returns when the next exchange has to be over.
func (a *allowance) exchange(timeout time.Duration) time.Time {
	return time.Now().Add(min(slowFactor*timeout, a.left))
}

// spent takes off the time since begin.
func (a *allowance) spent(begin time.Time) { a.left = max(0, a.left-time.Since(begin)) }

// frameBytes is the Ethernet, IP and transport header of a packet to addr.
func frameBytes(addr netip.Addr, transport int) int {
	const ethernet, v4, v6 = 14, 20, 40
	if addr.Is4() {
		return ethernet + v4 + transport
	}
	return ethernet + v6 + transport
}

func tcpBytes(addr netip.Addr) int { return frameBytes(addr, 20) }
func udpBytes(addr netip.Addr) int { return frameBytes(addr, 8) }

// stream is one conversation over TCP: probes.Stream over a socket.
type stream struct {
	allowance
	gate    *Gate
	dial    dialer
	remote  netip.AddrPort
	timeout time.Duration
	tcp     net.Conn // nil when closed
	conn    net.Conn // tcp, or the TLS client over it
	room    []byte   // for replies
	failed  error    // what this machine could not do
}

func newStream(gate *Gate, remote netip.AddrPort, dial dialer, conn net.Conn) *stream {
	return &stream{
		allowance: newAllowance(dial.timeout), gate: gate, dial: dial, remote: remote,
		timeout: dial.timeout, tcp: conn, conn: conn,
	}
}

// Redial implements probes.Stream.
func (s *stream) Redial(ctx context.Context) error {
	s.Close()
	for try := 0; ; try++ {
		if err := s.pass(ctx, 2*tcpBytes(s.remote.Addr())); err != nil {
			return err
		}
		begin := time.Now()
		conn, err := s.dial.connect(ctx, s.remote)
		s.spent(begin)
		s.gate.Charge(resends(time.Since(begin)), 0)
		switch {
		case err == nil:
			s.tcp, s.conn = conn, conn
			return nil
		case errors.Is(err, errAcceptedAndReset):
			return nil // there was a connection, and Ask will say how it ended
		case !errors.Is(err, probes.ErrLocal):
			return err
		case !isExhausted(err) || try+1 == localTries || sleep(ctx, localBackoff(try)) != nil:
			s.failed = err
			return err
		}
	}
}

// pass waits at the gate. What it refuses is a failure of this machine.
func (s *stream) pass(ctx context.Context, bytes int) error {
	if err := s.gate.Pass(ctx, s.remote.Addr(), bytes); err != nil {
		s.failed = err
		return fmt.Errorf("%w: %w", probes.ErrLocal, err)
	}
	return nil
}

// Close ends the connection at once, so that neither side is left waiting.
func (s *stream) Close() {
	if s.tcp != nil {
		abandon(s.tcp)
	}
	s.tcp, s.conn = nil, nil
}

// Ask implements probes.Stream.
func (s *stream) Ask(ctx context.Context, question []byte, enough func([]byte) bool) probes.Reply {
	if s.conn == nil {
		return probes.Reply{Ending: probes.RST, Unsent: true}
	}
	if s.left == 0 {
		return probes.Reply{Ending: probes.Deadline, Unsent: true}
	}
	if len(question) > 0 {
		if err := s.pass(ctx, tcpBytes(s.remote.Addr())+len(question)); err != nil {
			return probes.Reply{Ending: probes.Failed, Err: err}
		}
		s.conn.SetWriteDeadline(time.Now().Add(s.timeout))
		// A peer that closed already may still have said why: read on.
		s.conn.Write(question)
	}
	begin := time.Now()
	reply := s.read(ctx, enough)
	s.spent(begin)
	s.gate.Charge(0, len(reply.Data)+tcpBytes(s.remote.Addr()))
	return reply
}

// read reads one reply, into the same room each time.
func (s *stream) read(ctx context.Context, enough func([]byte) bool) probes.Reply {
	var ending probes.Ending
	s.room, ending = s.fill(ctx, s.room[:0], enough)
	return probes.Reply{Data: s.room, Ending: ending}
}

func (s *stream) fill(ctx context.Context, data []byte, enough func([]byte) bool) ([]byte, probes.Ending) {
	end := s.exchange(s.timeout)
	for {
		if len(data) == cap(data) {
			data = append(make([]byte, 0, min(max(4096, 4*cap(data)), maxReply)), data...)
		}
		quiet := time.Now().Add(s.timeout)
		if quiet.After(end) {
			quiet = end
		}
		var n int
		err := readBy(s.conn, quiet, func() (err error) {
			n, err = s.conn.Read(data[len(data):cap(data)])
			return err
		})
		data = data[:len(data)+n]
		switch {
		case n > 0 && enough(data):
			return data, probes.Complete
		case err != nil:
			return data, ending(err, !time.Now().Before(end))
		case ctx.Err() != nil || !time.Now().Before(end):
			return data, probes.Deadline
		case len(data) == maxReply:
			return data, probes.Capped
		}
	}
}

// lastLook is what it takes to read what is there.
const lastLook = 10 * time.Millisecond

// readBy reads until a time, and then once more what has come by it: like the
// answer to a dial, it may be there, and this process have had no turn to see it.
func readBy(c interface{ SetReadDeadline(time.Time) error }, end time.Time, read func() error) error {
	c.SetReadDeadline(end)
	err := read()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.SetReadDeadline(time.Now().Add(lastLook))
		err = read()
	}
	return err
}

func ending(err error, late bool) probes.Ending {
	var ne net.Error
	var alert tls.AlertError
	switch {
	case errors.As(err, &ne) && ne.Timeout() && late:
		return probes.Deadline
	case errors.As(err, &ne) && ne.Timeout():
		return probes.Quiet
	case isReset(err):
		return probes.RST
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &alert):
		return probes.FIN
	}
	return probes.RST // a connection that broke in any other way
}

// helloBytes is what a ClientHello takes on the wire, about.
const helloBytes = 600

// StartTLS implements probes.Stream.
func (s *stream) StartTLS(ctx context.Context) (probes.TLSInfo, error) {
	if s.conn == nil {
		return probes.TLSInfo{}, probes.ErrRefused
	}
	if err := s.pass(ctx, helloBytes+2*1500); err != nil {
		return probes.TLSInfo{}, err
	}
	var info probes.TLSInfo
	client := tls.Client(s.tcp, &tls.Config{
		// The certificate is looked at, not relied on: no secret is ever sent.
		InsecureSkipVerify: true,
		MinVersion:         tls.VersionTLS10,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			info.WantsCert = true
			return &tls.Certificate{}, nil
		},
	})
	begin, end := time.Now(), s.exchange(s.timeout)
	s.tcp.SetDeadline(end)
	ctx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	defer func() { s.spent(begin) }()
	if err := client.HandshakeContext(ctx); err != nil {
		s.Close()
		var alert tls.AlertError
		if errors.As(err, &alert) {
			err = fmt.Errorf("%w: %w", probes.ErrTLSAlert, err)
		}
		return info, fmt.Errorf("tls handshake with %s: %w", s.remote, err)
	}
	s.tcp.SetDeadline(time.Time{})
	s.conn = client
	state := client.ConnectionState()
	info.Version = tls.VersionName(state.Version)
	if len(state.PeerCertificates) > 0 {
		leaf := state.PeerCertificates[0]
		info.Subject, info.NotAfter = leaf.Subject.String(), leaf.NotAfter
	}
	return info, nil
}
