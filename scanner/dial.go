package scanner

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/memsweep/memsweep/probes"
)

// errAcceptedAndReset: the handshake was completed, and the connection reset
// before it could be used. Something listens there.
var errAcceptedAndReset = errors.New("accepted, and reset at once")

// dialer opens TCP connections, and tells what the peer did (ErrRefused,
// ErrNoAnswer, errAcceptedAndReset) from what this machine could not do (ErrLocal).
type dialer struct {
	timeout time.Duration
	from    From
	links   []netip.Prefix // this machine's own networks
}

// From says which address and interface of this machine conversations use.
// The zero value leaves it to the routing tables.
type From struct {
	Source    netip.Addr // for targets of its address family
	Interface string
}

// addr is the local address for a conversation over IPv4 or IPv6; zero: any.
func (f From) addr(v4 bool) netip.AddrPort {
	if source := f.Source.Unmap(); source.IsValid() && source.Is4() == v4 {
		return netip.AddrPortFrom(source, 0)
	}
	return netip.AddrPort{}
}

// control binds a new socket to the interface.
func (f From) control(_, _ string, c syscall.RawConn) (err error) {
	if f.Interface == "" {
		return nil
	}
	if failed := c.Control(func(fd uintptr) { err = bindToDevice(int(fd), f.Interface) }); failed != nil {
		return failed
	}
	return err
}

func newDialer(timeout time.Duration, from From) (dialer, error) {
	links, err := localNetworks()
	return dialer{timeout: timeout, from: from, links: links}, err
}

// onLink reports whether no router stands between this machine and an address.
func (d dialer) onLink(addr netip.Addr) bool {
	return slices.ContainsFunc(d.links, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// isOurs reports whether an address is one of this machine's.
func (d dialer) isOurs(addr netip.Addr) bool {
	return slices.ContainsFunc(d.links, func(p netip.Prefix) bool { return p.Addr() == addr })
}

// connect opens one connection. A SYN that is not answered within a second is
// sent again by the kernel; Gate.Charge is told of those by the caller.
func (d dialer) connect(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	conn, err := d.dial(ctx, to)
	if err == nil {
		return conn, nil
	}
	switch {
	case isExhausted(err): // first: EAGAIN calls itself a timeout
		return nil, fmt.Errorf("connect %s: %w: %w", to, probes.ErrLocal, cause(err))
	case isReset(err):
		return nil, fmt.Errorf("connect %s: %w", to, errAcceptedAndReset)
	case isRefusal(err):
		return nil, fmt.Errorf("connect %s: %w", to, probes.ErrRefused)
	case isTimeout(err), errors.Is(err, context.Canceled) && ctx.Err() == nil:
		return nil, fmt.Errorf("connect %s: %w", to, probes.ErrNoAnswer)
	case isUnreachable(err) && d.onLink(to.Addr()):
		// Nobody has the address: no neighbour answered for it. That is
		// silence, not a refusal.
		return nil, fmt.Errorf("connect %s: %w", to, probes.ErrNoAnswer)
	case isUnreachable(err) && routed(to):
		return nil, fmt.Errorf("connect %s: %w", to, probes.ErrRefused)
	}
	return nil, fmt.Errorf("connect %s: %w: %w", to, probes.ErrLocal, cause(err))
}

// dial connects, or gives up (context.Canceled) when the time for it is over and
// the kernel has heard nothing. net.Dialer's own timeout would not ask the kernel:
// the runtime looks at its timers first, so that on a busy machine an answer that
// came in time, and that this process got no turn to see, would pass for none.
func (d dialer) dial(ctx context.Context, to netip.AddrPort) (*net.TCPConn, error) {
	ctx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	var patience *time.Timer
	nd := net.Dialer{KeepAlive: -1, Control: func(network, address string, c syscall.RawConn) error {
		patience = time.AfterFunc(d.timeout, func() {
			for range slowFactor {
				if !decided(c) || sleep(ctx, d.timeout) != nil {
					break
				}
			}
			giveUp()
		})
		return d.from.control(network, address, c)
	}}
	nd.SetMultipathTCP(false)
	conn, err := nd.DialTCP(ctx, "tcp", d.from.addr(to.Addr().Is4()), to)
	if patience != nil {
		patience.Stop()
	}
	return conn, err
}

// resends is how many SYNs the kernel has sent again after so long a wait
// (RFC 6298: 1 s, doubled each time). Its timers are late rather than early: a
// connection that is given up after a second has sent one.
func resends(waited time.Duration) int {
	n := 0
	for due := time.Second; waited > due+due/16; due = 2*due + time.Second {
		n++
	}
	return n
}

// routed reports whether this machine has a route to the address. It sends
// nothing: connecting a UDP socket only looks the route up. Without it, "no
// route here" and "a router says unreachable" are the same error.
func routed(to netip.AddrPort) bool {
	var nd net.Dialer
	conn, err := nd.DialUDP(context.Background(), "udp", netip.AddrPort{}, to)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// abandon closes a connection with a reset: no TIME_WAIT is left on either
// side, and the server's slot is free at once.
func abandon(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// cause is the system's own word for what went wrong, without the addresses
// that make every error text different.
func cause(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}
