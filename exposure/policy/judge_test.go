package policy

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/memsweep/memsweep/exposure"
)

var (
	today    = noon("2026-11-21")
	internet = exposure.Vantage{Name: "internet", Trust: exposure.Untrusted}
	office   = exposure.Vantage{Name: "office", Trust: exposure.Trusted}
)

func noon(day string) time.Time {
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		panic(err)
	}
	return at.Add(12 * time.Hour)
}

func tcp(s exposure.State, a exposure.Auth, inTLS bool) exposure.Observation {
	return exposure.Observation{Probe: "memcached-tcp", Transport: exposure.TCP, Port: 11211, State: s, Auth: a, TLS: inTLS}
}

// udp is a reply over UDP that came whole, or nothing for 0.
func udp(baf float64) exposure.Observation {
	o := exposure.Observation{Probe: "memcached-udp", Transport: exposure.UDP, Port: 11211, State: exposure.Silent, Auth: exposure.AuthUnknown}
	if baf > 0 {
		o.State = exposure.Open
		o.Amplification = &exposure.Amplification{Request: "stats", RequestBytes: 15, Datagrams: 1, Complete: true, BAF: baf}
	}
	return o
}

func but(o exposure.Observation, change func(*exposure.Observation)) exposure.Observation {
	if o.Amplification != nil {
		a := *o.Amplification
		o.Amplification = &a
	}
	change(&o)
	return o
}

func found(ip string, v exposure.Vantage, seen ...exposure.Observation) exposure.Finding {
	return exposure.Judge(exposure.Host{Addr: netip.MustParseAddr(ip), Observations: seen}, v)
}

// kept is what the first justification of good demands.
var kept = tcp(exposure.AuthRequired, exposure.AuthSASL, true)

func TestExpects(t *testing.T) {
	t.Parallel()
	p := parsed(t, good)
	for _, tt := range []struct {
		addr  string
		trust exposure.Trust
		want  exposure.Expectation
	}{
		{"10.2.3.4", exposure.Trusted, exposure.ExpectOpen},
		{"10.2.3.4", exposure.SemiTrusted, exposure.ExpectAuth},
		{"10.2.3.4", exposure.Untrusted, exposure.ExpectNone},
		{"10.2.3.4", "?", exposure.ExpectNone},
		{"::ffff:10.2.3.4", exposure.Trusted, exposure.ExpectOpen},
		{"10.1.3.4", exposure.Trusted, exposure.ExpectNone},
		{"10.1.3.4", exposure.SemiTrusted, exposure.ExpectNone}, // the wider range does not count
		{"10.255.255.255", exposure.Trusted, exposure.ExpectOpen},
		{"11.0.0.0", exposure.Trusted, exposure.ExpectNone},
		{"9.255.255.255", exposure.Trusted, exposure.ExpectNone},
		{"2001:db8::1%eth0", exposure.Trusted, exposure.ExpectUDP},
		{"2001:db9::1", exposure.Trusted, exposure.ExpectNone},
		{"127.0.0.1", exposure.Untrusted, exposure.ExpectUDP},
		{"127.9.9.9", exposure.Trusted, exposure.ExpectUDP},
		{"::1", exposure.Untrusted, exposure.ExpectUDP},
		{"::ffff:127.0.0.1", exposure.Untrusted, exposure.ExpectUDP},
	} {
		if got := p.Expects(netip.MustParseAddr(tt.addr), tt.trust); got != tt.want {
			t.Errorf("%s from %s: %s, want %s", tt.addr, tt.trust, got, tt.want)
		}
	}
	if got := p.Expects(netip.Addr{}, exposure.Trusted); got != exposure.ExpectNone {
		t.Errorf("no address: %s", got)
	}
	spoken := parsed(t, strings.Replace(good, "192.0.2.0/24", "127.0.0.0/16", 1))
	if got := spoken.Expects(netip.MustParseAddr("127.0.0.1"), exposure.Trusted); got != exposure.ExpectNone {
		t.Errorf("loopback that somebody answers for: %s", got)
	}
	if got := spoken.Expects(netip.MustParseAddr("127.1.0.1"), exposure.Trusted); got != exposure.ExpectUDP {
		t.Errorf("other loopback: %s", got)
	}
	everything := parsed(t, "expect: [{range: 0.0.0.0/0, trusted: auth}]\njustifications: []\n")
	if got := everything.Expects(netip.MustParseAddr("127.0.0.1"), exposure.Trusted); got != exposure.ExpectAuth {
		t.Errorf("loopback in a range: %s", got)
	}
}

// TestWithin: what each expectation allows, endpoint by endpoint.
func TestWithin(t *testing.T) {
	t.Parallel()
	unconfirmed := func(o *exposure.Observation) { o.Unconfirmed = true }
	for name, tt := range map[string]struct {
		seen exposure.Observation
		from exposure.Expectation // the strictest that allows it; "": none does
	}{
		"udp":                {udp(100), exposure.ExpectUDP},
		"udp, refuses":       {but(udp(2), func(o *exposure.Observation) { o.State = exposure.AuthRequired }), exposure.ExpectUDP},
		"udp of a clone":     {but(udp(2), func(o *exposure.Observation) { o.Product = "dragonfly" }), ""},
		"udp, foreign":       {but(udp(2), func(o *exposure.Observation) { o.State = exposure.Foreign }), ""},
		"open":               {tcp(exposure.Open, exposure.AuthNone, false), exposure.ExpectOpen},
		"open, not known":    {tcp(exposure.Open, exposure.AuthUnknown, false), exposure.ExpectOpen},
		"auth":               {tcp(exposure.AuthRequired, exposure.AuthASCII, false), exposure.ExpectAuth},
		"auth, of what kind": {tcp(exposure.AuthRequired, exposure.AuthUnknown, false), exposure.ExpectOpen},
		"auth, unconfirmed":  {but(kept, unconfirmed), exposure.ExpectOpen},
		"certificate":        {tcp(exposure.TLS, exposure.AuthCert, true), exposure.ExpectAuth},
		"tls":                {tcp(exposure.TLS, exposure.AuthUnknown, true), exposure.ExpectOpen},
		"full":               {tcp(exposure.Full, exposure.AuthUnknown, false), exposure.ExpectOpen},
		"proxy":              {but(kept, func(o *exposure.Observation) { o.Product = "mcrouter" }), ""},
		"http":               {tcp(exposure.Foreign, exposure.AuthUnknown, false), ""},
		"mute":               {tcp(exposure.Mute, exposure.AuthUnknown, false), ""},
		"not asked":          {tcp(exposure.NotScanned, exposure.AuthUnknown, false), ""},
		"news":               {tcp("news", exposure.AuthSASL, true), ""},
		"another transport":  {but(kept, func(o *exposure.Observation) { o.Transport = "sctp" }), ""},
	} {
		allowed := false
		for _, e := range []exposure.Expectation{exposure.ExpectNone, exposure.ExpectAuth, exposure.ExpectOpen, exposure.ExpectUDP, "news"} {
			allowed = (allowed || e == tt.from) && e != "news"
			if got := within(e, &tt.seen); got != allowed {
				t.Errorf("%s within %s: %v", name, e, got)
			}
		}
	}
}

// TestPromises: what each constraint demands.
func TestPromises(t *testing.T) {
	t.Parallel()
	unconfirmed := func(o *exposure.Observation) { o.Unconfirmed = true }
	measured := func(change func(*exposure.Amplification)) exposure.Observation {
		return but(udp(10), func(o *exposure.Observation) { change(o.Amplification) })
	}
	atMost := func(most float64) promise { return promise{auth: "none", maxAmplification: most} }
	for name, tt := range map[string]struct {
		promise promise
		seen    exposure.Observation
		want    string // in what it does not keep the promise
	}{
		"nothing promised": {promise{auth: "none"}, tcp(exposure.Open, exposure.AuthNone, false), ""},
		"nothing, foreign": {promise{auth: "none"}, tcp(exposure.Foreign, exposure.AuthUnknown, false), ""},
		"all kept":         {promise{auth: "required", tls: true}, kept, ""},
		"this kind":        {promise{auth: "sasl"}, kept, ""},
		"another kind":     {promise{auth: "cert"}, kept, "auth: cert was promised, and it asks for sasl"},
		"open":             {promise{auth: "required"}, tcp(exposure.Open, exposure.AuthNone, false), "auth: required was promised, and it asks for no credentials"},
		"full":             {promise{auth: "required"}, tcp(exposure.Full, exposure.AuthUnknown, false), "auth: required was promised, and what it asks for is not known"},
		"auth not known":   {promise{auth: "required"}, tcp(exposure.AuthRequired, exposure.AuthUnknown, false), "auth: required was promised, and what it asks for is not known"},
		"auth unconfirmed": {promise{auth: "required"}, but(kept, unconfirmed), "auth: required was promised, and what it asks for is not known"},
		"tls not known":    {promise{auth: "required"}, tcp(exposure.TLS, exposure.AuthUnknown, true), "auth: required was promised, and what it asks for is not known"},
		"certificate":      {promise{auth: "cert", tls: true}, tcp(exposure.TLS, exposure.AuthCert, true), ""},
		"in clear":         {promise{auth: "none", tls: true}, tcp(exposure.Open, exposure.AuthNone, false), "tls: true was promised, and no TLS was seen"},
		"tls unconfirmed":  {promise{auth: "none", tls: true}, but(kept, unconfirmed), "tls: true was promised, and no TLS was seen"},
		"both broken":      {promise{auth: "required", tls: true}, tcp(exposure.Open, exposure.AuthNone, false), "auth: required was promised, and it asks for no credentials; tls: true was promised, and no TLS was seen"},
		"little":           {atMost(10), udp(10), ""},
		"too much":         {atMost(10), udp(10.01), "max_amplification: 10 was promised, and ×10.0 was measured"},
		"not measured":     {atMost(10), but(udp(1), func(o *exposure.Observation) { o.Amplification = nil }), "max_amplification: 10 was promised, and the amplification was not measured"},
		"no datagram":      {atMost(10), measured(func(a *exposure.Amplification) { a.Datagrams = 0 }), "max_amplification: 10 was promised, and the amplification was not measured"},
		"not whole":        {atMost(10), measured(func(a *exposure.Amplification) { a.Complete = false }), "max_amplification: 10 was promised, and ×10.0 is only a part of what would have come"},
		"capped":           {atMost(10), measured(func(a *exposure.Amplification) { a.Capped = true }), "max_amplification: 10 was promised, and ×10.0 is only a part of what would have come"},
		"no request":       {atMost(10), measured(func(a *exposure.Amplification) { a.RequestBytes = 0 }), "max_amplification: 10 was promised, and the measurement is not whole"},
		"udp asks":         {promise{auth: "required", maxAmplification: 10}, udp(10), "auth: required was promised, and it asks for no credentials"},
	} {
		if got := strings.Join(tt.promise.broken(&tt.seen), "; "); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	p := parsed(t, good)
	other := but(kept, func(o *exposure.Observation) { o.Port = 11212 })
	unasked := but(udp(0), func(o *exposure.Observation) { o.State = exposure.NotScanned })
	for name, tt := range map[string]struct {
		finding              exposure.Finding
		vantage              exposure.Vantage
		now                  time.Time
		justified, unfounded bool
		say                  string // in what Explain says
	}{
		"justified":          {found("192.0.2.7", internet, kept, udp(0)), internet, today, true, false, "Justified by Jane Doe until 2026-12-31: billing, SEC-42 (p.yaml:11); without that it would be medium."},
		"mapped":             {found("::ffff:192.0.2.7", internet, kept), internet, today, true, false, "Justified by Jane Doe"},
		"no such host":       {found("192.0.3.7", internet, kept), internet, today, false, false, `it expects "none" here, and nobody answers`},
		"other vantage":      {found("192.0.2.7", exposure.Vantage{Name: "lab", Trust: exposure.Trusted}, kept), exposure.Vantage{Name: "lab", Trust: exposure.Trusted}, today, false, false, "p.yaml:11 justifies TCP port 11211 for other vantages than this one."},
		"first moment":       {found("192.0.2.7", internet, kept), internet, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), true, false, ""},
		"a moment before":    {found("192.0.2.7", internet, kept), internet, time.Date(2025, 12, 31, 23, 59, 59, 999999999, time.UTC), false, true, "created 2026-01-01 is in the future"},
		"last moment":        {found("192.0.2.7", internet, kept), internet, time.Date(2026, 12, 31, 23, 59, 59, 999999999, time.UTC), true, false, ""},
		"expired":            {found("192.0.2.7", internet, kept), internet, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), false, true, "p.yaml:11: expired after 2026-12-31 (UTC)"},
		"late in the west":   {found("192.0.2.7", internet, kept), internet, time.Date(2026, 12, 31, 20, 0, 0, 0, time.FixedZone("", -5*3600)), false, true, "expired"},
		"early in the east":  {found("192.0.2.7", internet, kept), internet, time.Date(2027, 1, 1, 8, 0, 0, 0, time.FixedZone("", 9*3600)), true, false, ""},
		"broken":             {found("192.0.2.7", internet, tcp(exposure.Open, exposure.AuthNone, true)), internet, today, false, true, "auth: required was promised"},
		"udp besides":        {found("192.0.2.7", internet, kept, udp(3)), internet, today, false, false, "UDP port 11211 is neither expected nor justified."},
		"another port":       {found("192.0.2.7", internet, kept, other), internet, today, false, false, "TCP port 11212 is neither expected nor justified."},
		"another port alone": {found("192.0.2.7", internet, other), internet, today, false, false, "nobody answers"},
		"further probe":      {found("192.0.2.7", internet, kept, udp(0), tcp(exposure.Open, exposure.AuthNone, true)), internet, today, false, true, "auth: required was promised"},
		"udp not asked":      {found("192.0.2.7", internet, kept, unasked), internet, today, false, false, "UDP port 11211 could not be asked"},
		"little over udp":    {found("2001:db8:1::7", internet, udp(10.5)), internet, today, true, false, "Justified by Ada"},
		"much over udp":      {found("2001:db8:1::7", internet, udp(10.6)), internet, today, false, true, "×10.6 was measured"},
		"v6 neighbour":       {found("2001:db8:1::8", internet, udp(1)), internet, today, false, false, "nobody answers"},
		"expected":           {found("2001:db8:1::8", office, udp(100)), office, today, true, false, `The policy expects "udp" here; without that it would be medium.`},
		"expected, v4":       {found("10.2.0.1", office, tcp(exposure.Open, exposure.AuthNone, false)), office, today, true, false, `expects "open"`},
		"more than expected": {found("10.2.0.1", office, tcp(exposure.Open, exposure.AuthNone, false), udp(2)), office, today, false, false, "UDP port 11211 is neither"},
		"the exception":      {found("10.1.0.1", office, kept), office, today, false, false, "nobody answers"},
		"expected too":       {found("2001:db8:1::7", office, udp(100)), office, today, true, false, "expects"},
		"loopback":           {found("127.0.0.1", internet, tcp(exposure.Open, exposure.AuthNone, false), udp(100)), internet, today, true, false, "expects"},
		"nothing answered":   {found("192.0.2.7", internet, udp(0)), internet, today, false, false, "nobody answers"},
	} {
		before, _ := json.Marshal(tt.finding)
		judged := p.Judge(tt.finding, tt.vantage, tt.now)
		if after, _ := json.Marshal(tt.finding); string(before) != string(after) {
			t.Errorf("%s: Judge changed its input", name)
		}
		f := judged[0]
		want := tt.finding.Severity
		if tt.justified {
			want = exposure.Info
		}
		if f.Policy.Justified != tt.justified || f.Severity != want || f.Policy.Severity != tt.finding.Severity {
			t.Errorf("%s: justified %v, %s, without policy %s (%s)", name, f.Policy.Justified, f.Severity, f.Policy.Severity, tt.finding.Severity)
		}
		if (len(judged) == 2) != tt.unfounded {
			t.Errorf("%s: %d findings", name, len(judged))
		}
		if said := strings.Join(f.Policy.Explain(), " "); !strings.Contains(said, tt.say) {
			t.Errorf("%s: says %q, want %q", name, said, tt.say)
		}
		f.Policy, f.Severity = nil, tt.finding.Severity
		if diff := cmp.Diff(tt.finding, f, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Errorf("%s: more was changed\n%s", name, diff)
		}
	}
}

// TestUnfounded: the second finding names who answered, where it is written,
// and why that does not hold.
func TestUnfounded(t *testing.T) {
	t.Parallel()
	const path = "team's policy.yaml"
	p, err := Parse([]byte(good), path)
	if err != nil {
		t.Fatal(err)
	}
	f := found("192.0.2.7", internet, kept)
	f.Names = []string{"cache1"}
	g := p.Judge(f, internet, noon("2027-01-01"))[1]
	if g.ID == f.ID || !strings.HasPrefix(g.ID, "ms-") || len(g.ID) != len(f.ID) || g.IP != f.IP || g.Names[0] != "cache1" {
		t.Errorf("%+v", g)
	}
	if g.Verdict != exposure.Unfounded || g.Severity != exposure.Medium || g.TCP != nil || g.UDP != nil || g.Also != nil {
		t.Errorf("%+v", g)
	}
	if diff := cmp.Diff([]string{
		"The justification of TCP port 11211 does not hold. team's policy.yaml:11: expired after 2026-12-31 (UTC): close what it is for, or have it decided anew.",
		"Owner: Jane Doe. Reason: billing, SEC-42. From 2026-01-01 until 2026-12-31.",
	}, g.Reasons); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{`memsweep policy check 'team'\''s policy.yaml'`}, g.Fix[0].Lines); diff != "" {
		t.Error(diff)
	}
	if by := g.Policy.By; by == nil || by.Owner != "Jane Doe" || by.Source != path+":11" {
		t.Errorf("%+v", g.Policy)
	}
	// It keeps its ID where the file is edited, and has another elsewhere.
	moved := parsed(t, "# one line more\n"+good).Judge(f, internet, noon("2027-01-01"))[1]
	if moved.ID != g.ID {
		t.Error("the ID depends on the line")
	}
	if there := p.Judge(found("192.0.2.8", internet, kept), internet, noon("2027-01-01"))[1]; there.ID == g.ID {
		t.Error("two endpoints share an ID")
	}
}

// TestRenewal: an old justification beside one that holds does no harm, and
// two that do not hold make one finding.
func TestRenewal(t *testing.T) {
	t.Parallel()
	i := strings.Index(good, "  - match:\n")
	j := strings.Index(good, "  - match: {")
	old := good[i:j]
	f := found("192.0.2.7", internet, kept)
	twice := good[:i] + old + strings.Replace(old, "Jane Doe", "John Roe", 1) + good[j:]
	judged := parsed(t, twice).Judge(f, internet, noon("2027-01-01"))
	if len(judged) != 2 || len(judged[1].Reasons) != 4 || len(judged[1].Fix) != 2 {
		t.Errorf("two that expired: %+v", judged)
	}
	renewed := good[:i] + old + strings.NewReplacer("2026-12-31", "2027-01-31", "Jane Doe", "John Roe").Replace(old) + good[j:]
	judged = parsed(t, renewed).Judge(f, internet, noon("2027-01-01"))
	if len(judged) != 1 || !judged[0].Policy.Justified || judged[0].Policy.By.Owner != "John Roe" {
		t.Errorf("renewed: %+v", judged)
	}
}

func TestJudgeNamesEverybody(t *testing.T) {
	t.Parallel()
	text := strings.Replace(good, "2001:db8:1::7", "192.0.2.7", 1)
	f := parsed(t, text).Judge(found("192.0.2.7", internet, kept, udp(3)), internet, today)[0]
	if s := f.Policy; !s.Justified || s.By.Owner != "Ada" || len(s.Others) != 1 || s.Others[0].Owner != "Jane Doe" {
		t.Errorf("%+v", s)
	}
	if said := f.Policy.Explain(); len(said) != 2 || !strings.Contains(said[0], "Ada") || !strings.Contains(said[1], "Jane Doe") {
		t.Errorf("%q", said)
	}
}

func TestNoPolicy(t *testing.T) {
	t.Parallel()
	f := found("192.0.2.7", internet, kept)
	var none *Policy
	if got := none.Judge(f, internet, today); len(got) != 1 || got[0].Policy != nil || got[0].Severity != f.Severity {
		t.Errorf("%+v", got)
	}
}

// everyFinding is each kind of endpoint on hosts that good speaks of, and not.
func everyFinding() []exposure.Finding {
	var list []exposure.Finding
	seen := [][]exposure.Observation{
		{kept}, {kept, udp(5)}, {udp(5)}, {udp(500)}, {tcp(exposure.Open, exposure.AuthNone, false), udp(0)},
		{tcp(exposure.Foreign, exposure.AuthUnknown, false)}, {tcp(exposure.TLS, exposure.AuthCert, true)},
		{kept, but(kept, func(o *exposure.Observation) { o.Port = 1121 })}, {but(kept, func(o *exposure.Observation) { o.Port = 1121 })},
		{kept, but(udp(0), func(o *exposure.Observation) { o.State = exposure.LocalError })},
	}
	for _, ip := range []string{"192.0.2.7", "192.1.2.7", "2001:db8:1::7", "2001:db8:2::", "2001::", "10.0.0.1", "10.1.0.1", "127.0.0.1", "fe80::1%eth0"} {
		for _, o := range seen {
			for _, v := range []exposure.Vantage{internet, office} {
				list = append(list, found(ip, v, slices.Clone(o)...))
			}
		}
	}
	return list
}
