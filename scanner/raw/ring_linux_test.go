package raw

import (
	"errors"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"golang.org/x/sys/unix"
)

// wire writes frames to an interface, and knows its address.
type wire struct {
	fd  int
	mac net.HardwareAddr
}

// wire opens one in a namespace.
func (n *network) wire(name, device string) *wire {
	n.t.Helper()
	w := &wire{fd: -1}
	n.inside(name, func() {
		d, err := net.InterfaceByName(device)
		if err != nil {
			n.t.Fatal(err)
		}
		w.mac = d.HardwareAddr
		if w.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			n.t.Fatal(err)
		}
		n.t.Cleanup(func() { unix.Close(w.fd) })
		if err := unix.Bind(w.fd, &unix.SockaddrLinklayer{Ifindex: d.Index}); err != nil {
			n.t.Fatal(err)
		}
	})
	return w
}

func (w *wire) write(t testing.TB, frame []byte) {
	t.Helper()
	if _, err := unix.Write(w.fd, frame); err != nil {
		t.Fatal(err)
	}
}

// ring opens one in a namespace.
func (n *network) ring(name, device string, ports PortRange) *Ring {
	n.t.Helper()
	var r *Ring
	n.inside(name, func() {
		var err error
		if r, err = NewRing(device, ports); err != nil {
			n.t.Fatal(err)
		}
	})
	n.t.Cleanup(func() {
		if err := r.Close(); err != nil {
			n.t.Error(err)
		}
	})
	return r
}

// pair is two namespaces that are joined; a receives what b writes.
func pair(t *testing.T) (n *network, b *wire) {
	n = newNetwork(t, "ma", "mb")
	n.link("ma", "va", "mb", "vb")
	return n, n.wire("mb", "vb")
}

var ourPorts = PortRange{First: ourPort, Last: ourPort + 9}

func udpFrame(t testing.TB, to uint16, payload int) []byte {
	ip := carrying(layers.IPProtocolUDP, asked4, us4)
	eth := linkOver(ip)
	eth.DstMAC = net.HardwareAddr{255, 255, 255, 255, 255, 255}
	return bytesOf(t, eth, ip, udp(askedPort, to), gopacket.Payload(make([]byte, payload)))
}

// collect reads until it has that many packets, and a moment longer, for any
// that should not come. It returns copies.
func collect(t testing.TB, r Receiver, want int) (list []Packet) {
	t.Helper()
	const moment = 30 * time.Millisecond
	read := func() {
		if err := r.Read(time.Now().Add(moment), func(p *Packet) {
			c := *p
			c.Frame, c.Payload = append([]byte{}, p.Frame...), append([]byte{}, p.Payload...)
			list = append(list, c)
		}); err != nil {
			t.Fatal(err)
		}
	}
	for start := time.Now(); len(list) < want && time.Since(start) < 3*time.Second; {
		read()
	}
	read()
	return list
}

func TestRingFilters(t *testing.T) {
	n, b := pair(t)
	r := n.ring("ma", "va", ourPorts)
	a := n.wire("ma", "va")
	want := udpFrame(t, ourPort+9, 20)
	for _, frame := range [][]byte{udpFrame(t, ourPort+10, 20), want, udpFrame(t, ourPort-1, 20)} {
		b.write(t, frame)
		a.write(t, frame) // what we send ourselves is no answer
	}
	tagged := append(append(append([]byte{}, want[:12]...), 0x81, 0, 0, 5), want[12:]...)
	b.write(t, tagged)
	got := collect(t, r, 2)
	if len(got) != 2 {
		t.Fatalf("%d packets, want 2: %+v", len(got), got)
	}
	for i, wire := range []int{len(want), len(tagged)} {
		p := got[i]
		if p.Wire != wire || string(p.Frame) != string(want) || p.To.Port() != ourPort+9 {
			t.Errorf("packet %d: %d bytes on the wire, want %d; %x", i, p.Wire, wire, p.Frame)
		}
		if age := time.Since(p.At); age < 0 || age > 10*time.Second {
			t.Errorf("packet %d came %s ago", i, age)
		}
	}
	if n, err := r.Dropped(); n != 0 || err != nil {
		t.Error(n, err)
	}
}

// TestRingAlone: one answer does not wait for others.
func TestRingAlone(t *testing.T) {
	n, b := pair(t)
	r := n.ring("ma", "va", ourPorts)
	frame := udpFrame(t, ourPort, 20)
	best := time.Hour // of several: the machine may be busy
	for range 5 {
		start := time.Now()
		b.write(t, frame)
		if err := r.Read(start.Add(60*time.Millisecond), func(*Packet) { best = min(best, time.Since(start)) }); err != nil {
			t.Fatal(err)
		}
	}
	if best > 25*time.Millisecond {
		t.Errorf("an answer alone took %s at best", best)
	}
}

func TestRingDrops(t *testing.T) {
	n, b := pair(t)
	r := n.ring("ma", "va", ourPorts)
	frame := udpFrame(t, ourPort, 1300)
	const sent = 9000 // 12 MB: more than the ring has room for
	for i := range sent {
		if b.write(t, frame); i%250 == 0 {
			time.Sleep(time.Millisecond) // lest they are lost before the ring
		}
	}
	var got, dropped uint64
	for start := time.Now(); got+dropped < sent && time.Since(start) < 3*time.Second; {
		got += uint64(len(collect(t, r, 0)))
		var err error
		if dropped, err = r.Dropped(); err != nil {
			t.Fatal(err)
		}
	}
	if dropped == 0 || got+dropped != sent {
		t.Errorf("sent %d, got %d, dropped %d", sent, got, dropped)
	}
	b.write(t, frame)
	if more := collect(t, r, 1); len(more) != 1 {
		t.Errorf("%d packets after the flood, want 1", len(more))
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if again, err := r.Dropped(); again != dropped || err != nil {
		t.Errorf("after Close %d dropped, %v; before %d", again, err, dropped)
	}
}

func TestRingAllocatesNothing(t *testing.T) {
	n, b := pair(t)
	r := n.ring("ma", "va", ourPorts)
	frame := udpFrame(t, ourPort, 20)
	const sent = 10000
	for range sent {
		b.write(t, frame)
	}
	var got int
	count := func(*Packet) { got++ }
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for start := time.Now(); got < sent && time.Since(start) < 3*time.Second; {
		if err := r.Read(time.Now().Add(50*time.Millisecond), count); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if objects := after.Mallocs - before.Mallocs; got != sent || objects > 200 {
		t.Errorf("%d packets, want %d; %d allocations", got, sent, objects)
	}
}

// TestRingClose closes while Read waits, and while it is busy.
func TestRingClose(t *testing.T) {
	n, b := pair(t)
	frame := udpFrame(t, ourPort, 1000)
	for _, busy := range []bool{false, true} {
		r := n.ring("ma", "va", ourPorts)
		ended := make(chan error, 1)
		var bytes atomic.Uint64
		go func() {
			ended <- r.Read(time.Now().Add(time.Minute), func(p *Packet) {
				for _, x := range p.Frame {
					bytes.Add(uint64(x))
				}
			})
		}()
		for start := time.Now(); time.Since(start) < 50*time.Millisecond; {
			if busy {
				b.write(t, frame)
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		select {
		case err := <-ended:
			if !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("Read did not end")
		}
		if err := r.Read(time.Now().Add(time.Second), func(*Packet) {}); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Read after Close: %v", err)
		}
		if err := r.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
		if busy && bytes.Load() == 0 {
			t.Error("nothing was read")
		}
	}
}

func TestRingInterfaceDown(t *testing.T) {
	n, _ := pair(t)
	r := n.ring("ma", "va", ourPorts)
	n.ip("ma", "link set va down")
	if err := r.Read(time.Now().Add(5*time.Second), func(*Packet) {}); !errors.Is(err, unix.ENETDOWN) {
		t.Errorf("got %v", err)
	}
}

func TestRingErrors(t *testing.T) {
	n := newNetwork(t, "ma")
	n.inside("ma", func() {
		if r, err := NewRing("nosuch0", ourPorts); err == nil {
			t.Errorf("a ring on no interface: %v", r.Close())
		} else if !strings.HasPrefix(err.Error(), "receive on nosuch0: ") {
			t.Error(err)
		}
	})
}
