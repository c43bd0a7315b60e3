package realtest

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/memsweep/memsweep/internal/memtest"
)

const id = "\x12\x34"

// framed is the question in memcached's frame: sequence 0 of 1.
func framed(command string) []byte {
	return []byte(id + "\x00\x00\x00\x01\x00\x00" + command)
}

// exchange asks over UDP and returns the datagrams of the reply, and who sent
// the first. The socket is not connected: the answer may come from elsewhere.
func exchange(t *testing.T, at netip.AddrPort, command string) (datagrams [][]byte, from netip.AddrPort) {
	t.Helper()
	local := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), 0))
	if at.Addr().Is6() {
		local.IP = net.IPv6loopback
	}
	c, err := net.ListenUDP("udp", local)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.WriteToUDPAddrPort(framed(command), at); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(patience))
	for total := 1; len(datagrams) < total; {
		buf := make([]byte, 65536)
		n, who, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			t.Fatalf("%q: %d of %d datagrams: %v", command, len(datagrams), total, err)
		}
		if n < 8 {
			t.Fatalf("%q: datagram of %d bytes", command, n)
		}
		datagrams, from = append(datagrams, buf[:n]), who
		total = int(binary.BigEndian.Uint16(buf[4:]))
	}
	return datagrams, from
}

// joined checks the frames of a reply and takes them off.
func joined(t *testing.T, datagrams [][]byte) string {
	t.Helper()
	parts := make([]string, len(datagrams))
	for _, d := range datagrams {
		seq, total := int(binary.BigEndian.Uint16(d[2:])), int(binary.BigEndian.Uint16(d[4:]))
		switch {
		case string(d[:2]) != id:
			t.Fatalf("ID %x, want %x", d[:2], id)
		case total != len(datagrams) || seq >= total || parts[seq] != "":
			t.Fatalf("sequence %d of %d, among %d datagrams", seq, total, len(datagrams))
		case d[6] != 0 || d[7] != 0:
			t.Fatalf("reserved bytes %x", d[6:8])
		case len(d) > 1400 || seq < total-1 && len(d) != 1400:
			t.Fatalf("datagram %d of %d is %d bytes long", seq, total, len(d))
		}
		parts[seq] = string(d[8:])
	}
	return strings.Join(parts, "")
}

func TestUDP(t *testing.T) {
	requireVersion(t)
	for _, posture := range []memtest.Posture{
		memtest.Reflector, memtest.UDPOnly, memtest.TLSReflector, memtest.Multihomed,
	} {
		t.Run(string(posture), func(t *testing.T) {
			t.Parallel()
			got := map[bool][]string{}
			Each(t, posture, func(t *testing.T, s Target) { got[s.Real] = checkUDP(t, s) })
			if diff := cmp.Diff(got[true], got[false]); diff != "" && got[true] != nil {
				t.Errorf("real (-) and fake (+) differ:\n%s", diff)
			}
		})
	}
}

// checkUDP returns the names of every stat that the server told.
func checkUDP(t *testing.T, s Target) (all []string) {
	for command, want := range map[string]string{version: isVersion, binVersion: isBinVersion, "PING\r\n": "ERROR\r\n"} {
		datagrams, from := exchange(t, s.Addr, command)
		if got := joined(t, datagrams); got != want {
			t.Errorf("%q: %q, want %q", command, got, want)
		}
		elsewhere := s.Posture == memtest.Multihomed
		if (from != s.Addr) != elsewhere {
			t.Errorf("%q: answered from %s, asked at %s", command, from, s.Addr)
		}
	}
	for _, command := range []string{stats, settings} {
		datagrams, _ := exchange(t, s.Addr, command)
		if len(datagrams) != 2 {
			t.Errorf("%q: %d datagrams, want 2", command, len(datagrams))
		}
		reply := joined(t, datagrams)
		if !ended(reply) {
			t.Errorf("%q: does not end in END: %q", command, reply)
		}
		all = append(all, names(t, reply)...)
	}
	return all
}

// TestUDPClosed: without -U nothing listens, whatever TCP asks for.
func TestUDPClosed(t *testing.T) {
	for _, posture := range []memtest.Posture{memtest.Open, memtest.ASCIIAuth, memtest.SASL, memtest.TLS, memtest.UnixOnly} {
		t.Run(string(posture), func(t *testing.T) {
			t.Parallel()
			Each(t, posture, func(t *testing.T, s Target) {
				c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(s.Addr))
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				c.Write(framed(version))
				c.SetReadDeadline(time.Now().Add(patience))
				if n, err := c.Read(make([]byte, 1500)); !errors.Is(err, syscall.ECONNREFUSED) {
					t.Errorf("%d bytes, error %v; want connection refused", n, err)
				}
			})
		})
	}
}

// TestIPv6 runs the same server on ::1.
func TestIPv6(t *testing.T) {
	requireVersion(t)
	here := netip.IPv6Loopback()
	if l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(here, 0))); err != nil {
		t.Skipf("IPv6 is not tested: %v", err)
	} else {
		l.Close()
	}
	t.Run("fake", func(t *testing.T) {
		s, err := memtest.Start(memtest.Config{Addr: netip.AddrPortFrom(here, 0), Posture: memtest.Reflector})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		checkBoth(t, Target{Addr: s.Addr(), Posture: memtest.Reflector})
	})
	t.Run("real", func(t *testing.T) { checkBoth(t, StartOn(t, here, memtest.Reflector)) })
}

func checkBoth(t *testing.T, s Target) {
	checkUDP(t, s)
	for _, q := range turns[memtest.Reflector] {
		q.check(t, s)
	}
}

// TestStartWith starts a server that no posture stands for.
func TestStartWith(t *testing.T) {
	requireVersion(t)
	s := StartWith(t, Addr(), "shutdown enabled", "-A")
	c := dial(t, s.Addr)
	c.Write([]byte(settings))
	if reply, _ := read(t, c, patience, ended); !strings.Contains(reply, "STAT shutdown_command yes\r\n") {
		t.Errorf("-A did not arrive:\n%s", reply)
	}
}
