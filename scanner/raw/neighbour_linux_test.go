package raw

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/memsweep/memsweep/internal/privilege"
)

// neighbours opens one in a namespace, and a path on the link of addr.
func (n *network) neighbours(name, addr string, o NeighbourOptions) (*Neighbours, Path) {
	n.t.Helper()
	var found *Neighbours
	var via Path
	n.inside(name, func() {
		var err error
		if found, err = NewNeighbours(o); err != nil {
			n.t.Fatal(err)
		}
		r, err := NewRouter(RouteOptions{})
		if err != nil {
			n.t.Fatal(err)
		}
		defer r.Close()
		if via, err = r.Path(netip.MustParseAddr(addr)); err != nil {
			n.t.Fatal(err)
		}
	})
	n.t.Cleanup(func() { found.Close() })
	return found, via
}

func addrs(format string, first, last int) (list []netip.Addr) {
	for i := first; i <= last; i++ {
		list = append(list, netip.MustParseAddr(fmt.Sprintf(format, i)))
	}
	return list
}

func TestNeighboursOnLink(t *testing.T) {
	n := newCrossroads(t)
	n.ip("us", "neigh add 10.9.0.9 lladdr 02:00:00:00:00:09 dev u0 nud permanent")
	quick := NeighbourOptions{Rate: 1000, Timeout: 100 * time.Millisecond, Tries: 2}
	for _, test := range []struct {
		format string
		have   []int
	}{{"10.9.0.%d", []int{2, 3, 9}}, {"fd09::%d", []int{2}}} {
		asked := addrs(test.format, 2, 20)
		found, via := n.neighbours("us", asked[0].String(), quick)
		got := map[netip.Addr]string{}
		for who := range found.Resolve(t.Context(), via, append(asked, asked[0])) {
			if _, twice := got[who.Addr]; twice || (who.Err == nil) != (who.MAC != nil) {
				t.Errorf("%+v, twice: %t", who, twice)
			}
			if who.Err != nil && !errors.Is(who.Err, ErrNoNeighbour) {
				t.Errorf("%s: %v", who.Addr, who.Err)
			}
			got[who.Addr] = who.MAC.String()
		}
		if len(got) != len(asked) {
			t.Errorf("%d outcomes for %d addresses", len(got), len(asked))
		}
		for _, i := range test.have {
			want := peerMAC
			if i == 9 {
				want = "02:00:00:00:00:09" // not there, but the kernel was told
			}
			if addr := netip.MustParseAddr(fmt.Sprintf(test.format, i)); got[addr] != want {
				t.Errorf("%s: got %q, want %q", addr, got[addr], want)
			}
			delete(got, netip.MustParseAddr(fmt.Sprintf(test.format, i)))
		}
		for addr, mac := range got {
			if mac != "" {
				t.Errorf("%s, which nobody has, is at %s", addr, mac)
			}
		}
	}
}

// TestNeighboursRate: a broadcast burdens every host of a link.
func TestNeighboursRate(t *testing.T) {
	found, via := newCrossroads(t).neighbours("us", "10.9.0.77", NeighbourOptions{Rate: 100, Timeout: 10 * time.Millisecond, Tries: 1})
	const count = 50
	start := time.Now()
	for range found.Resolve(t.Context(), via, addrs("10.9.0.%d", 101, 100+count)) {
	}
	if took, least := time.Since(start), (count-3)*10*time.Millisecond; took < least || took > 2*least {
		t.Errorf("%d questions at 100/s took %s, want about %s", count, took, least)
	}
}

func TestNeighboursStop(t *testing.T) {
	n := newCrossroads(t)
	found, via := n.neighbours("us", "10.9.0.77", NeighbourOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start, stopped := time.Now(), 0
	for who := range found.Resolve(ctx, via, addrs("10.9.0.%d", 100, 200)) {
		if !errors.Is(who.Err, context.DeadlineExceeded) {
			t.Errorf("%+v", who)
		}
		stopped++
	}
	if took := time.Since(start); stopped != 101 || took > time.Second {
		t.Errorf("%d of 101 were given up after %s", stopped, took)
	}
	for range found.Resolve(t.Context(), via, addrs("10.9.0.%d", 2, 3)) {
		break // the receiver may leave early
	}
	// What this machine cannot ask says nothing about the neighbour.
	n.ip("us", "link set u0 down")
	for who := range found.Resolve(t.Context(), via, addrs("10.9.0.%d", 77, 77)) {
		if who.Err == nil || errors.Is(who.Err, ErrNoNeighbour) {
			t.Errorf("%+v: want a local failure", who)
		}
	}
}

// TestSolicitations holds what is sent against an independent decoder.
func TestSolicitations(t *testing.T) {
	mac, _ := net.ParseMAC(ourMAC)
	source, target := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.77")
	var arp layers.ARP
	if err := arp.DecodeFromBytes(appendARPRequest(nil, mac, source, target), gopacket.NilDecodeFeedback); err != nil {
		t.Fatal(err)
	}
	if arp.AddrType != layers.LinkTypeEthernet || arp.Protocol != layers.EthernetTypeIPv4 || arp.Operation != layers.ARPRequest ||
		!bytes.Equal(arp.SourceHwAddress, mac) || !bytes.Equal(arp.SourceProtAddress, source.AsSlice()) ||
		!isZero(arp.DstHwAddress) || !bytes.Equal(arp.DstProtAddress, target.AsSlice()) {
		t.Errorf("%+v", arp)
	}

	target = netip.MustParseAddr("2001:db8::12:3456")
	packet := appendSolicitation(nil, mac, target)
	var ndp layers.ICMPv6NeighborSolicitation
	if err := ndp.DecodeFromBytes(packet[4:], gopacket.NilDecodeFeedback); err != nil {
		t.Fatal(err)
	}
	if packet[0] != ndpSolicitation || packet[1] != 0 || !ndp.TargetAddress.Equal(target.AsSlice()) || len(ndp.Options) != 1 ||
		ndp.Options[0].Type != layers.ICMPv6OptSourceAddress || !bytes.Equal(ndp.Options[0].Data, mac) {
		t.Errorf("%x: %+v", packet, ndp)
	}
	if group := solicitedNode(target); group.String() != "ff02::1:ff12:3456" {
		t.Errorf("solicited-node group %s", group)
	}
}

func FuzzParseARPReply(f *testing.F) {
	mac, _ := net.ParseMAC(peerMAC)
	asked, peer := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.77")
	reply := appendARPRequest(nil, mac, peer, asked)
	reply[7] = arpReply
	if addr, got, ok := parseARPReply(reply, asked); !ok || addr != peer || got.String() != peerMAC {
		f.Fatalf("%s %s %t", addr, got, ok)
	}
	if _, _, ok := parseARPReply(reply, peer); ok {
		f.Fatal("an answer to somebody else's question was taken")
	}
	f.Add(reply)
	f.Add(appendARPRequest(nil, mac, peer, asked))
	f.Fuzz(func(t *testing.T, b []byte) {
		if addr, mac, ok := parseARPReply(b, asked); ok != (len(mac) == 6) || ok != addr.IsValid() {
			t.Errorf("%x: %s %s %t", b, addr, mac, ok)
		}
	})
}

func FuzzParseAdvertisement(f *testing.F) {
	mac, _ := net.ParseMAC(peerMAC)
	peer := netip.MustParseAddr("2001:db8::77")
	b := appendSolicitation(nil, mac, peer)
	b[0], b[ndpLength] = ndpAdvertisement, ndpTargetLink
	if addr, got, ok := parseAdvertisement(b); !ok || addr != peer || got.String() != peerMAC {
		f.Fatalf("%s %s %t", addr, got, ok)
	}
	f.Add(b)
	f.Add(append(b[:ndpLength:ndpLength], 14, 0, 1, 2, 3, 4, 5, 6)) // an option of no length
	f.Fuzz(func(t *testing.T, b []byte) {
		if addr, mac, ok := parseAdvertisement(b); ok != (len(mac) == 6) || ok != addr.IsValid() {
			t.Errorf("%x: %s %s %t", b, addr, mac, ok)
		}
	})
}

// TestNeighboursAfterDrop: what was opened goes on working without any
// capability, and so does reading the routing tables.
func TestNeighboursAfterDrop(t *testing.T) {
	const env = "MEMSWEEP_TEST_NETWORK"
	if prefix := os.Getenv(env); prefix != "" {
		dropAndResolve(t, &network{t, prefix})
		return
	}
	n := newCrossroads(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestNeighboursAfterDrop$")
	cmd.Env = append(os.Environ(), env+"="+n.prefix)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, text)
	}
}

func dropAndResolve(t *testing.T, n *network) {
	found, via := n.neighbours("us", "10.9.0.77", NeighbourOptions{})
	r := n.router("us", RouteOptions{})
	if err := privilege.Drop(); err != nil {
		t.Fatal(err)
	}
	for _, w := range []want{
		{"10.200.1.1", "u0", "10.128.0.0/9", "10.9.0.1", "10.9.0.2", peerMAC, 1500},
		{"fd00:1:2::9", "u0", "fd00:1::/46", "fd09::1", "fd09::2", peerMAC, 1500},
	} {
		w.check(t, r)
	}
	for who := range found.Resolve(t.Context(), via, addrs("10.9.0.%d", 3, 3)) {
		if who.MAC.String() != peerMAC {
			t.Errorf("%+v", who)
		}
	}
	if changed, err := r.Refresh(); changed || err != nil {
		t.Errorf("refresh: changed %t, %v", changed, err)
	}
}
