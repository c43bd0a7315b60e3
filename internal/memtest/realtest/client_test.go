package realtest

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The questions, as a scanner may ask them: one complete command each.
const (
	version  = "version\r\n"
	stats    = "stats\r\n"
	settings = "stats settings\r\n"

	binVersion  = "\x80\x0b\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00mem1\x00\x00\x00\x00\x00\x00\x00\x00"
	binSASLList = "\x80\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00mem1\x00\x00\x00\x00\x00\x00\x00\x00"
	binStat     = "\x80\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00mem1\x00\x00\x00\x00\x00\x00\x00\x00"
)

// The answers to them.
const (
	isVersion    = "VERSION 1.6.18\r\n"
	isDenied     = "CLIENT_ERROR unauthenticated\r\n"
	isFull       = "ERROR Too many open connections\r\n"
	isBinVersion = "\x81\x0b\x00\x00\x00\x00\x00\x00\x00\x00\x00\x06mem1\x00\x00\x00\x00\x00\x00\x00\x001.6.18"
	isNoSASL     = "\x81\x20\x00\x00\x00\x00\x00\x81\x00\x00\x00\x0fmem1\x00\x00\x00\x00\x00\x00\x00\x00Unknown command"
	isPlain      = "\x81\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05mem1\x00\x00\x00\x00\x00\x00\x00\x00PLAIN"
	isAuthFailed = "\x81\x10\x00\x00\x00\x00\x00\x20\x00\x00\x00\x0dmem1\x00\x00\x00\x00\x00\x00\x00\x00Auth failure."
)

// ending is what a server does after its reply.
type ending string

const (
	open    ending = "open"
	fin     ending = "fin"
	rst     ending = "rst"
	refused ending = "refused"
)

// quiet is how long a server has to stay silent to count as silent. One that
// is slower passes for silent: a test can miss an answer, never invent one.
const quiet = 150 * time.Millisecond

func dial(t *testing.T, at netip.AddrPort) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", at.String(), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// read reads until enough says so of everything read, or the reply ends.
func read(t *testing.T, c net.Conn, wait time.Duration, enough func(string) bool) (string, ending) {
	t.Helper()
	var got []byte
	buf := make([]byte, 65536)
	c.SetReadDeadline(time.Now().Add(wait))
	for !enough(string(got)) {
		n, err := c.Read(buf)
		got = append(got, buf[:n]...)
		if err != nil {
			return string(got), how(t, err)
		}
	}
	return string(got), open
}

func how(t *testing.T, err error) ending {
	t.Helper()
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return open
	case errors.Is(err, io.EOF):
		return fin
	case errors.Is(err, syscall.ECONNRESET):
		return rst
	case errors.Is(err, syscall.ECONNREFUSED):
		return refused
	}
	t.Fatalf("read: %v", err)
	return ""
}

func never(string) bool { return false }

func ended(reply string) bool { return strings.HasSuffix(reply, "END\r\n") }

func atLeast(n int) func(string) bool {
	return func(reply string) bool { return len(reply) >= n }
}

// binEnded: the last packet of binary stats is an empty one.
func binEnded(reply string) bool {
	return len(reply) > 24 && strings.HasSuffix(reply, "\x81\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00mem1\x00\x00\x00\x00\x00\x00\x00\x00")
}

// names lists the stats of a reply in order.
func names(t *testing.T, reply string) (all []string) {
	t.Helper()
	for line := range strings.Lines(strings.TrimSuffix(reply, "END\r\n")) {
		words := strings.SplitN(strings.TrimSuffix(line, "\r\n"), " ", 3)
		if len(words) != 3 || words[0] != "STAT" {
			t.Fatalf("not a stat: %q", line)
		}
		all = append(all, words[1])
	}
	return all
}

// binNames is names of a binary reply.
func binNames(t *testing.T, reply string) (all []string) {
	t.Helper()
	for b := []byte(reply); len(b) > 0; {
		if len(b) < 24 || b[0] != 0x81 || b[1] != 0x10 {
			t.Fatalf("not a binary stat: %x", b)
		}
		key, body := int(binary.BigEndian.Uint16(b[2:])), int(binary.BigEndian.Uint32(b[8:]))
		all = append(all, string(b[24:24+key]))
		b = b[24+body:]
	}
	return all
}
