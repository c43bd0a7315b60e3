package lab_test

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/internal/lab"
	"github.com/memsweep/memsweep/internal/memtest"
)

// small is a part of the range in which every engine finds 1,000 hosts within
// seconds: 4,096 addresses.
const small = "10.65.16.0/20"

// few is how many hosts there are where their number is not what is tested.
const few = 200

// quick are flags for such a sweep. A TCP connection that nobody answers costs
// the socket engine a timeout.
func quick(probe string, more ...string) []string {
	return append([]string{"--probe", probe, "--rate", "20000", "--tries", "1", "--timeout", "250ms", "--cooldown", "600ms"}, more...)
}

func within(prefix string) netip.Prefix { return netip.MustParsePrefix(prefix) }

func TestFindsAll(t *testing.T) {
	for _, probe := range []string{"udp", "tcp"} {
		t.Run(probe, func(t *testing.T) {
			oneByOne(t, func(t *testing.T, e engine) {
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
	const some = "fd00:64::1:0/118"
	engines(t, func(t *testing.T, e engine) {
		l := lab.New(t, lab.Options{Range: within(lab.Range6), Within: within(some), Answering: few})
		for _, probe := range []string{"udp", "tcp"} {
			s := sweep(t, l, e, quick(probe, some)...)
			s.found(t, l, few)
			s.complete(t)
		}
	})
}

func TestFindsAllOnLink(t *testing.T) {
	// One for every reading of "on the link": each next hop is an address of
	// its own, and the neighbour table of the kernel holds about 1,000.
	for name, o := range map[string]lab.Options{
		"IPv4": {Within: within("10.65.16.0/23"), Answering: few, OnLink: true, Rest: lab.Closed},
		"IPv6": {Range: within(lab.Range6), Within: within("fd00:64::1:0/120"), Answering: 250, OnLink: true},
	} {
		t.Run(name, func(t *testing.T) {
			engines(t, func(t *testing.T, e engine) {
				l := lab.New(t, o)
				s := sweep(t, l, e, quick("udp", o.Within.String(), "--rate", "2000", "--tries", "2")...)
				s.found(t, l, o.Answering)
			})
		})
	}
}

// TestOwnAddressIsLeftOut: who sweeps a link is on it too.
func TestOwnAddressIsLeftOut(t *testing.T) {
	for name, o := range map[string]lab.Options{
		"IPv4": {Within: within("10.65.16.0/23"), Answering: 1, OnLink: true},
		"IPv6": {Range: within(lab.Range6), Within: within("fd00:64::1:0/120"), Answering: 1, OnLink: true},
	} {
		t.Run(name, func(t *testing.T) {
			engines(t, func(t *testing.T, e engine) {
				if e.name != "raw" {
					return // sockets reach it
				}
				l := lab.New(t, o)
				s := sweep(t, l, e, quick("udp", l.Source().String(), l.Answering()[0].String())...)
				s.found(t, l, 1)
				s.complete(t)
				if !strings.Contains(s.Stderr, l.Source().String()+" is this machine itself, and left out") {
					t.Errorf("it says %q", s.Stderr)
				}
			})
		})
	}
}

func TestClosed(t *testing.T) {
	for name, o := range map[string]lab.Options{
		"IPv4": {Within: within(small), Answering: few, Rest: lab.Closed},
		"IPv6": {Range: within(lab.Range6), Within: within("fd00:64::1:0/116"), Answering: few, Rest: lab.Closed},
	} {
		t.Run(name, func(t *testing.T) {
			engines(t, func(t *testing.T, e engine) {
				l := lab.New(t, o)
				for _, probe := range []string{"udp", "tcp"} {
					s := sweep(t, l, e, quick(probe, o.Within.String(), "--rate", "5000", "--tries", "2")...)
					s.found(t, l, few)
					s.complete(t)
					if o := s.outcomes(); o.Closed != 4096-few {
						t.Errorf("%s: outcomes %+v, want %d closed", probe, o, 4096-few)
					}
				}
			})
		})
	}
}

func TestEverybodyAnswers(t *testing.T) {
	engines(t, func(t *testing.T, e engine) {
		l := lab.New(t, lab.Options{Within: within("10.65.16.0/23"), Answering: few, Rest: lab.Answers})
		s := sweep(t, l, e, quick("udp", "10.65.16.0/23", "--rate", "5000", "--tries", "3")...)
		s.complete(t)
		if o := s.outcomes(); o.Answered != 512 {
			t.Errorf("outcomes %+v, want 512 answered", o)
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
		if slices.Contains(e.flags, "afxdp") {
			return // it sends one probe a transmit queue, and the link has one queue
		}
		l := lab.New(t, lab.Options{Within: within("10.65.16.0/23"), Answering: few, Serve: serve})
		s := sweep(t, l, e, quick("udp,tcp", "10.65.16.0/23", "--rate", "5000", "--tries", "2", "--timeout", "2s")...) // the server is this process, which may be busy
		s.found(t, l, few)
		mu.Lock()
		defer mu.Unlock()
		results[t.Name()] = s
	})
}

// compare holds what other engines found against what socket found.
func compare(t *testing.T, results map[string]swept) {
	want, ok := results[t.Name()+"/socket"]
	if !ok {
		return
	}
	for name, got := range results {
		differ := 0
		for a, f := range want.findings {
			w, g := plain(t, f), plain(t, got.findings[a])
			if w == g {
				continue
			}
			if differ++; differ <= 3 {
				t.Errorf("%s: %s says (-socket +other):\n%s", a, name, cmp.Diff(strings.Split(w, "\n"), strings.Split(g, "\n")))
			}
		}
		if differ > 0 {
			t.Errorf("%s says something else of %d of %d hosts", name, differ, len(want.findings))
		}
	}
}

// plain is a finding as JSON, without what differs from one conversation to the
// next: the request ID in the evidence of UDP, and the server's clock.
func plain(t *testing.T, f exposure.Finding) string {
	t.Helper()
	for _, o := range []*exposure.Observation{f.TCP, f.UDP} {
		if o == nil {
			continue
		}
		if o.Stats != nil {
			o.Stats.Time, o.Stats.Uptime, o.Stats.CurrConnections, o.Stats.TotalConnections = nil, nil, nil, nil
		}
		for i := range o.Evidence {
			o.Evidence[i].Reply = nil // its length is in Bytes
		}
	}
	text, err := json.MarshalIndent(f, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
