package raw

import (
	"net/netip"
	"testing"

	"github.com/memsweep/memsweep/targets"
)

// Ranges without a way, however large, hide nothing behind them.
func TestPathsBehindUnroutable(t *testing.T) {
	n := newNetwork(t, "us", "peer")
	n.link("us", "u0", "peer", "p0")
	n.ip("us", "addr add 10.9.0.1/24 dev u0")
	n.ip("us", "route add blackhole 10.0.0.0/13")
	r := n.router("us", RouteOptions{})
	set, err := targets.SetOf(netip.MustParsePrefix("10.0.0.0/13"), netip.MustParsePrefix("10.9.0.64/26"), netip.MustParsePrefix("198.18.0.0/15"))
	if err != nil {
		t.Fatal(err)
	}
	paths, err := (&Engine{router: r}).paths(set)
	if err != nil || len(paths) != 1 || paths[0].Interface != "u0" {
		t.Errorf("got %+v, %v", paths, err)
	}
	got, err := r.Path(netip.MustParseAddr("10.1.2.3"))
	if err == nil || got.Prefix != netip.MustParsePrefix("10.0.0.0/13") {
		t.Errorf("the error is about %v: %v", got.Prefix, err)
	}
}
