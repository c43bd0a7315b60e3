package memtest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait; only a failing test uses it up.
const patience = 20 * time.Second

func loopback(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 31, byte(os.Getpid() >> 8), byte(os.Getpid())}), port)
}

func start(t *testing.T, c Config) netip.AddrPort {
	t.Helper()
	c.Addr = loopback(0)
	s, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s.Addr()
}

func dial(t *testing.T, at netip.AddrPort, question string) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", at.String(), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, question); err != nil {
		t.Fatal(err)
	}
	return c
}

// ask returns the first n bytes that come back, or fewer when the server
// hangs up before.
func ask(t *testing.T, at netip.AddrPort, question string, n int) (string, error) {
	t.Helper()
	b := make([]byte, n)
	got, err := io.ReadFull(dial(t, at, question), b)
	return string(b[:got]), err
}

// listen sends one framed question, and returns the socket for the answers.
func listen(t *testing.T, at netip.AddrPort, command string) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetReadBuffer(4 << 20)
	c.SetDeadline(time.Now().Add(patience))
	if _, err := c.WriteToUDPAddrPort(frame(0x1234, 0, 1, command), at); err != nil {
		t.Fatal(err)
	}
	return c
}

func receive(t *testing.T, c *net.UDPConn) ([]byte, netip.AddrPort) {
	t.Helper()
	b := make([]byte, 65536)
	n, from, err := c.ReadFromUDPAddrPort(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n], from
}

// TestPostures starts and stops every posture with a client in the middle of
// a question, twice on the same port: Close leaves nothing behind.
func TestPostures(t *testing.T) {
	seen := map[Posture]bool{}
	for _, p := range Postures() {
		if seen[p.Posture] || p.Summary == "" {
			t.Errorf("%s: twice, or without a summary", p.Posture)
		}
		seen[p.Posture] = true
		t.Run(string(p.Posture), func(t *testing.T) {
			at := loopback(0)
			for range 2 {
				s, err := Start(Config{Addr: at, Posture: p.Posture})
				if err != nil {
					t.Fatal(err)
				}
				at = s.Addr()
				if c, err := net.Dial("tcp", at.String()); err == nil {
					defer c.Close()
					io.WriteString(c, "stats\r\n")
				}
				listen(t, at, "version\r\n").Close()
				s.Close()
				s.Close()
			}
		})
	}
}

func TestStartRefuses(t *testing.T) {
	taken := start(t, Config{Posture: Reflector})
	for name, c := range map[string]struct {
		config Config
		want   string
	}{
		"unknown posture": {Config{Addr: loopback(0), Posture: "sideways"}, "no such posture"},
		"public address":  {Config{Addr: netip.MustParseAddrPort("192.0.2.1:0"), Posture: Open}, "192.0.2.1:0: not a loopback address"},
		"taken":           {Config{Addr: taken, Posture: Open}, "listen tcp " + taken.String()},
		"taken for UDP":   {Config{Addr: taken, Posture: UDPOnly}, "listen udp " + taken.String()},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Start(c.config)
			if err == nil {
				s.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestFleet(t *testing.T) {
	port := start(t, Config{Posture: Reflector}).Port() // very likely free elsewhere
	addr := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{127, 32, byte(os.Getpid()), byte(1 + i)}) }
	members, err := Fleet(port, addr)
	if err != nil {
		t.Fatal(err)
	}
	if len(members) != FleetSize {
		t.Errorf("%d members, want %d", len(members), FleetSize)
	}
	for i, m := range members {
		if m.Addr() != netip.AddrPortFrom(addr(i), port) || m.Summary == "" || m.Verdict == "" {
			t.Errorf("member %d: %+v", i, m)
		}
	}
	members.Close()

	// With the last port taken none is left running.
	last, err := Start(Config{Addr: netip.AddrPortFrom(addr(FleetSize-1), port), Posture: Open})
	if err != nil {
		t.Fatal(err)
	}
	defer last.Close()
	if _, err := Fleet(port, addr); err == nil || !strings.Contains(err.Error(), last.Addr().String()) {
		t.Errorf("error %v does not name %s", err, last.Addr())
	}
	if c, err := net.Dial("tcp", netip.AddrPortFrom(addr(0), port).String()); err == nil {
		c.Close()
		t.Error("the first server still runs")
	}
}

// TestConnectionsAreBounded: beyond maxConns a client is reset.
func TestConnectionsAreBounded(t *testing.T) {
	at := start(t, Config{Posture: Tarpit})
	for range maxConns {
		dial(t, at, "")
	}
	c, err := net.Dial("tcp", at.String())
	if err != nil {
		return // reset already
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("error %v, want a reset", err)
	}
}

func TestFrames(t *testing.T) {
	for size, want := range map[int][]int{1: {9}, 1392: {1400}, 1393: {1400, 9}, 2785: {1400, 1400, 9}} {
		reply := strings.Repeat("x", size)
		var sizes []int
		var joined bytes.Buffer
		for _, d := range frames(7, reply) {
			sizes = append(sizes, len(d))
			joined.Write(d[frameHeader:])
		}
		if len(sizes) != len(want) || sizes[len(sizes)-1] != want[len(want)-1] || joined.String() != reply {
			t.Errorf("%d bytes: datagrams of %v, want %v", size, sizes, want)
		}
	}
}
