package scanner

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/memsweep/memsweep/probes"
)

// Bounds of one exchange. What a hostile server can cost is their product.
const (
	maxReply = 64 << 10 // bytes of one reply
	// slowFactor times the reply timeout is the most that one exchange takes,
	// however the bytes are dribbled.
	slowFactor = 4
)

// tcpBytes and udpBytes are the headers of a packet on an Ethernet wire.
const (
	tcpBytes = 14 + 20 + 20
	udpBytes = 14 + 20 + 8
)

// stream is one conversation over TCP: probes.Stream over a socket.
type stream struct {
	gate    *Gate
	dial    dialer
	remote  netip.AddrPort
	timeout time.Duration
	tcp     net.Conn // nil when closed
	conn    net.Conn // tcp, or the TLS client over it
}

func newStream(gate *Gate, remote netip.AddrPort, dial dialer, conn net.Conn) *stream {
	return &stream{gate: gate, dial: dial, remote: remote, timeout: dial.timeout, tcp: conn, conn: conn}
}

// Redial implements probes.Stream.
func (s *stream) Redial(ctx context.Context) error {
	s.Close()
	if err := s.gate.Pass(ctx, s.remote.Addr(), 2*tcpBytes); err != nil {
		return fmt.Errorf("%w: %w", probes.ErrLocal, err)
	}
	conn, err := s.dial.connect(ctx, s.remote)
	if errors.Is(err, errAcceptedAndReset) {
		return nil // there was a connection, and Ask will say how it ended
	}
	if err != nil {
		return err
	}
	s.tcp, s.conn = conn, conn
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
		return probes.Reply{Ending: probes.RST}
	}
	if len(question) > 0 {
		if err := s.gate.Pass(ctx, s.remote.Addr(), tcpBytes+len(question)); err != nil {
			return probes.Reply{Ending: probes.Failed, Err: fmt.Errorf("%w: %w", probes.ErrLocal, err)}
		}
		s.conn.SetWriteDeadline(time.Now().Add(s.timeout))
		// A peer that closed already may still have said why: read on.
		s.conn.Write(question)
	}
	reply := s.read(ctx, enough)
	s.gate.Charge(0, len(reply.Data)+tcpBytes)
	return reply
}

func (s *stream) read(ctx context.Context, enough func([]byte) bool) probes.Reply {
	end := time.Now().Add(slowFactor * s.timeout)
	if d, ok := ctx.Deadline(); ok && d.Before(end) {
		end = d
	}
	data := make([]byte, 0, 4096)
	for {
		quiet := time.Now().Add(s.timeout)
		if quiet.After(end) {
			quiet = end
		}
		s.conn.SetReadDeadline(quiet)
		n, err := s.conn.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case n > 0 && enough(data):
			return probes.Reply{Data: data, Ending: probes.Complete}
		case err != nil:
			return probes.Reply{Data: data, Ending: ending(err, !time.Now().Before(end))}
		case ctx.Err() != nil || !time.Now().Before(end):
			return probes.Reply{Data: data, Ending: probes.Deadline}
		case len(data) == maxReply:
			return probes.Reply{Data: data, Ending: probes.Capped}
		case len(data) == cap(data):
			data = append(make([]byte, 0, min(4*cap(data), maxReply)), data...)
		}
	}
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

// StartTLS implements probes.Stream.
func (s *stream) StartTLS(ctx context.Context) (probes.TLSInfo, error) {
	if s.conn == nil {
		return probes.TLSInfo{}, probes.ErrRefused
	}
	if err := s.gate.Pass(ctx, s.remote.Addr(), 600+2*1500); err != nil {
		return probes.TLSInfo{}, fmt.Errorf("%w: %w", probes.ErrLocal, err)
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
	s.tcp.SetDeadline(time.Now().Add(slowFactor * s.timeout))
	ctx, cancel := context.WithTimeout(ctx, slowFactor*s.timeout)
	defer cancel()
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
