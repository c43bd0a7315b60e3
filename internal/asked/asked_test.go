package asked

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/exposure/matrix"
	"github.com/memsweep/memsweep/scanner"
	"github.com/memsweep/memsweep/targets"
)

func somePlan() scanner.Plan {
	return scanner.Plan{
		Targets: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}, Probes: []string{"memcached-udp", "memcached-tcp"},
		Port: 11211, Engine: "socket", Seed: 7, Shard: targets.Shard{Index: 1, Count: 1},
	}
}

func endpoint(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 11211)
}

func stateOf(t *testing.T, plan json.RawMessage, c exposure.Coverage, found Tally, at netip.AddrPort, transport exposure.Transport) exposure.State {
	t.Helper()
	a, _, err := Read(plan, c)
	if err != nil || a == nil {
		t.Fatalf("read %s: %v", plan, err)
	}
	a.answers = found
	fate, err := a.Fates([]netip.Addr{at.Addr()})
	if err != nil {
		t.Logf("fates: %v", err)
	}
	return fate(at, transport)
}

// TestFates holds what a report can say of an address against what it does.
func TestFates(t *testing.T) {
	t.Parallel()
	place := func(at ...int) exposure.PackedBits {
		set := make([]byte, 32)
		for _, i := range at {
			set[i/8] |= 1 << (i % 8)
		}
		return exposure.PackBits(set)
	}
	with := func(o exposure.Outcomes, f *exposure.Fates) exposure.Coverage {
		c := exposure.Coverage{Probes: map[string]exposure.Outcomes{"memcached-tcp": o, "memcached-udp": o}}
		if f != nil {
			c.Fates = map[string]exposure.Fates{"memcached-tcp": *f, "memcached-udp": *f}
		}
		return c
	}
	one := Tally{"memcached-tcp": {Sure: 1}, "memcached-udp": {Sure: 1}}
	plan := somePlan()
	mixed := exposure.Outcomes{Answered: 1, Closed: 2, Silent: 250, NotScanned: 3}
	bits := &exposure.Fates{Closed: place(5, 6), Unasked: place(7, 8, 9)}
	shard := plan
	shard.Shard = targets.Shard{Index: 2, Count: 2}
	newer := plan
	newer.Probes = []string{"memcached-udp", "memcached-quic"}
	audited := plan
	audited.Engine, audited.Probes = "audit", []string{"audit-tcp", "audit-udp"}
	mapped := netip.AddrPortFrom(netip.AddrFrom16(endpoint(5).Addr().As16()), 11211)
	for name, c := range map[string]struct {
		plan     scanner.Plan
		coverage exposure.Coverage
		found    Tally
		at       netip.AddrPort
		want     exposure.State
	}{
		"closed":             {plan, with(mixed, bits), one, endpoint(5), exposure.Closed},
		"closed, mapped":     {plan, with(mixed, bits), one, mapped, exposure.Closed},
		"silent":             {plan, with(mixed, bits), one, endpoint(200), exposure.Silent},
		"not scanned":        {plan, with(mixed, bits), one, endpoint(7), exposure.NotScanned},
		"local error":        {plan, with(exposure.Outcomes{Answered: 1, Closed: 2, Silent: 250, LocalError: 3}, bits), one, endpoint(7), exposure.LocalError},
		"another port":       {plan, with(mixed, bits), one, netip.AddrPortFrom(endpoint(5).Addr(), 11212), matrix.NotInPlan},
		"another address":    {plan, with(mixed, bits), one, endpoint(256), matrix.NotInPlan},
		"IPv6":               {plan, with(mixed, bits), one, netip.MustParseAddrPort("[2001:db8::1]:11211"), matrix.NotInPlan},
		"counts too few":     {plan, with(exposure.Outcomes{Answered: 1, Closed: 2, Silent: 249, NotScanned: 3}, bits), one, endpoint(200), matrix.Unknown},
		"other counts":       {plan, with(exposure.Outcomes{Answered: 1, Closed: 3, Silent: 249, NotScanned: 3}, bits), one, endpoint(5), matrix.Unknown},
		"a finding is gone":  {plan, with(mixed, bits), nil, endpoint(200), matrix.Unknown},
		"a finding too many": {plan, with(mixed, bits), Tally{"memcached-tcp": {Sure: 2}}, endpoint(200), matrix.Unknown},
		"one is left open":   {plan, with(mixed, bits), Tally{"memcached-tcp": {Open: 1}}, endpoint(200), exposure.Silent},
		"damaged":            {plan, with(mixed, &exposure.Fates{Closed: exposure.PackedBits("nonsense")}), one, endpoint(5), matrix.Unknown},
		"too short":          {plan, with(mixed, &exposure.Fates{Closed: exposure.PackBits([]byte{1})}), one, endpoint(5), matrix.Unknown},
		"cut off":            {plan, exposure.Coverage{}, nil, endpoint(5), matrix.Unknown},
		"old, all closed":    {plan, with(exposure.Outcomes{Answered: 1, Closed: 255}, nil), one, endpoint(5), exposure.Closed},
		"old, all silent":    {plan, with(exposure.Outcomes{Answered: 1, Silent: 255}, nil), one, endpoint(5), exposure.Silent},
		"old, some of each":  {plan, with(exposure.Outcomes{Answered: 1, Closed: 5, Silent: 250}, nil), one, endpoint(5), matrix.NoAnswer},
		"old, unfinished":    {plan, with(exposure.Outcomes{Answered: 1, Closed: 5, Silent: 249, NotScanned: 1}, nil), one, endpoint(5), matrix.Unknown},
		"old, too few":       {plan, with(exposure.Outcomes{Answered: 1, Closed: 250}, nil), one, endpoint(5), matrix.Unknown},
		"probe of tomorrow":  {newer, with(mixed, bits), one, endpoint(5), matrix.Unknown},
		"audited":            {audited, with(mixed, bits), one, endpoint(5), matrix.Unknown},
		"not audited":        {audited, with(mixed, bits), one, endpoint(256), matrix.NotInPlan},
		"nobody asked TCP":   {func() scanner.Plan { p := plan; p.Probes = p.Probes[:1]; return p }(), with(mixed, bits), one, endpoint(5), matrix.NotInPlan},
		"left out": {func() scanner.Plan {
			p := plan
			p.Exclude = []netip.Prefix{netip.MustParsePrefix("10.0.0.5/32")}
			return p
		}(), with(mixed, bits), one, endpoint(5), matrix.NotInPlan},
		"a broadcast address": {func() scanner.Plan { p := plan; p.Broadcast = []netip.Addr{endpoint(255).Addr()}; return p }(), with(mixed, bits), one, endpoint(255), matrix.NotInPlan},
	} {
		if got := stateOf(t, c.plan.Document(), c.coverage, c.found, c.at, exposure.TCP); got != c.want {
			t.Errorf("%s: %s is %q, want %q", name, c.at, got, c.want)
		}
	}
}

// TestShardedFates: what is another shard's business was not in the plan.
func TestShardedFates(t *testing.T) {
	t.Parallel()
	ours, parts := 0, uint64(3)
	plan := somePlan()
	for index := range parts {
		plan.Shard = targets.Shard{Index: index + 1, Count: parts}
		n := plan.Shard.Len(256)
		c := exposure.Coverage{Probes: map[string]exposure.Outcomes{"memcached-tcp": {Closed: n}}}
		for i := range 256 {
			switch s := stateOf(t, plan.Document(), c, nil, endpoint(i), exposure.TCP); s {
			case exposure.Closed:
				ours++
			case matrix.NotInPlan:
			default:
				t.Fatalf("%s of shard %s is %s", endpoint(i), plan.Shard, s)
			}
		}
	}
	if ours != 256 {
		t.Errorf("%d addresses are in one of the shards, want 256", ours)
	}
}

func TestPlansOfReports(t *testing.T) {
	t.Parallel()
	plan := somePlan()
	stored := string(plan.Document())
	for name, c := range map[string]struct{ json, says string }{
		"changed":       {strings.Replace(stored, "10.0.0.0/24", "10.0.0.0/25", 1), "it was changed"},
		"no list":       {`{"targets":5}`, "plan:"},
		"no object":     {`[]`, "plan:"},
		"an odd prefix": {`{"targets":["10.0.0.0/99"],"probes":["memcached-tcp"]}`, "plan:"},
		"nothing left":  {string(scanner.Plan{Targets: plan.Targets, Exclude: plan.Targets, Probes: plan.Probes, Port: 1, Engine: "socket"}.Document()), "no address"},
		"the internet":  {string(scanner.Plan{Targets: []netip.Prefix{netip.MustParsePrefix("::/0")}, Probes: plan.Probes, Port: 1}.Document()), "more than"},
		"many ranges":   {`{"probes":["x"],"targets":[` + strings.Repeat(`"10.0.0.0/8",`, maxPlanRanges) + `"10.0.0.0/8"]}`, "more than"},
	} {
		if a, _, err := Read(json.RawMessage(c.json), exposure.Coverage{}); a != nil || err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want one that says %q", name, err, c.says)
		}
	}
	for name, text := range map[string]string{"none": ``, "null": `null`, "of another program": `{"args":"nmap -sU"}`} {
		if a, digest, err := Read(json.RawMessage(text), exposure.Coverage{}); a != nil || digest != "" || err != nil {
			t.Errorf("%s: digest %q, %v", name, digest, err)
		}
	}
	foreign := strings.Replace(stored, `"engine":"socket"`, `"engine":"audit"`, 1)
	foreign = strings.Replace(foreign, "10.0.0.0/24", "10.0.0.0/25", 1)
	if a, digest, err := Read(json.RawMessage(foreign), exposure.Coverage{}); a == nil || digest != "" || err != nil {
		t.Errorf("of an audit: digest %q: %v", digest, err)
	}
	if a, digest, err := Read(json.RawMessage(stored), exposure.Coverage{}); a == nil || digest != plan.Digest() || err != nil {
		t.Errorf("digest %q, want %q: %v", digest, plan.Digest(), err)
	}
}

// TestDigestSurvives: who asks, how fast and in which order is no part of what
// is asked, and neither is that the plan was stored and read back.
func TestDigestSurvives(t *testing.T) {
	t.Parallel()
	plan := somePlan()
	other := plan
	other.Engine, other.Rate, other.Bandwidth, other.Tries, other.Seed, other.Workers = "raw", 5, 5, 5, 5, 5
	other.Timeout, other.Cooldown, other.Exclude = 5, 5, []netip.Prefix{}
	other.Names = []targets.Name{{Host: "cache.example.net"}}
	other.Broadcast = []netip.Addr{endpoint(255).Addr()}
	var read scanner.Plan
	if err := json.Unmarshal(plan.Document(), &read); err != nil {
		t.Fatal(err)
	}
	if plan.Digest() != other.Digest() || plan.Digest() != read.Digest() {
		t.Errorf("digests differ: %s, %s, %s", plan.Digest(), other.Digest(), read.Digest())
	}
	for name, change := range map[string]func(*scanner.Plan){
		"targets": func(p *scanner.Plan) { p.Targets = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/25")} },
		"exclude": func(p *scanner.Plan) { p.Exclude = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/25")} },
		"probes":  func(p *scanner.Plan) { p.Probes = p.Probes[:1] },
		"port":    func(p *scanner.Plan) { p.Port++ },
		"shard":   func(p *scanner.Plan) { p.Shard.Count++ },
	} {
		p := plan
		if change(&p); p.Digest() == plan.Digest() {
			t.Errorf("%s makes no difference", name)
		}
	}
	// In a shard, the seed decides which addresses are asked.
	a, b := plan, plan
	a.Shard, b.Shard, b.Seed = targets.Shard{Index: 1, Count: 2}, targets.Shard{Index: 1, Count: 2}, 8
	if a.Digest() == b.Digest() {
		t.Error("shards of two orders have one digest")
	}
}

// TestCutReportsSayNothing: without counts nothing is closed or silent.
func TestCutReportsSayNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		c := exposure.Coverage{Outcomes: exposure.Outcomes{Closed: rapid.Uint64().Draw(rt, "closed"), Silent: rapid.Uint64().Draw(rt, "silent")}}
		at := endpoint(rapid.IntRange(0, 300).Draw(rt, "address"))
		if s := stateOf(t, somePlan().Document(), c, nil, at, exposure.UDP); s != matrix.Unknown && s != matrix.NotInPlan {
			rt.Fatalf("%s is %s", at, s)
		}
	})
}

func FuzzStoredPlan(f *testing.F) {
	f.Add([]byte(somePlan().Document()), []byte(`{"probes":{"memcached-tcp":{"closed":256}},"fates":{"memcached-tcp":{"closed":"AAIA/f///w=="}}}`))
	f.Add([]byte(`{"targets":["::/1"],"probes":["memcached-tcp"],"shard":"1/4294967295"}`), []byte(`{"probes":{"memcached-tcp":{"silent":18446744073709551615}}}`))
	f.Fuzz(func(t *testing.T, plan, coverage []byte) {
		var c exposure.Coverage
		if json.Unmarshal(coverage, &c) != nil {
			return // nothing that could be asked about
		}
		a, _, err := Read(plan, c)
		if a == nil || err != nil || a.set.Len() > 1<<16 {
			return // refused, or too many to go through
		}
		addrs := []netip.Addr{a.set.At(0), netip.MustParseAddr("10.0.0.5"), netip.MustParseAddr("fe80::1%eth0")}
		fate, _ := a.Fates(addrs)
		for _, addr := range addrs {
			at := netip.AddrPortFrom(addr, a.plan.Port)
			if s := fate(at, exposure.TCP); (s == exposure.Closed || s == exposure.Silent) && c.Probes["memcached-tcp"].Sum() == 0 {
				t.Errorf("%s is %s, although nothing was counted", at, s)
			}
		}
	})
}

// TestMovedFindings: an answer where the plan did not ask, or where the fates
// say that there was none, is of a report that was changed.
func TestMovedFindings(t *testing.T) {
	t.Parallel()
	c := exposure.Coverage{
		Probes: map[string]exposure.Outcomes{"memcached-tcp": {Answered: 1, Closed: 255}},
		Fates:  map[string]exposure.Fates{"memcached-tcp": {Closed: exposure.PackBits(append([]byte{0xdf}, bytes.Repeat([]byte{0xff}, 31)...))}},
	}
	plan := somePlan()
	plan.Probes = []string{"memcached-tcp"}
	for name, tt := range map[string]struct {
		at        netip.AddrPort
		transport exposure.Transport
		says      string // nothing: it is where it was
	}{
		"in its place":    {endpoint(5), exposure.TCP, ""},
		"closed":          {endpoint(6), exposure.TCP, "the fates say closed"},
		"not in the plan": {endpoint(256), exposure.TCP, "the plan does not ask there"},
		"another port":    {netip.AddrPortFrom(endpoint(5).Addr(), 11212), exposure.TCP, "the plan does not ask there"},
		"over UDP":        {endpoint(5), exposure.UDP, "the plan does not ask there"},
	} {
		a, _, err := Read(plan.Document(), c)
		if err != nil {
			t.Fatal(err)
		}
		o := &exposure.Observation{Probe: "memcached-tcp", Transport: tt.transport, Port: tt.at.Port(), State: exposure.Open}
		a.answers, a.found = Tally{"memcached-tcp": {Sure: 1}}, Answers(&exposure.Finding{IP: tt.at.Addr(), TCP: o})
		fate, err := a.Fates([]netip.Addr{tt.at.Addr(), endpoint(9).Addr()})
		want := exposure.Closed
		if tt.says != "" {
			want = matrix.Unknown
		}
		if got := fate(endpoint(9), exposure.TCP); got != want || (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: elsewhere %s, %v", name, got, err)
		}
	}
}

// TestProblemsOfProbes: those of two stand in one line.
func TestProblemsOfProbes(t *testing.T) {
	t.Parallel()
	o, f := exposure.Outcomes{Closed: 256}, exposure.Fates{Closed: exposure.PackedBits("nonsense")}
	a, _, err := Read(somePlan().Document(), exposure.Coverage{
		Probes: map[string]exposure.Outcomes{"memcached-tcp": o, "memcached-udp": o},
		Fates:  map[string]exposure.Fates{"memcached-tcp": f, "memcached-udp": f},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Fates([]netip.Addr{endpoint(5).Addr()})
	if err == nil || !strings.Contains(err.Error(), "; memcached-tcp: ") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
}
