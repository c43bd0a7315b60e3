package raw

import (
	"errors"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// An interface that is set down takes nothing more; what was under way then
// leaves when it is up again, before anything else.
func TestAFXDPInterfaceDown(t *testing.T) {
	v := newVeth(t)
	path := v.path("192.0.2.1")
	tmpl, err := NewSYNTemplate(path, 11211)
	must(t, err)
	s, err := newAFXDPSender(path, tmpl)
	must(t, err)
	defer s.Close()
	for range 3 { // more than a ring, if nothing were given back
		before := v.arrived()
		must(t, netlink.LinkSetDown(v.nearLink))
		frames := someFrames(tmpl, 300)
		if n, err := s.Send(frames); n != 0 || !errors.Is(err, unix.ENETDOWN) {
			t.Fatalf("down: sent %d, %v", n, err)
		}
		must(t, netlink.LinkSetUp(v.nearLink))
		if n, err := s.Send(frames); n != 300 || err != nil {
			t.Fatalf("up again: sent %d, %v", n, err)
		}
		if n := v.arrived() - before; n != 300+afxdpBatch {
			t.Errorf("%d frames arrived, want 300 and the %d that waited", n, afxdpBatch)
		}
	}
	if lost, err := s.Drops(); lost.Lost() != 0 || err != nil {
		t.Errorf("lost %d, %v", lost.Lost(), err)
	}
}

// A tap that nobody reads from is soon full. A sender says so: what it calls
// sent is there.
func TestSendersOnFullInterface(t *testing.T) {
	newVeth(t)
	for _, kind := range []senderKind{{"packet", newPacketSender}, {"afxdp", newAFXDPSender}} {
		tap := &netlink.Tuntap{
			LinkAttrs: netlink.LinkAttrs{Name: "tap0"}, Mode: netlink.TUNTAP_MODE_TAP,
			Flags: netlink.TUNTAP_NO_PI | netlink.TUNTAP_ONE_QUEUE, Queues: 1,
		}
		must(t, netlink.LinkAdd(tap))
		must(t, netlink.LinkSetIP6AddrGenMode(tap, addrGenNone))
		must(t, netlink.LinkSetTxQLen(tap, 100))
		must(t, netlink.LinkSetUp(tap))
		fd := int(tap.Fds[0].Fd())
		must(t, unix.SetNonblock(fd, true))
		path := (&veth{t: t, nearLink: tap}).path("192.0.2.1")
		path.Interface = "tap0"
		tmpl, err := NewSYNTemplate(path, 11211)
		must(t, err)
		s, err := kind.open(path, tmpl)
		must(t, err)

		n, err := s.Send(someFrames(tmpl, 700))
		there := 0
		for buf := make([]byte, 2048); ; there++ {
			if _, err := unix.Read(fd, buf); err != nil {
				break
			}
		}
		drops, failed := s.Drops()
		t.Logf("%s: sent %d of 700, %v; %d there; %+v", kind.name, n, err, there, drops)
		if !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, unix.EAGAIN) || n > there || n < 64 {
			t.Errorf("%s: sent %d, %v, and %d are there", kind.name, n, err, there)
		}
		if drops.Lost() != 0 || failed != nil {
			t.Errorf("%s: lost %d, %v, although the caller was told", kind.name, drops.Lost(), failed)
		}
		must(t, s.Close())
		must(t, tap.Fds[0].Close())
	}
}
