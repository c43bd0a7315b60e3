package raw

import (
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// xdpOver opens the sender over a veth that takes its frames.
func xdpOver(t *testing.T, v *veth) (*xdpSender, []Frame) {
	t.Helper()
	v.takeXDP(xdpPass)
	tmpl, err := NewSYNTemplate(v.path("192.0.2.1"), 11211)
	must(t, err)
	s, _, err := NewSender(v.path("192.0.2.1"), tmpl, "xdp")
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return s.(*xdpSender), someFrames(tmpl, 1000)
}

// A signal ends a run early, and the runtime sends signals all the time: no
// frame may be sent twice or not at all for it.
func TestXDPInterrupted(t *testing.T) {
	v := newVeth(t)
	s, frames := xdpOver(t, v)
	var stop atomic.Bool
	var signals atomic.Int64
	done := make(chan struct{})
	go func(pid, tid int) {
		defer close(done)
		for !stop.Load() {
			_ = unix.Tgkill(pid, tid, unix.SIGURG) // what the runtime uses for preemption
			signals.Add(1)
			time.Sleep(20 * time.Microsecond)
		}
	}(unix.Getpid(), unix.Gettid())
	before, sent := v.arrived(), 0
	for range 100 {
		n, err := s.Send(frames)
		sent += n
		must(t, err)
	}
	stop.Store(true)
	<-done
	drops, err := s.Drops()
	must(t, err)
	lost := drops.Lost()
	if got := v.arrived() - before; sent != 100_000 || got+lost != 100_000 {
		t.Errorf("sent %d, arrived %d, lost %d", sent, got, lost)
	}
	t.Logf("%d signals, %d lost", signals.Load(), lost)
}

// Unless the program has a place in the dispatcher, each run takes 25 ms.
func TestXDPAnchored(t *testing.T) {
	s, frames := xdpOver(t, newVeth(t))
	start := time.Now()
	for range 100 {
		_, err := s.Send(frames[:64])
		must(t, err)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("100 runs took %v", took)
	}
}

// Everything that needs a capability was opened by then.
func TestXDPWithoutCapabilities(t *testing.T) {
	v := newVeth(t)
	s, frames := xdpOver(t, v)
	withCapabilities(t, 0, func() {
		before := v.arrived()
		if n, err := s.Send(frames); n != len(frames) || err != nil {
			t.Errorf("sent %d: %v", n, err)
		}
		if _, err := s.Drops(); err != nil {
			t.Error(err)
		}
		if n := v.arrived() - before; n != 1000 {
			t.Errorf("%d arrived", n)
		}
	})
}

// With CAP_NET_ADMIN, CAP_BPF and CAP_PERFMON alone the program is anchored at an
// interface of our own, and without /dev/net/tun at our loopback, which has to
// work on.
func TestXDPFewCapabilities(t *testing.T) {
	v := newVeth(t)
	lo, err := netlink.LinkByName("lo")
	must(t, err)
	must(t, netlink.LinkSetUp(lo))
	v.takeXDP(xdpPass)
	path := v.path("192.0.2.1")
	tmpl, err := NewSYNTemplate(path, 11211)
	must(t, err)
	var s *xdpSender
	withCapabilities(t, 1<<unix.CAP_NET_ADMIN|1<<unix.CAP_BPF|1<<unix.CAP_PERFMON, func() {
		opened, err := newXDPSender(path, tmpl)
		must(t, err)
		s = opened.(*xdpSender)
	})
	defer s.Close()
	must(t, s.anchor.Close())
	s.anchor, err = anchorTo(loopback, s.prog)
	must(t, err)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(fd)
	self := &unix.SockaddrInet4{Port: 11211, Addr: [4]byte{127, 0, 0, 1}}
	must(t, unix.Bind(fd, self))
	must(t, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1}))
	for i := range 100 {
		must(t, unix.Sendto(fd, []byte{byte(i)}, 0, self))
		before := v.arrived()
		_, err := s.Send(someFrames(tmpl, 100))
		must(t, err)
		if n := v.arrived() - before; n != 100 {
			t.Fatalf("%d frames arrived", n)
		}
		got := make([]byte, 100)
		if n, _, err := unix.Recvfrom(fd, got, 0); err != nil || n != 1 || got[0] != byte(i) {
			t.Fatalf("over loopback came %x, %v", got[:max(n, 0)], err)
		}
	}
}

// Two probes, and another sweep, have an anchor each, and leave nothing behind.
func TestXDPAnchors(t *testing.T) {
	v := newVeth(t)
	v.takeXDP(xdpPass)
	path := v.path("192.0.2.1")
	tmpl, err := NewSYNTemplate(path, 11211)
	must(t, err)
	before, err := netlink.LinkList()
	must(t, err)
	var open []*xdpSender
	withCapabilities(t, 1<<unix.CAP_NET_ADMIN|1<<unix.CAP_BPF|1<<unix.CAP_PERFMON, func() {
		for range 4 {
			s, err := newXDPSender(path, tmpl)
			must(t, err)
			open = append(open, s.(*xdpSender))
		}
		must(t, TryXDP())
	})
	for _, s := range open {
		start, arrived := time.Now(), v.arrived()
		for range 20 {
			_, err := s.Send(someFrames(tmpl, 64))
			must(t, err)
		}
		if took := time.Since(start); took > 500*time.Millisecond || v.arrived()-arrived != 20*64 {
			t.Errorf("20 runs took %v, and %d frames arrived", took, v.arrived()-arrived)
		}
		must(t, s.Close())
	}
	after, err := netlink.LinkList()
	must(t, err)
	if len(after) != len(before) {
		t.Errorf("%d interfaces are left, there were %d", len(after), len(before))
	}
}

// Where only loopback is left, the second is told why.
func TestXDPAnchorTaken(t *testing.T) {
	v := newVeth(t)
	s, _ := xdpOver(t, v)
	one, err := anchorTo(loopback, s.prog)
	must(t, err)
	defer one.Close()
	if _, err := anchorTo(loopback, s.prog); err == nil || !strings.Contains(err.Error(), "perhaps another sweep's") {
		t.Errorf("got %v", err)
	}
}

// A sender that cannot see what a driver does not take would call it sent.
func TestXDPWithoutWatch(t *testing.T) {
	v := newVeth(t)
	v.takeXDP(xdpPass)
	path := v.path("192.0.2.1")
	tmpl, err := NewSYNTemplate(path, 11211)
	must(t, err)
	withCapabilities(t, 1<<unix.CAP_NET_ADMIN|1<<unix.CAP_BPF|1<<unix.CAP_NET_RAW, func() {
		s, skipped, err := NewSender(path, tmpl, Auto)
		must(t, err)
		defer s.Close()
		if s.Name() != "afxdp" || len(skipped) != 1 || !strings.Contains(skipped[0], "needs CAP_PERFMON") {
			t.Errorf("got %s, skipped %q", s.Name(), skipped)
		}
		if _, _, err := NewSender(path, tmpl, "xdp"); err == nil || !strings.Contains(err.Error(), "needs CAP_PERFMON") {
			t.Errorf("xdp by name: got %v", err)
		}
	})
}

// Two senders see their own drops, and the interface's once.
func TestXDPDropsApart(t *testing.T) {
	v := newVeth(t)
	one, frames := xdpOver(t, v)
	other, err := newXDPSender(v.path("192.0.2.1"), one.t)
	must(t, err)
	defer other.Close()
	must(t, netlink.LinkSetDown(v.nearLink))
	n, err := one.Send(frames)
	if n != 0 || err == nil {
		t.Fatalf("sent %d, %v: want 0 and an error", n, err)
	}
	a, down := one.Drops()
	if a.Seen == 0 || a.Lost() != 0 || !errors.Is(down, unix.ENETDOWN) {
		t.Errorf("the one that sent: %+v, %v", a, down)
	}
	b, _ := other.Drops()
	if b.Seen != 0 || a.beside(b).Lost() != 0 {
		t.Errorf("the other: %+v; together %d", b, a.beside(b).Lost())
	}
}

func TestXDPRefused(t *testing.T) {
	v := newVeth(t)
	v.takeXDP(xdpPass)
	tmpl, err := NewSYNTemplate(v.path("192.0.2.1"), 11211)
	must(t, err)
	withCapabilities(t, 0, func() {
		_, _, err := NewSender(v.path("192.0.2.1"), tmpl, Auto)
		for _, want := range []string{"needs CAP_BPF and CAP_NET_ADMIN", "needs CAP_NET_RAW"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want an error with %q", err, want)
			}
		}
	})
}

// An interface that is taken away is an error, not silence.
func TestXDPInterfaceGone(t *testing.T) {
	v := newVeth(t)
	s, frames := xdpOver(t, v)
	must(t, netlink.LinkDel(v.nearLink))
	if n, err := s.Send(frames); n != 0 || err == nil {
		t.Errorf("sent %d, %v: want 0 and an error", n, err)
	}
	if _, err := s.Drops(); err == nil {
		t.Error("the counters of an interface that is gone were read")
	}
}

// withCapabilities runs f with only these effective, on this thread.
func withCapabilities(t *testing.T, keep uint64, f func()) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var all [2]unix.CapUserData
	must(t, unix.Capget(&header, &all[0]))
	few := all
	few[0].Effective, few[1].Effective = uint32(keep), uint32(keep>>32)
	must(t, unix.Capset(&header, &few[0]))
	defer func() { must(t, unix.Capset(&header, &all[0])) }()
	f()
}
