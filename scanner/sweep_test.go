package scanner

import (
	"bytes"
	"context"
	"io"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/internal/memtest"
	"github.com/memsweep/memsweep/internal/memtest/realtest"
	"github.com/memsweep/memsweep/targets"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testPlan is a quick plan for a few addresses.
func testPlan(port uint16, ranges ...string) Plan {
	p := Plan{
		Probes: []string{"memcached-udp", "memcached-tcp"}, Port: port, Engine: "socket", Rate: 20_000, Tries: 2,
		Timeout: Duration(300 * time.Millisecond), Cooldown: Duration(300 * time.Millisecond),
		Seed: 1, Shard: targets.Shard{Index: 1, Count: 1},
	}
	for _, r := range ranges {
		p.Targets = append(p.Targets, netip.MustParsePrefix(r))
	}
	return p
}

// collect runs a plan to its end and returns the hosts by address.
func collect(t *testing.T, plan Plan, o Options) (map[netip.Addr]exposure.Host, Result) {
	t.Helper()
	hosts := map[netip.Addr]exposure.Host{}
	o.Emit = func(h exposure.Host) error {
		if _, twice := hosts[h.Addr]; twice {
			t.Errorf("%s was emitted twice", h.Addr)
		}
		hosts[h.Addr] = h
		return nil
	}
	s, err := New(plan, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	result, err := s.Run(ctx, ctx)
	if err != nil {
		t.Fatal(err)
	}
	if o := result.Coverage.Outcomes; o.Sum() != result.Coverage.Planned {
		t.Errorf("outcomes %+v do not add up to %d", o, result.Coverage.Planned)
	}
	return hosts, result
}

// sweepOne sweeps one server, and returns what was seen over UDP and TCP.
func sweepOne(t *testing.T, at netip.AddrPort) (exposure.Finding, bool) {
	t.Helper()
	plan := testPlan(at.Port(), netip.PrefixFrom(at.Addr(), at.Addr().BitLen()).String())
	hosts, result := collect(t, plan, Options{})
	if result.Status != exposure.Complete {
		t.Errorf("status %s: %v", result.Status, result.Problems)
	}
	h, ok := hosts[at.Addr()]
	return exposure.Judge(h, exposure.Vantage{Name: "test", Trust: exposure.Untrusted}), ok
}

// postures are what a sweep must make of each server, real or not.
var postures = []struct {
	posture  memtest.Posture
	verdict  exposure.Verdict // "": no finding
	tcp, udp exposure.State
	auth     exposure.Auth
}{
	{memtest.Open, exposure.OpenTCP, exposure.Open, exposure.Closed, exposure.AuthNone},
	{memtest.ASCIIOnly, exposure.OpenTCP, exposure.Open, exposure.Closed, exposure.AuthNone},
	{memtest.BinaryOnly, exposure.OpenTCP, exposure.Open, exposure.Closed, exposure.AuthNone},
	{memtest.Reflector, exposure.Reflector, exposure.Open, exposure.Open, exposure.AuthNone},
	{memtest.UDPOnly, exposure.Reflector, exposure.Closed, exposure.Open, exposure.AuthUnknown},
	{memtest.ASCIIAuth, exposure.AuthVerdict, exposure.AuthRequired, exposure.Closed, exposure.AuthASCII},
	{memtest.SASL, exposure.AuthVerdict, exposure.AuthRequired, exposure.Closed, exposure.AuthSASL},
	{memtest.TLS, exposure.OpenTCP, exposure.Open, exposure.Closed, exposure.AuthNone},
	{memtest.MutualTLS, exposure.TLSVerdict, exposure.TLS, exposure.Closed, exposure.AuthCert},
	{memtest.TLSReflector, exposure.Reflector, exposure.Open, exposure.Open, exposure.AuthNone},
	{memtest.Full, exposure.FullVerdict, exposure.Full, exposure.Closed, exposure.AuthUnknown},
	{memtest.OldSASL, exposure.Reflector, exposure.AuthRequired, exposure.Open, exposure.AuthSASL},
	{memtest.UnixOnly, "", "", "", ""},
	{memtest.Ubuntu, exposure.Reflector, exposure.Open, exposure.Open, exposure.AuthNone},
	{memtest.Unknown, exposure.Reflector, exposure.Open, exposure.Open, exposure.AuthNone},
	{memtest.Redis, exposure.Unidentified, exposure.Foreign, exposure.Closed, exposure.AuthUnknown},
	{memtest.HTTP, exposure.Unidentified, exposure.Foreign, exposure.Closed, exposure.AuthUnknown},
	{memtest.SSH, exposure.Unidentified, exposure.Foreign, exposure.Closed, exposure.AuthUnknown},
	{memtest.SMTP, exposure.Unidentified, exposure.Foreign, exposure.Closed, exposure.AuthUnknown},
	{memtest.TLSOther, exposure.Unidentified, exposure.Foreign, exposure.Closed, exposure.AuthUnknown},
	{memtest.Mcrouter, exposure.Impostor, exposure.Open, exposure.Closed, exposure.AuthNone},
	{memtest.Twemproxy, exposure.Impostor, exposure.Open, exposure.Closed, exposure.AuthNone},
	{memtest.Dragonfly, exposure.Impostor, exposure.Open, exposure.Closed, exposure.AuthNone},
	{memtest.Hazelcast, exposure.Impostor, exposure.Open, exposure.Closed, exposure.AuthNone},
	{memtest.Dionaea, exposure.Impostor, exposure.Open, exposure.Closed, exposure.AuthNone},
	{memtest.Qeeqbox, exposure.Impostor, exposure.Open, exposure.Closed, exposure.AuthNone},
	{memtest.DNS, exposure.Unidentified, exposure.Closed, exposure.Foreign, exposure.AuthUnknown},
	{memtest.Tarpit, exposure.Unidentified, exposure.Mute, exposure.Closed, exposure.AuthUnknown},
}

func TestPostures(t *testing.T) {
	for _, want := range postures {
		t.Run(string(want.posture), func(t *testing.T) {
			t.Parallel()
			realtest.Each(t, want.posture, func(t *testing.T, s realtest.Target) {
				f, found := sweepOne(t, s.Addr)
				if found != (want.verdict != "") {
					t.Fatalf("found: %v", found)
				}
				if !found {
					return
				}
				if f.Verdict != want.verdict || f.TCP.State != want.tcp || f.UDP.State != want.udp || f.TCP.Auth != want.auth {
					t.Errorf("%s, tcp %s, udp %s, auth %s; want %+v\nnotes %q %q",
						f.Verdict, f.TCP.State, f.UDP.State, f.TCP.Auth, want, f.TCP.Notes, f.UDP.Notes)
				}
				if f.UDP.State == exposure.Open && (f.UDP.Amplification == nil || !f.UDP.Amplification.Complete) {
					t.Errorf("amplification %+v", f.UDP.Amplification)
				}
			})
		})
	}
}

// A server on the wildcard may answer from another address than the one asked.
func TestRepliesFromElsewhere(t *testing.T) {
	for _, posture := range []memtest.Posture{memtest.Multihomed, memtest.OtherPort} {
		t.Run(string(posture), func(t *testing.T) {
			t.Parallel()
			realtest.Each(t, posture, func(t *testing.T, s realtest.Target) {
				f, found := sweepOne(t, s.Addr)
				if !found || f.UDP.State != exposure.Open {
					t.Fatalf("found %v: %+v", found, f.UDP)
				}
				if f.UDP.RepliedFrom == nil || *f.UDP.RepliedFrom == s.Addr {
					t.Errorf("replied from %v", f.UDP.RepliedFrom)
				}
			})
		})
	}
}

func TestIPv6(t *testing.T) {
	s := realtest.StartOn(t, netip.IPv6Loopback(), memtest.Reflector)
	f, found := sweepOne(t, s.Addr)
	if !found || f.Verdict != exposure.Reflector || f.TCP.State != exposure.Open {
		t.Fatalf("found %v: %+v", found, f)
	}
}

// None of the servers that mean harm hangs a sweep, costs more than its cap,
// or gets a forgery through.
func TestHostileServers(t *testing.T) {
	for _, posture := range []memtest.Posture{
		memtest.Dribble, memtest.Endless, memtest.AcceptReset, memtest.HalfClose, memtest.Echo,
		memtest.LiarMore, memtest.LiarFewer, memtest.OutOfOrder, memtest.Duplicated, memtest.Lossy,
		memtest.HostileEscapes, memtest.HostileFormula, memtest.HostileHTML, memtest.HostileUTF8, memtest.HostileLong, memtest.HostileCR,
	} {
		t.Run(string(posture), func(t *testing.T) {
			t.Parallel()
			f, found := sweepOne(t, realtest.Fake(t, posture).Addr)
			if !found {
				t.Fatal("not found")
			}
			for _, o := range []*exposure.Observation{f.TCP, f.UDP} {
				for _, e := range o.Evidence {
					if len(e.Reply) > exposure.MaxEvidence {
						t.Errorf("%d bytes of evidence", len(e.Reply))
					}
				}
			}
			switch a := f.UDP.Amplification; {
			case posture == memtest.Duplicated && (a == nil || a.Duplicates == 0):
				t.Errorf("duplicates were not counted: %+v", a)
			case posture == memtest.OutOfOrder && (a == nil || !a.Complete):
				t.Errorf("out of order is not incomplete: %+v", a)
			case posture == memtest.LiarMore && (a == nil || a.DatagramsDeclared <= a.DatagramsUnique):
				t.Errorf("the lie was not noted: %+v", a)
			case posture == memtest.Lossy && a != nil && a.Complete:
				t.Errorf("a reply with a hole is not complete: %+v", a)
			case posture == memtest.Endless && a != nil && !a.Capped:
				t.Errorf("no cap was hit: %+v", a)
			}
		})
	}
}

// Datagrams that answer nothing, wherever they come from, are no finding.
func TestForgedDatagrams(t *testing.T) {
	s := realtest.Fake(t, memtest.Forged)
	a := s.Addr.Addr().As4()
	around := netip.PrefixFrom(netip.AddrFrom4([4]byte{a[0], a[1], a[2], 0}), 24).String()
	plan := testPlan(s.Addr.Port(), around)
	plan.Probes = []string{"memcached-udp"}
	hosts, result := collect(t, plan, Options{})
	if len(hosts) != 0 {
		t.Errorf("%d hosts found: %+v", len(hosts), hosts)
	}
	if result.Coverage.UnverifiedReplies == 0 {
		t.Error("no reply was counted as unverified")
	}
}

// Every one of 200 servers in a /16 is found, and the sweep costs memory for
// its answers, not for its questions.
func TestFindsAllOfASlash16(t *testing.T) {
	const servers = 200
	first, err := memtest.Start(memtest.Config{Addr: netip.MustParseAddrPort("127.50.0.1:0"), Posture: memtest.Reflector})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	port := first.Addr().Port()
	want := map[netip.Addr]bool{first.Addr().Addr(): true}
	for i := 1; i < servers; i++ {
		a := netip.AddrFrom4([4]byte{127, 50, byte(i * 37), byte(1 + i)})
		s, err := memtest.Start(memtest.Config{Addr: netip.AddrPortFrom(a, port), Posture: memtest.Reflector})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		want[a] = true
	}
	plan := testPlan(port, "127.50.0.0/16")
	plan.Broadcast, _ = Broadcasts(mustSet(t, plan))
	plan.Rate, plan.Timeout, plan.Cooldown = 8000, Duration(2*time.Second), Duration(time.Second)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	hosts, result := collect(t, plan, Options{})
	runtime.ReadMemStats(&after)
	for a := range want {
		h, ok := hosts[a]
		if !ok {
			t.Errorf("%s was not found", a)
			continue
		}
		for _, o := range h.Observations {
			if o.State != exposure.Open {
				t.Errorf("%s over %s: %s %q", a, o.Transport, o.State, o.Notes)
			}
		}
	}
	if len(hosts) != servers {
		t.Errorf("%d hosts, want %d", len(hosts), servers)
	}
	o := result.Coverage.Outcomes
	if result.Status != exposure.Complete || o.Answered != 2*servers || o.NotScanned != 0 || o.LocalError != 0 {
		t.Errorf("%s: %+v %v", result.Status, o, result.Problems)
	}
	// A TCP connection costs the standard library about 1 KiB; a datagram
	// must cost nothing. The bound is on the whole, servers included.
	if perAddress := (after.TotalAlloc - before.TotalAlloc) / (1 << 16); perAddress > 8<<10 {
		t.Errorf("%d bytes allocated an address", perAddress)
	}
}

func mustSet(t *testing.T, p Plan) targets.Set {
	t.Helper()
	set, err := p.Set()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// A sweep that is stopped at any moment and resumed finds what an
// uninterrupted one finds, and what it did not ask is not closed.
func TestInterruptAndResume(t *testing.T) {
	s := realtest.Fake(t, memtest.Reflector)
	a := s.Addr.Addr().As4()
	plan := testPlan(s.Addr.Port(), netip.PrefixFrom(netip.AddrFrom4([4]byte{a[0], a[1], a[2], 0}), 22).Masked().String())
	plan.Rate = 2000
	full, _ := collect(t, plan, Options{})
	for _, after := range []time.Duration{0, 50 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond} {
		var saved bytes.Buffer
		var mu sync.Mutex
		sweep, err := New(plan, Options{
			Emit: func(exposure.Host) error { return nil },
			Save: func(write func(io.Writer) error) error {
				mu.Lock()
				defer mu.Unlock()
				saved.Reset()
				return write(&saved)
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), after)
		result, err := sweep.Run(ctx, t.Context())
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if result.Status == exposure.Interrupted && result.Coverage.Outcomes.NotScanned == 0 {
			t.Errorf("after %v: interrupted, but %+v", after, result.Coverage.Outcomes)
		}
		if result.Coverage.Outcomes.Sum() != result.Coverage.Planned {
			t.Errorf("after %v: %+v is not %d", after, result.Coverage.Outcomes, result.Coverage.Planned)
		}
		sweep.Close()
		if result.Status == exposure.Complete {
			continue
		}
		checkpoint, err := ReadCheckpoint(&saved)
		if err != nil {
			t.Fatal(err)
		}
		hosts, result := collect(t, plan, Options{Resume: checkpoint})
		if result.Status != exposure.Complete || !slices.Equal(keys(hosts), keys(full)) {
			t.Errorf("after %v: resumed %s, found %v, want %v", after, result.Status, keys(hosts), keys(full))
		}
	}
}

func keys(hosts map[netip.Addr]exposure.Host) []netip.Addr {
	var all []netip.Addr
	for a := range hosts {
		all = append(all, a)
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return all
}

// Refusals that pour in while datagrams go out are answers to those before, and
// never keep the next from being sent.
func TestRefusalsAreNoLocalErrors(t *testing.T) {
	port := realtest.Fake(t, memtest.UnixOnly).Addr.Port() // nothing listens there
	plan := testPlan(port, "127.51.0.0/16")
	plan.Probes, plan.Rate = []string{"memcached-udp"}, 100_000
	hosts, result := collect(t, plan, Options{})
	if result.Status != exposure.Complete || result.Coverage.Outcomes.LocalError != 0 || len(hosts) != 0 {
		t.Errorf("%s: %+v %v", result.Status, result.Coverage.Outcomes, result.Coverage.LocalErrors)
	}
}
