package raw

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// someFrames are n frames, no two alike.
func someFrames(tmpl *Template, n int) []Frame {
	frames := make([]Frame, n)
	for i := range frames {
		a := netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)})
		if !tmpl.v4 {
			a = netip.AddrFrom16([16]byte{0x20, 1, 0x0d, 0xb8, 9, 14: byte(i >> 8), 15: byte(i)})
		}
		frames[i] = Frame{Dst: a, SrcPort: uint16(40000 + i%7), Token: uint32(i) * 2654435761}
		if tmpl.link > 0 && i%3 == 0 {
			frames[i].NextMAC = [6]byte{2, 1, 1, 1, 1, byte(i)}
		}
	}
	return frames
}

// expect reads frames from fd, and fails unless they are these, in order.
func expect(t *testing.T, tmpl *Template, fd int, frames []Frame) {
	t.Helper()
	got, want := make([]byte, 2048), tmpl.Append(nil)
	for i := range frames {
		n, err := unix.Read(fd, got)
		if err != nil {
			t.Fatalf("frame %d of %d: %v", i, len(frames), err)
		}
		tmpl.put(want, &frames[i])
		if !bytes.Equal(got[:n], want) {
			t.Fatalf("frame %d\n got %x\nwant %x", i, got[:n], want)
		}
	}
}

func TestSendersOnTheWire(t *testing.T) {
	for _, name := range []string{"packet", "afxdp", "xdp"} {
		for _, source := range []string{"192.0.2.1", "2001:db8::1"} {
			for _, kind := range []string{"udp", "syn"} {
				t.Run(name+"/"+source+"/"+kind, func(t *testing.T) {
					v := newVeth(t)
					v.takeXDP(xdpPass)
					var fd int
					v.inFar(func() { fd = listen(t, v.farLink.Attrs().Index) })
					tmpl, err := NewUDPTemplate(v.path(source), 11211, question, 0)
					if kind == "syn" {
						tmpl, err = NewSYNTemplate(v.path(source), 11211)
					}
					must(t, err)
					s, _, err := NewSender(v.path(source), tmpl, name)
					must(t, err)
					for _, n := range []int{1, 31, 33, 64, 65, 700} {
						frames := someFrames(tmpl, n)
						sent, err := s.Send(frames)
						if sent != n || err != nil {
							t.Fatalf("sent %d of %d: %v", sent, n, err)
						}
						expect(t, tmpl, fd, frames)
					}
					if lost, err := s.Drops(); lost.Lost() != 0 || err != nil {
						t.Errorf("lost %d, %v", lost, err)
					}
					must(t, s.Close())
				})
			}
		}
	}
}

func TestSendForeignFrame(t *testing.T) {
	v := newVeth(t)
	v.takeXDP(xdpPass)
	tmpl, err := NewSYNTemplate(v.path("192.0.2.1"), 11211)
	must(t, err)
	for _, kind := range senderKinds() {
		s, err := kind.open(v.path("192.0.2.1"), tmpl)
		must(t, err)
		before := v.arrived()
		frames := someFrames(tmpl, 40)
		frames[35].Dst = netip.MustParseAddr("2001:db8::1")
		if n, err := s.Send(frames); n != 35 || err == nil {
			t.Errorf("%s: sent %d, %v: want 35 and an error", kind.name, n, err)
		}
		if n := v.arrived() - before; n != 35 {
			t.Errorf("%s: %d arrived, want 35", kind.name, n)
		}
		must(t, s.Close())
	}
}

func TestSendAllocatesNothing(t *testing.T) {
	v := newVeth(t)
	v.takeXDP(xdpPass)
	tmpl, err := NewSYNTemplate(v.path("192.0.2.1"), 11211)
	must(t, err)
	frames := someFrames(tmpl, 300)
	for _, kind := range senderKinds() {
		s, err := kind.open(v.path("192.0.2.1"), tmpl)
		must(t, err)
		if n := testing.AllocsPerRun(20, func() { _, _ = s.Send(frames) }); n != 0 {
			t.Errorf("%s: %v allocations", kind.name, n)
		}
		must(t, s.Close())
	}
}

// The xdp sender needs a peer that takes its frames, and afxdp a queue of its
// own; when there is none, auto says so and goes on with the next.
func TestAutoFallsBack(t *testing.T) {
	v := newVeth(t)
	path := v.path("192.0.2.1")
	tmpl, err := NewSYNTemplate(path, 11211)
	must(t, err)
	s, skipped, err := NewSender(path, tmpl, Auto)
	must(t, err)
	if s.Name() != "afxdp" || len(skipped) != 1 || !strings.Contains(skipped[0], "ethtool -K PEER gro on") {
		t.Errorf("got %s, skipped %q", s.Name(), skipped)
	}
	other, skipped, err := NewSender(path, tmpl, Auto) // of a second probe
	must(t, err)
	if other.Name() != "packet" || len(skipped) != 2 || !strings.Contains(skipped[1], "each of its transmit queues (1) has one already") {
		t.Errorf("beside it %s, skipped %q", other.Name(), skipped)
	}
	must(t, other.Close())
	must(t, s.Close())
	if _, _, err := NewSender(path, tmpl, "xdp"); err == nil || !strings.Contains(err.Error(), "near0 takes no XDP frames") {
		t.Errorf("xdp by name: got %v", err)
	}
	v.takeXDP(xdpPass)
	s, skipped, err = NewSender(path, tmpl, Auto)
	must(t, err)
	if s.Name() != "xdp" || len(skipped) != 0 {
		t.Errorf("got %s, skipped %q", s.Name(), skipped)
	}
	must(t, s.Close())
}

// Loopback has an Ethernet header whose addresses are zero, and takes no XDP
// frames.
func TestSenderOnLoopback(t *testing.T) {
	newVeth(t)
	lo, err := netlink.LinkByName("lo")
	must(t, err)
	must(t, netlink.LinkSetUp(lo))
	// What comes in by lo with a loopback address is a martian, unless it came
	// from the kernel's own stack or these say otherwise (ip-sysctl).
	for _, name := range []string{"accept_local", "route_localnet"} {
		must(t, os.WriteFile("/proc/sys/net/ipv4/conf/lo/"+name, []byte("1"), 0))
	}
	path := Path{
		Index: lo.Attrs().Index, Interface: "lo", MTU: lo.Attrs().MTU,
		Source: netip.MustParseAddr("127.0.0.1"), SourceMAC: make([]byte, 6),
	}
	server, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(server)
	must(t, unix.Bind(server, &unix.SockaddrInet4{Port: 11211, Addr: [4]byte{127, 0, 0, 9}}))
	must(t, unix.SetsockoptTimeval(server, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1}))

	tmpl, err := NewUDPTemplate(path, 11211, question, 0)
	must(t, err)
	s, skipped, err := NewSender(path, tmpl, Auto)
	must(t, err)
	defer s.Close()
	if s.Name() != "afxdp" || len(skipped) != 1 || !strings.HasPrefix(skipped[0], "xdp: lo takes no XDP frames") {
		t.Errorf("got %s, skipped %q", s.Name(), skipped)
	}
	_, err = s.Send([]Frame{{Dst: netip.MustParseAddr("127.0.0.9"), SrcPort: 4444, Token: 0x1234}})
	must(t, err)
	got := make([]byte, 100)
	n, from, err := unix.Recvfrom(server, got, 0)
	must(t, err)
	if want := append([]byte{0x12, 0x34}, question[2:]...); !bytes.Equal(got[:n], want) {
		t.Errorf("got %q, want %q", got[:n], want)
	}
	if a := from.(*unix.SockaddrInet4); a.Port != 4444 || a.Addr != [4]byte{127, 0, 0, 1} {
		t.Errorf("from %v", a)
	}
}

// A tun interface is point to point: its frames have no link header.
func TestPacketSenderWithoutLinkHeader(t *testing.T) {
	newVeth(t)
	tun := &netlink.Tuntap{
		LinkAttrs: netlink.LinkAttrs{Name: "tun0"}, Mode: netlink.TUNTAP_MODE_TUN,
		Flags: netlink.TUNTAP_NO_PI | netlink.TUNTAP_ONE_QUEUE, Queues: 1,
	}
	must(t, netlink.LinkAdd(tun))
	defer tun.Fds[0].Close()
	must(t, netlink.LinkSetIP6AddrGenMode(tun, addrGenNone))
	must(t, netlink.LinkSetUp(tun))
	for _, source := range []string{"192.0.2.1", "2001:db8::1"} {
		path := Path{Index: tun.Attrs().Index, Interface: "tun0", MTU: 1500, Source: netip.MustParseAddr(source)}
		tmpl, err := NewSYNTemplate(path, 11211)
		must(t, err)
		s, skipped, err := NewSender(path, tmpl, Auto)
		must(t, err)
		if want := []string{"xdp: tun0 has no Ethernet header", "afxdp: tun0 has no Ethernet header"}; fmt.Sprint(skipped) != fmt.Sprint(want) {
			t.Errorf("skipped %q, want %q", skipped, want)
		}
		frames := someFrames(tmpl, 40)
		_, err = s.Send(frames)
		must(t, err)
		expect(t, tmpl, int(tun.Fds[0].Fd()), frames)
		must(t, s.Close())
	}
}

// With the peer down nothing can be sent, and nothing counts as lost.
func TestSendersWithoutCarrier(t *testing.T) {
	v := newVeth(t)
	v.takeXDP(xdpPass)
	path := v.path("192.0.2.1")
	tmpl, err := NewSYNTemplate(path, 11211)
	must(t, err)
	for _, kind := range senderKinds() {
		s, err := kind.open(path, tmpl)
		must(t, err)
		must(t, v.netlink.LinkSetDown(v.farLink))
		sent, err := s.Send(someFrames(tmpl, 100))
		drops, down := s.Drops()
		lost := drops.Lost()
		if !errors.Is(down, unix.ENETDOWN) || !strings.Contains(fmt.Sprint(down), "near0 is down, it has lost its carrier") {
			t.Errorf("%s: looks at the interface: %v", kind.name, down)
		}
		t.Logf("%s: sent %d, %v; lost %d", kind.name, sent, err, lost)
		if sent != 0 || !errors.Is(err, unix.ENOBUFS) {
			t.Errorf("%s: sent %d, got %v, want ENOBUFS", kind.name, sent, err)
		}
		if lost != 0 {
			t.Errorf("%s: lost %d, although the caller was told", kind.name, lost)
		}
		must(t, s.Close())
		must(t, v.netlink.LinkSetUp(v.farLink))
	}
}
