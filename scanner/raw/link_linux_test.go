package raw

import (
	"net/netip"
	"os"
	"testing"

	"github.com/google/gopacket/layers"
	"golang.org/x/sys/unix"
)

func TestRingLoopback(t *testing.T) {
	n := newNetwork(t, "ma")
	r := n.ring("ma", "lo", ourPorts)
	lo := n.wire("ma", "lo")
	frame := udpFrame(t, ourPort, 20)
	lo.write(t, frame)
	if got := collect(t, r, 1); len(got) != 1 || r.LinkType() != layers.LinkTypeEthernet {
		t.Errorf("%d packets, want 1; link type %s", len(got), r.LinkType())
	}
}

// TestRingPointToPoint receives from an interface without link header.
func TestRingPointToPoint(t *testing.T) {
	n := newNetwork(t, "ma")
	var tun *os.File
	n.inside("ma", func() { tun = openTun(t) })
	defer tun.Close()
	n.ip("ma", "link set rtun up")
	r := n.ring("ma", "rtun", ourPorts)
	for _, ends := range [][2]netip.Addr{{asked4, us4}, {asked6, us6}} {
		ip := carrying(layers.IPProtocolUDP, ends[0], ends[1])
		if _, err := tun.Write(bytesOf(t, ip, udp(askedPort, ourPort), reply)); err != nil {
			t.Fatal(err)
		}
	}
	got := collect(t, r, 2)
	if len(got) != 2 || r.LinkType() != layers.LinkTypeRaw {
		t.Fatalf("%d packets, want 2; link type %s", len(got), r.LinkType())
	}
	if got[0].From != of(asked4, askedPort) || got[1].From != of(asked6, askedPort) {
		t.Errorf("from %s and %s", got[0].From, got[1].From)
	}
}

// openTun makes an interface whose other end is a file.
func openTun(t *testing.T) *os.File {
	t.Helper()
	file, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("needs a tun device: %v", err)
	}
	request, err := unix.NewIfreq("rtun")
	if err != nil {
		t.Fatal(err)
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(int(file.Fd()), unix.TUNSETIFF, request); err != nil {
		t.Skipf("needs a tun device: %v", err)
	}
	return file
}
