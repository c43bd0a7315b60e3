package realtest

import (
	"net/netip"
	"slices"
	"strconv"
	"testing"

	"github.com/memsweep/memsweep/internal/memtest"
)

// way is one way to start a memcached: the flags that make a posture. Files
// that they name are put into the plan's directory.
type way struct {
	posture memtest.Posture
	flags   func(*plan) error
}

// plan is how one memcached is to be run.
type plan struct {
	dir      string // for its files; removed after the test
	port     uint16
	args     []string
	env      []string
	wildcard bool // no -l
	udp      bool // -U, with the port of TCP
	noTCP    bool // -p 0
	socket   string
	fill     bool // take up every connection before the test begins
}

func catalogue() []way {
	return []way{
		{memtest.Open, with()},
		{memtest.ASCIIOnly, with("-B", "ascii")},
		{memtest.BinaryOnly, with("-B", "binary")},
		{memtest.Reflector, func(p *plan) error { p.udp = true; return nil }},
		{memtest.UDPOnly, func(p *plan) error { p.udp, p.noTCP = true, true; return nil }},
		{memtest.Multihomed, func(p *plan) error { p.udp, p.wildcard = true, true; return nil }},
		{memtest.ASCIIAuth, (*plan).withPassword},
		{memtest.SASL, (*plan).withSASL},
		{memtest.TLS, (*plan).withTLS},
		{memtest.MutualTLS, (*plan).withMutualTLS},
		{memtest.TLSReflector, func(p *plan) error { p.udp = true; return p.withTLS() }},
		{memtest.Full, full("maxconns_fast")},
		{memtest.FullSilent, full("no_maxconns_fast")},
		{memtest.UnixOnly, func(p *plan) error { p.socket = p.dir + "/memcached.sock"; return p.add("-s", p.socket) }},
	}
}

// Postures lists the postures that a real memcached can be started in.
func Postures() []memtest.Posture {
	var all []memtest.Posture
	for _, r := range catalogue() {
		all = append(all, r.posture)
	}
	return all
}

func find(p memtest.Posture) (way, bool) {
	all := catalogue()
	i := slices.IndexFunc(all, func(r way) bool { return r.posture == p })
	if i < 0 {
		return way{}, false
	}
	return all[i], true
}

// Start runs a real memcached in a posture, on an address of its own, until
// the test ends. Without a memcached it skips the test, or fails it when
// MEMSWEEP_REQUIRE_MEMCACHED is set.
func Start(t testing.TB, posture memtest.Posture) Target {
	t.Helper()
	return StartOn(t, Addr(), posture)
}

// StartOn is Start on a given loopback address, such as ::1.
func StartOn(t testing.TB, addr netip.Addr, posture memtest.Posture) Target {
	t.Helper()
	r, ok := find(posture)
	if !ok {
		t.Fatalf("start memcached: no flags make it %s", posture)
	}
	return run(t, addr, r)
}

// StartWith runs a real memcached with flags of the caller's beside -l, -p
// and -u, which it is given; a posture names it in the Target.
func StartWith(t testing.TB, addr netip.Addr, posture memtest.Posture, flags ...string) Target {
	t.Helper()
	return run(t, addr, way{posture, with(flags...)})
}

func with(args ...string) func(*plan) error {
	return func(p *plan) error { return p.add(args...) }
}

// full takes 40 connections, of which memcached keeps some for itself; with
// fewer it does not start.
func full(how string) func(*plan) error {
	return func(p *plan) error {
		p.fill = true
		return p.add("-c", "40", "-o", how)
	}
}

func (p *plan) add(args ...string) error {
	p.args = append(p.args, args...)
	return nil
}

// command is the whole command line, without the program.
func (p *plan) command(addr netip.Addr) []string {
	port, off := strconv.Itoa(int(p.port)), "0"
	ports := map[bool]string{true: port, false: off}
	args := []string{"-p", ports[!p.noTCP], "-U", ports[p.udp], "-m", "16", "-t", "2"}
	if !p.wildcard && p.socket == "" {
		args = append(args, "-l", addr.String())
	}
	return append(args, p.args...)
}
