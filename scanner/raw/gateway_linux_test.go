package raw

import (
	"net/netip"
	"testing"
	"time"
)

// A gateway that takes another Ethernet address, as the standby of a pair may
// do, is noticed although the kernel still believes in the old one.
func TestGatewayMoved(t *testing.T) {
	n := newCrossroads(t)
	n.ip("us", "neigh add 10.9.0.2 lladdr "+peerMAC+" dev u0 nud reachable")
	r := n.router("us", RouteOptions{})
	target := netip.MustParseAddr("10.200.1.1")
	if _, err := r.Path(target); err != nil {
		t.Fatal(err)
	}
	l := &lookout{}
	begin := time.Now()
	l.begin(begin)
	l.unconfirmed.Add(50)
	l.look(r, begin.Add(hailEvery/2))
	if got := l.unconfirmed.Load(); got != 50 {
		t.Errorf("asked too early: %d unconfirmed", got)
	}
	l.look(r, begin.Add(hailEvery))
	if l.unconfirmed.Load() != 0 || l.astray.Load() != 0 || l.routes.Load() != 0 {
		t.Errorf("it is still there: %d unconfirmed, %d astray", l.unconfirmed.Load(), l.astray.Load())
	}

	n.ip("peer", "link set p0 address "+thirdMAC)
	n.ip("us", "neigh replace 10.9.0.2 lladdr "+peerMAC+" dev u0 nud reachable")
	l.unconfirmed.Add(60)
	l.look(r, time.Now().Add(hailEvery))
	if l.unconfirmed.Load() != 0 || l.astray.Load() != 60 || l.routes.Load() != 1 {
		t.Errorf("it has moved: %d unconfirmed, %d astray", l.unconfirmed.Load(), l.astray.Load())
	}
	if p, err := r.Path(target); err != nil || p.NextMAC.String() != thirdMAC {
		t.Errorf("the path is %+v, %v", p, err)
	}
	if r.Moved() {
		t.Error("it has moved again")
	}
}
