package raw

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// slowPath is a path over a device whose frames wait in the queue of another
// below it, at 250 kB/s; what is longer than 1,000 bytes is dropped there,
// and what is more than limit bytes.
func (v *veth) slowPath(limit uint32) Path {
	must(v.t, netlink.QdiscAdd(&netlink.Tbf{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: v.nearLink.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT},
		Rate:       250_000, Buffer: netlink.Xmittime(250_000, 1000), Limit: limit,
	}))
	must(v.t, netlink.LinkAdd(&netlink.Macvlan{
		LinkAttrs: netlink.LinkAttrs{Name: "upper0", ParentIndex: v.nearLink.Attrs().Index}, Mode: netlink.MACVLAN_MODE_BRIDGE,
	}))
	link, err := netlink.LinkByName("upper0")
	must(v.t, err)
	must(v.t, netlink.LinkSetIP6AddrGenMode(link, addrGenNone))
	must(v.t, netlink.LinkSetUp(link))
	path := v.path("192.0.2.1")
	path.Interface, path.Index = "upper0", link.Attrs().Index
	return path
}

// TestPacketSenderWaitsForItsBuffer: on a slow interface the socket's buffer
// fills in the middle of batches. No frame is refused then: there are no counters
// to be read, and what the interface loses meanwhile was not sent again.
func TestPacketSenderWaitsForItsBuffer(t *testing.T) {
	v := newVeth(t)
	path := v.slowPath(10 << 20)
	tmpl, err := NewSYNTemplate(path, 11211)
	must(t, err)
	s, err := newPacketSender(path, tmpl)
	must(t, err)
	defer s.Close()
	frames := someFrames(tmpl, 3000)
	send := func() {
		if n, err := s.Send(frames); n != len(frames) || err != nil {
			t.Errorf("sent %d, %v", n, err)
		}
	}
	begin := time.Now()
	if n := testing.AllocsPerRun(1, send); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if time.Since(begin) < 100*time.Millisecond {
		t.Fatal("the buffer was never full")
	}

	const losses = 10
	other, err := openPacketSocket(path)
	must(t, err)
	defer unix.Close(other)
	var sending sync.WaitGroup
	sending.Go(func() {
		for range losses {
			time.Sleep(20 * time.Millisecond)
			if err := unix.Send(other, make([]byte, 1400), 0); err != unix.ENOBUFS {
				t.Errorf("a frame that is too long: %v", err)
			}
		}
	})
	send()
	sending.Wait()
	if lost, err := s.Drops(); lost.Lost() != losses || err != nil {
		t.Errorf("lost %d of %d, %v", lost.Lost(), losses, err)
	}
}

// TestPacketSenderTellsRefusals: what a short queue does not take, in the middle
// of a batch or at its beginning, is sent again, and so is not lost.
func TestPacketSenderTellsRefusals(t *testing.T) {
	v := newVeth(t)
	path := v.slowPath(3000)
	tmpl, err := NewSYNTemplate(path, 11211)
	must(t, err)
	s, err := newPacketSender(path, tmpl)
	must(t, err)
	defer s.Close()
	refused := 0
	for frames := someFrames(tmpl, 1000); len(frames) > 0; {
		n, err := s.Send(frames)
		frames = frames[n:]
		if errors.Is(err, unix.ENOBUFS) {
			refused++
			time.Sleep(5 * time.Millisecond)
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if drops, err := s.Drops(); drops.Counted < uint64(refused) || refused == 0 || drops.Lost() != 0 || err != nil {
		t.Errorf("%d were refused: %+v, %v", refused, drops, err)
	}
}
