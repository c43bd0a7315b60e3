package realtest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

// fill takes up every connection that a memcached has, and holds them until
// the test ends.
func fill(t testing.TB, at netip.AddrPort) error {
	var last net.Conn
	for range 64 {
		c, reply, err := ask(t, at)
		if err != nil {
			return fmt.Errorf("fill connections: %w", err)
		}
		switch {
		case strings.HasPrefix(reply, "VERSION "):
			last = c
		case reply == "" && last != nil:
			return refill(t, at, c, last)
		default: // turned away
			return nil
		}
	}
	return errors.New("fill connections: 64 of 40 were served")
}

// refill makes room and takes it up again. A memcached that lets clients wait
// has room for one of them in the queue of the kernel, and the client that
// found it full sits there, even after it is closed: it has to be accepted.
func refill(t testing.TB, at netip.AddrPort, waiting, last net.Conn) error {
	waiting.Close()
	last.Close()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		c, reply, err := ask(t, at)
		if err == nil && strings.HasPrefix(reply, "VERSION ") {
			return nil
		}
		if err == nil {
			c.Close()
		}
	}
	return fmt.Errorf("refill connections: no answer within %v", patience)
}

// ask opens a connection that lasts until the test ends and asks for the
// version; "" means that nothing came back for a while.
func ask(t testing.TB, at netip.AddrPort) (c net.Conn, reply string, err error) {
	if c, err = net.DialTimeout("tcp", at.String(), time.Second); err != nil {
		return nil, "", err
	}
	t.Cleanup(func() { c.Close() })
	c.Write([]byte("version\r\n")) // fails when it was turned away, which the reply says
	c.SetReadDeadline(time.Now().Add(time.Second))
	b := make([]byte, 64)
	n, err := c.Read(b)
	if n == 0 && !errors.Is(err, os.ErrDeadlineExceeded) {
		return c, "closed", nil
	}
	return c, string(b[:n]), nil
}
