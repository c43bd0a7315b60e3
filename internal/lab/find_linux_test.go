package lab_test

import (
	"net/netip"
	"strconv"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/internal/lab"
	"github.com/memsweep/memsweep/internal/memtest"
)

// small is a part of the range in which every engine finds 1,000 hosts within
// seconds: 4,096 addresses.
const small = "10.65.16.0/20"

// quick are flags for such a sweep. A TCP connection that nobody answers costs
// the socket engine a timeout.
func quick(probe string, more ...string) []string {
	return append([]string{"--probe", probe, "--rate", "20000", "--tries", "1", "--timeout", "400ms", "--cooldown", "600ms"}, more...)
}

func within(prefix string) netip.Prefix { return netip.MustParsePrefix(prefix) }

func TestFindsAll(t *testing.T) {
	for _, probe := range []string{"udp", "tcp"} {
		t.Run(probe, func(t *testing.T) {
			engines(t, func(t *testing.T, e engine) {
				l := lab.New(t, lab.Options{Within: within(small)})
				s := sweep(t, l, e, quick(probe, small)...)
				s.found(t, l, 1000)
				s.complete(t)
				if o := s.outcomes(); o.Answered != 1000 || o.Silent != 4096-1000 {
					t.Errorf("outcomes %+v, want 1000 answered and the rest silent", o)
				}
				if s.header.Sweep.Engine != e.name {
					t.Errorf("the report names engine %q, want %q", s.header.Sweep.Engine, e.name)
				}
			})
		})
	}
}

// TestFindsAllAtFullSpeed sweeps the whole range as fast as an engine can, ten
// times.
func TestFindsAllAtFullSpeed(t *testing.T) {
	if !full() {
		t.Skip("long: set LAB_FULL=1")
	}
	for _, probe := range []string{"udp", "tcp"} {
		t.Run(probe, func(t *testing.T) {
			oneByOne(t, func(t *testing.T, e engine) {
				prefix := within(lab.Range4)
				if e.name == "socket" {
					prefix = within("10.65.0.0/18")
				}
				for round := range 10 {
					l := lab.New(t, lab.Options{Within: prefix, Seed: uint64(round)})
					count := strconv.Itoa(1 << (32 - prefix.Bits()))
					s := sweep(t, l, e, prefix.String(), "--count", count, "--probe", probe, "--rate", "10000000", "--tries", "1", "--timeout", "500ms")
					s.found(t, l, 1000)
					s.complete(t)
				}
			})
		})
	}
}

func TestFindsAllOverIPv6(t *testing.T) {
	const some = "fd00:64::1:0/116"
	engines(t, func(t *testing.T, e engine) {
		l := lab.New(t, lab.Options{Range: within(lab.Range6), Within: within(some)})
		for _, probe := range []string{"udp", "tcp"} {
			s := sweep(t, l, e, quick(probe, some)...)
			s.found(t, l, 1000)
			s.complete(t)
		}
	})
}

func TestFindsAllOnLink(t *testing.T) {
	// One for every reading of "on the link": each next hop is an address of
	// its own, and the neighbour table of the kernel holds about 1,000.
	for name, o := range map[string]lab.Options{
		"IPv4": {Within: within("10.65.16.0/23"), Answering: 200, OnLink: true, Rest: lab.Closed},
		"IPv6": {Range: within(lab.Range6), Within: within("fd00:64::1:0/119"), Answering: 200, OnLink: true},
	} {
		t.Run(name, func(t *testing.T) {
			engines(t, func(t *testing.T, e engine) {
				l := lab.New(t, o)
				s := sweep(t, l, e, quick("udp", o.Within.String(), "--rate", "2000", "--tries", "2")...)
				s.found(t, l, 200)
			})
		})
	}
}

func TestClosed(t *testing.T) {
	for name, o := range map[string]lab.Options{
		"IPv4": {Within: within(small), Rest: lab.Closed},
		"IPv6": {Range: within(lab.Range6), Within: within("fd00:64::1:0/116"), Rest: lab.Closed},
	} {
		t.Run(name, func(t *testing.T) {
			engines(t, func(t *testing.T, e engine) {
				l := lab.New(t, o)
				for _, probe := range []string{"udp", "tcp"} {
					s := sweep(t, l, e, quick(probe, o.Within.String(), "--rate", "5000", "--tries", "2")...)
					s.found(t, l, 1000)
					s.complete(t)
					if o := s.outcomes(); o.Closed != 4096-1000 {
						t.Errorf("%s: outcomes %+v, want %d closed", probe, o, 4096-1000)
					}
				}
			})
		})
	}
}

func TestEverybodyAnswers(t *testing.T) {
	engines(t, func(t *testing.T, e engine) {
		l := lab.New(t, lab.Options{Within: within("10.65.16.0/22"), Rest: lab.Answers})
		s := sweep(t, l, e, quick("udp", "10.65.16.0/22", "--rate", "5000", "--tries", "3")...)
		s.complete(t)
		if o := s.outcomes(); o.Answered != 1024 {
			t.Errorf("outcomes %+v, want 1024 answered", o)
		}
	})
}

func TestNobodyAnswers(t *testing.T) {
	engines(t, func(t *testing.T, e engine) {
		l := lab.New(t, lab.Options{Answering: -1})
		for _, probe := range []string{"udp", "tcp"} {
			s := sweep(t, l, e, quick(probe, small)...)
			s.found(t, l, 0)
			s.complete(t)
			if o := s.outcomes(); o.Silent != 4096 {
				t.Errorf("%s: outcomes %+v, want 4096 silent", probe, o)
			}
		}
	})
}

// TestSameFindings: what a report says of a host does not depend on the engine
// that swept it, down to the bytes. The server is a scripted one, whose
// counters do not count.
func TestSameFindings(t *testing.T) {
	serve := func() (netip.AddrPort, func(), error) {
		s, err := memtest.Start(memtest.Config{Addr: netip.MustParseAddrPort("127.0.0.1:11211"), Posture: memtest.Reflector})
		if err != nil {
			return netip.AddrPort{}, nil, err
		}
		return s.Addr(), s.Close, nil
	}
	var mu sync.Mutex
	results := map[string]swept{}
	t.Cleanup(func() { compare(t, results) }) // when all engines are done
	engines(t, func(t *testing.T, e engine) {
		l := lab.New(t, lab.Options{Within: within("10.65.16.0/23"), Answering: 200, Serve: serve})
		s := sweep(t, l, e, quick("udp,tcp", "10.65.16.0/23", "--rate", "5000", "--tries", "2")...)
		s.found(t, l, 200)
		mu.Lock()
		defer mu.Unlock()
		results[t.Name()] = s
	})
}

func compare(t *testing.T, results map[string]swept) {
	want, ok := results[t.Name()+"/socket"]
	if !ok {
		return
	}
	for name, got := range results {
		diff := cmp.Diff(want.findings, got.findings, cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{}),
			cmpopts.IgnoreFields(exposure.Stats{}, "Time", "Uptime", "CurrConnections", "TotalConnections"))
		if diff != "" {
			t.Errorf("%s found other things than socket (-socket +other):\n%.4000s", name, diff)
		}
	}
}
