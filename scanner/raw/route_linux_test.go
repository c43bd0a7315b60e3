package raw

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"
)

const (
	ourMAC   = "02:00:00:00:00:01"
	peerMAC  = "02:00:00:00:00:02"
	thirdMAC = "02:00:00:00:00:03"
)

// newCrossroads is a namespace "us" with every kind of route, and a namespace
// "peer" that is its gateway.
func newCrossroads(t *testing.T) *network {
	n := newNetwork(t, "us", "peer")
	n.link("us", "u0", "peer", "p0")
	n.link("us", "u1", "peer", "p1")
	for _, command := range []string{
		"link set u0 address " + ourMAC,
		"link set u1 mtu 1400",
		"addr add 10.9.0.1/24 dev u0",
		"addr add 10.9.0.5/24 dev u0",
		"addr add 10.11.0.1/24 dev u1",
		"addr add fd09::1/64 dev u0 nodad",
		"addr add fd11::1/64 dev u1 nodad",
		"tuntap add t0 mode tun",
		"link set t0 up",
		"addr add 10.12.0.1 peer 10.12.0.2 dev t0",
		"route add 10.0.0.0/8 via 10.9.0.2",
		"route add 10.5.0.0/16 via 10.11.0.2 mtu 1200",
		"route add 10.13.0.0/16 via inet6 fd09::2 dev u0",
		"route add 10.14.0.0/16 via 10.9.0.2 src 10.9.0.5",
		"route add blackhole 10.7.0.0/16",
		"route add unreachable 10.7.1.0/24",
		"route add prohibit 10.7.2.0/24",
		"route add local 198.18.0.0/15 dev lo",
		"rule add to 10.6.6.0/24 lookup 100",
		"route add 10.6.0.0/16 via 10.11.0.2 table 100",
		"rule add from 10.9.0.5 lookup 101",
		"route add default via 10.9.0.3 table 101",
		"route add 10.8.0.0/16 nexthop via 10.9.0.2 nexthop via 10.9.0.2 dev u0",
		"route add fd00:1::/32 via fd09::2",
		"route add blackhole fd00:1:7::/48",
		"route add local fd00:2::/32 dev lo",
	} {
		n.ip("us", command)
	}
	for _, command := range []string{
		"link set p0 address " + peerMAC,
		"link set p1 address " + thirdMAC,
		"addr add 10.9.0.2/24 dev p0",
		"addr add 10.9.0.3/24 dev p0",
		"addr add 10.11.0.2/24 dev p1",
		"addr add fd09::2/64 dev p0 nodad",
		"addr add fd11::2/64 dev p1 nodad",
	} {
		n.ip("peer", command)
	}
	return n
}

// router opens a router, and what it needs, in a namespace.
func (n *network) router(name string, o RouteOptions) *Router {
	n.t.Helper()
	var r *Router
	n.inside(name, func() {
		var err error
		if o.Neighbours, err = NewNeighbours(NeighbourOptions{Timeout: 300 * time.Millisecond}); err != nil {
			n.t.Fatal(err)
		}
		if r, err = NewRouter(o); err != nil {
			n.t.Fatal(err)
		}
	})
	n.t.Cleanup(func() { r.Close(); o.Neighbours.Close() })
	return r
}

// want is a path in short; an empty gateway is the zero Addr.
type want struct {
	addr, dev, prefix, source, gateway, next string
	mtu                                      int
}

func (w want) check(t *testing.T, r *Router) {
	t.Helper()
	p, err := r.Path(netip.MustParseAddr(w.addr))
	if err != nil {
		t.Errorf("%s: %v", w.addr, err)
		return
	}
	gateway := ""
	if p.Gateway.IsValid() {
		gateway = p.Gateway.String()
	}
	got := want{w.addr, p.Interface, p.Prefix.String(), p.Source.String(), gateway, p.NextMAC.String(), p.MTU}
	if got != w {
		t.Errorf("got  %+v\nwant %+v", got, w)
	}
}

func TestRouterPath(t *testing.T) {
	r := newCrossroads(t).router("us", RouteOptions{})
	for _, w := range []want{
		{"10.200.1.1", "u0", "10.128.0.0/9", "10.9.0.1", "10.9.0.2", peerMAC, 1500},
		{"10.5.77.1", "u1", "10.5.0.0/16", "10.11.0.1", "10.11.0.2", thirdMAC, 1200},
		{"10.9.0.77", "u0", "10.9.0.64/26", "10.9.0.1", "", "", 1500},
		{"10.12.0.2", "t0", "10.12.0.2/32", "10.12.0.1", "", "", 1500},
		{"10.13.1.1", "u0", "10.13.0.0/16", "10.9.0.1", "fd09::2", peerMAC, 1500},
		{"10.14.1.1", "u0", "10.14.0.0/16", "10.9.0.5", "10.9.0.2", peerMAC, 1500},
		{"10.6.6.77", "u1", "10.6.6.0/24", "10.11.0.1", "10.11.0.2", thirdMAC, 1400},
		{"10.6.7.77", "u0", "10.6.7.0/24", "10.9.0.1", "10.9.0.2", peerMAC, 1500},
		{"10.8.9.9", "u0", "10.8.0.0/16", "10.9.0.1", "10.9.0.2", peerMAC, 1500},
		{"127.3.3.3", "lo", "127.2.0.0/15", "127.0.0.1", "", "", 65536},
		{"10.9.0.1", "lo", "10.9.0.1/32", "10.9.0.1", "", "", 65536},
		{"198.18.5.5", "lo", "198.18.0.0/15", "198.18.5.5", "", "", 65536},
		{"::ffff:10.5.0.9", "u1", "10.5.0.0/16", "10.11.0.1", "10.11.0.2", thirdMAC, 1200},
		{"fd00:1:2::9", "u0", "fd00:1::/46", "fd09::1", "fd09::2", peerMAC, 1500},
		{"fd11::77", "u1", "fd11::40/122", "fd11::1", "", "", 1400},
		{"fd00:2::5", "lo", "fd00:2::/32", "fd09::1", "", "", 65536},
		{"::1", "lo", "::1/128", "::1", "", "", 65536},
		{"fd09::1", "lo", "fd09::1/128", "fd09::1", "", "", 65536},
	} {
		w.check(t, r)
	}
	for addr, kind := range map[string]struct{ perHost, loopback, header bool }{
		"10.200.1.1": {header: true},
		"10.9.0.77":  {perHost: true, header: true},
		"10.12.0.2":  {},
		"127.0.0.1":  {loopback: true, header: true},
	} {
		p, err := r.Path(netip.MustParseAddr(addr))
		if err != nil || p.PerHost() != kind.perHost || p.Loopback() != kind.loopback || (p.SourceMAC != nil) != kind.header {
			t.Errorf("%s: %+v, %v: want %+v", addr, p, err, kind)
		}
	}
}

func TestRouterNoRoute(t *testing.T) {
	r := newCrossroads(t).router("us", RouteOptions{})
	for _, addr := range []string{
		"9.9.9.9", "10.7.0.1", "10.7.1.1", "10.7.2.2", "10.9.0.255", "224.0.0.1", "255.255.255.255", "0.0.0.0", "0.1.2.3",
		"fd00:3::1", "fd00:1:7::1", "ff02::1", "fe80::1%u0",
	} {
		p, err := r.Path(netip.MustParseAddr(addr))
		if !errors.Is(err, ErrNoRoute) {
			t.Errorf("%s: %+v, %v", addr, p, err)
		}
	}
}

func TestRouterChoice(t *testing.T) {
	n := newCrossroads(t)
	// Over u1 there is a route to 10.5/16 only.
	r := n.router("us", RouteOptions{Interface: "u1"})
	want{"10.5.77.1", "u1", "10.5.0.0/16", "10.11.0.1", "10.11.0.2", thirdMAC, 1200}.check(t, r)
	for _, addr := range []string{"10.200.1.1", "10.11.0.1", "127.0.0.1"} {
		if p, err := r.Path(netip.MustParseAddr(addr)); !errors.Is(err, ErrNoRoute) {
			t.Errorf("%s over u1: %+v, %v", addr, p, err)
		}
	}
	// The source is chosen, and a rule looks at it.
	r = n.router("us", RouteOptions{Source: netip.MustParseAddr("10.9.0.5")})
	want{"10.200.1.1", "u0", "10.128.0.0/9", "10.9.0.5", "10.9.0.3", peerMAC, 1500}.check(t, r)
	want{"fd00:1:2::9", "u0", "fd00:1::/46", "fd09::1", "fd09::2", peerMAC, 1500}.check(t, r)
	n.inside("us", func() {
		for _, o := range []RouteOptions{{Interface: "u9"}, {Source: netip.MustParseAddr("10.9.0.99")}, {Source: netip.MustParseAddr("fd09::99")}} {
			if r, err := NewRouter(o); err == nil {
				t.Errorf("%+v: accepted", o)
				r.Close()
			}
		}
	})
}

func TestRouterRefresh(t *testing.T) {
	n := newCrossroads(t)
	r := n.router("us", RouteOptions{})
	target := want{"10.200.1.1", "u0", "10.128.0.0/9", "10.9.0.1", "10.9.0.2", peerMAC, 1500}
	target.check(t, r)
	refresh := func(want bool, why string) {
		t.Helper()
		if changed, err := r.Refresh(); err != nil || changed != want {
			t.Errorf("%s: changed %t, %v", why, changed, err)
		}
	}
	refresh(false, "nothing happened")
	target.check(t, r)

	n.ip("peer", "link set p0 address "+thirdMAC)
	n.ip("us", "neigh flush dev u0")
	refresh(true, "the gateway has another Ethernet address")
	target.next = thirdMAC
	target.check(t, r)

	n.ip("us", "route add 10.200.0.0/16 via 10.11.0.2")
	target.check(t, r)
	refresh(true, "a more specific route")
	want{"10.200.1.1", "u1", "10.200.0.0/16", "10.11.0.1", "10.11.0.2", thirdMAC, 1400}.check(t, r)

	n.ip("us", "link set u1 down")
	refresh(true, "an interface went down")
	target.prefix = "10.128.0.0/9"
	target.check(t, r)

	n.ip("peer", "addr flush dev p0")
	n.ip("us", "neigh flush dev u0")
	refresh(true, "the gateway is gone")
	if p, err := r.Path(netip.MustParseAddr("10.200.1.1")); !errors.Is(err, ErrNoNeighbour) {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestRouterStacked: interfaces upon others are interfaces like any.
func TestRouterStacked(t *testing.T) {
	for kind, commands := range map[string][2]string{
		"vlan":    {"link add link u0 name s0 type vlan id 7", "link add link p0 name s0 type vlan id 7"},
		"macvlan": {"link add link u0 name s0 type macvlan mode bridge", "link add link p0 name s0 type macvlan mode bridge"},
	} {
		t.Run(kind, func(t *testing.T) {
			n := newCrossroads(t)
			if text, err := n.try("us", commands[0]); err != nil {
				t.Skipf("this kernel has no %s: %s", kind, text)
			}
			n.ip("peer", commands[1])
			n.sysctl("peer", "net.ipv4.conf.all.arp_ignore=1") // an interface answers for its own addresses only
			n.ip("us", "link set s0 up")
			n.ip("peer", "link set s0 address 02:00:00:00:00:07")
			n.ip("peer", "link set s0 up")
			n.ip("us", "addr add 10.20.0.1/24 dev s0")
			n.ip("peer", "addr add 10.20.0.2/24 dev s0")
			n.ip("us", "route add 10.21.0.0/16 via 10.20.0.2")
			r := n.router("us", RouteOptions{})
			want{"10.21.9.9", "s0", "10.21.0.0/16", "10.20.0.1", "10.20.0.2", "02:00:00:00:00:07", 1500}.check(t, r)
			p, err := r.Path(netip.MustParseAddr("10.21.9.9"))
			if err != nil || p.SourceMAC.String() == ourMAC || len(p.SourceMAC) != 6 {
				t.Errorf("%+v, %v: want the interface's own Ethernet address", p, err)
			}
		})
	}
}

// TestRouterNoARP: nobody can be asked there, and nobody needs to be.
func TestRouterNoARP(t *testing.T) {
	n := newCrossroads(t)
	n.ip("us", "link set u0 arp off")
	r := n.router("us", RouteOptions{})
	want{"10.200.1.1", "u0", "10.128.0.0/9", "10.9.0.1", "10.9.0.2", ourMAC, 1500}.check(t, r)
}

func TestRefusedAndUsable(t *testing.T) {
	if err := refused(net.ErrClosed); errors.Is(err, ErrNoRoute) {
		t.Error("a failure to ask was taken for an answer")
	}
	for mac, ok := range map[string]bool{ourMAC: true, "ff:ff:ff:ff:ff:ff": false, "01:00:5e:00:00:01": false, "00:00:00:00:00:00": false} {
		m, _ := net.ParseMAC(mac)
		if usable(m) != ok {
			t.Errorf("usable(%s) = %t", mac, !ok)
		}
	}
}

func BenchmarkRouterPath(b *testing.B) {
	table := benchmarkTable(64)
	r := &Router{}
	r.table.Store(table)
	for i := range table.answers {
		table.answers[i].Store(&answer{path: Path{Index: 2, Interface: "u0"}})
	}
	addr := netip.AddrFrom4([4]byte{10, 0, 0, 0})
	b.ReportAllocs()
	for b.Loop() {
		if p, err := r.Path(addr); err != nil || !p.Prefix.IsValid() {
			b.Fatal(p, err)
		}
		a := addr.As4()
		a[1], a[3] = a[1]+7, a[3]+1
		addr = netip.AddrFrom4(a)
	}
}
