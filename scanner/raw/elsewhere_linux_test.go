package raw

import (
	"net"
	"slices"
	"testing"

	"github.com/google/gopacket/layers"
)

// index is that of an interface of a namespace.
func (n *network) index(name, device string) (index int) {
	n.t.Helper()
	n.inside(name, func() {
		d, err := net.InterfaceByName(device)
		if err != nil {
			n.t.Fatal(err)
		}
		index = d.Index
	})
	return index
}

// An answer may come in by another interface than the question left by.
func TestRingElsewhere(t *testing.T) {
	n := newNetwork(t, "ma", "mb")
	n.link("ma", "va", "mb", "vb")
	n.link("ma", "wa", "mb", "wb")
	var r *Ring
	n.inside("ma", func() {
		var err error
		if r, err = NewRingElsewhere(ourPorts, []int{n.index("ma", "va")}); err != nil {
			t.Fatal(err)
		}
	})
	t.Cleanup(func() { must(t, r.Close()) })
	here, there := n.wire("mb", "vb"), n.wire("mb", "wb")
	here.write(t, udpFrame(t, ourPort, 10))
	there.write(t, udpFrame(t, ourPort+1, 10))
	there.write(t, udpFrame(t, ourPort+100, 10))
	got := collect(t, r, 1)
	if len(got) != 1 || got[0].Kind != UDPReply || got[0].To.Port() != ourPort+1 || got[0].From.Addr() != asked4 {
		t.Errorf("got %+v", got)
	}
	if r.LinkType() != layers.LinkTypeRaw || len(got) == 1 && got[0].Frame[0]>>4 != 4 {
		t.Errorf("link type %v, frame %x", r.LinkType(), got[0].Frame)
	}
}

// What an interface stands on sees its packets, too.
func TestWithLower(t *testing.T) {
	n := newNetwork(t, "ma", "mb")
	n.link("ma", "va", "mb", "vb")
	n.link("ma", "wa", "mb", "wb")
	n.ip("ma", "link add br0 type bridge")
	n.ip("ma", "link set va master br0")
	want := []int{n.index("ma", "br0"), n.index("ma", "va")}
	n.inside("ma", func() {
		got, err := withLower([]int{want[0], want[0]})
		must(t, err)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}
