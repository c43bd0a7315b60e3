package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/memsweep/memsweep/exposure"
)

// TestCutPolicyIsNeverMilder: a policy that was cut off anywhere is refused,
// or allows nothing that the whole does not.
func TestCutPolicyIsNeverMilder(t *testing.T) {
	t.Parallel()
	matchLast := `expect:
  - {range: 0.0.0.0/0, untrusted: open, semi-trusted: udp, trusted: udp}
  - range: 192.0.2.0/24
    untrusted: auth
  - range: 2000::/32
    trusted: open
justifications:
  - constraints: {auth: none, tls: false}
    owner: A
    reason: B
    created: 2026-11-01
    expires: 2027-02-01
    match:
      vantages:
        - internet
        - office
      transport: tcp
      port: 11211
      cidr: 128.0.0.0/16
`
	for _, whole := range []string{good, matchLast} {
		p := parsed(t, whole)
		for cut := range len(whole) {
			part, err := Parse([]byte(whole[:cut]), "p.yaml")
			if err != nil {
				continue
			}
			for _, f := range everyFinding() {
				for _, v := range []exposure.Vantage{internet, office} {
					if got, want := part.Judge(f, v, today)[0], p.Judge(f, v, today)[0]; !got.Severity.AtLeast(want.Severity) {
						t.Fatalf("cut after %q: %s is %s, by the whole %s", whole[:cut], f.IP, got.Severity, want.Severity)
					}
				}
			}
		}
	}
}

// entry is one justification of a made-up policy.
type entry struct {
	cidr, transport, vantage, constraints string
	port                                  uint16
	created, expires                      int // days from today
}

func (e entry) String() string {
	day := func(n int) string { return today.AddDate(0, 0, n).Format(time.DateOnly) }
	return fmt.Sprintf("- match: {cidr: %q, port: %d, transport: %s, vantages: [%s]}\n  constraints: {%s}\n  owner: O\n  reason: R\n  created: %s\n  expires: %s\n",
		e.cidr, e.port, e.transport, e.vantage, e.constraints, day(e.created), day(e.expires))
}

var somewhere = []string{"192.0.2.0/24", "192.0.2.7", "192.0.0.0/8", "0.0.0.0/0", "2001:db8::/32", "2001:db8:1::7", "::/0", "127.0.0.0/8", "10.1.0.0/16"}

func anyEntry(t *rapid.T) entry {
	e := entry{
		cidr:      rapid.SampledFrom(somewhere).Draw(t, "cidr"),
		transport: rapid.SampledFrom([]string{"tcp", "udp"}).Draw(t, "transport"),
		vantage:   rapid.SampledFrom([]string{"internet", "office", "lab"}).Draw(t, "vantage"),
		port:      rapid.SampledFrom([]uint16{11211, 11211, 1121}).Draw(t, "port"),
		created:   rapid.IntRange(-400, 1).Draw(t, "created"),
		expires:   rapid.IntRange(-2, 30).Draw(t, "expires"),
	}
	if e.constraints = "max_amplification: " + rapid.SampledFrom([]string{"0", "5", "1000"}).Draw(t, "most"); e.transport == "tcp" {
		e.constraints = "auth: " + rapid.SampledFrom(authWords).Draw(t, "auth") + ", tls: " + rapid.SampledFrom([]string{"true", "false"}).Draw(t, "tls")
	}
	return e
}

// anyExpectations is the first half of a policy.
func anyExpectations(t *rapid.T) string {
	text := "expect:\n"
	for _, cidr := range rapid.SliceOfNDistinct(rapid.SampledFrom(somewhere), 0, 4, rapid.ID).Draw(t, "ranges") {
		text += fmt.Sprintf("- {range: %q, untrusted: %s, trusted: %s}\n", cidr,
			rapid.SampledFrom(expectations).Draw(t, "untrusted"), rapid.SampledFrom(expectations).Draw(t, "trusted"))
	}
	return text + "justifications:\n"
}

// without is f as if no policy had ever been asked.
func without(f exposure.Finding) exposure.Finding {
	f.Severity, f.Policy = f.Policy.Severity, nil
	return f
}

func same(t *rapid.T, a, b any, why string) {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	if string(x) != string(y) {
		t.Fatalf("%s:\n%s\n%s", why, x, y)
	}
}

func TestPolicyProperties(t *testing.T) {
	t.Parallel()
	findings := everyFinding()
	rapid.Check(t, func(rt *rapid.T) {
		head := anyExpectations(rt)
		var entries []string
		for range rapid.IntRange(0, 4).Draw(rt, "n") {
			entries = append(entries, anyEntry(rt).String())
		}
		p := parsed(t, head+strings.Join(entries, ""))
		added := anyEntry(rt)
		more := parsed(t, head+strings.Join(slices.Insert(entries, rapid.IntRange(0, len(entries)).Draw(rt, "at"), added.String()), ""))
		f := rapid.SampledFrom(findings).Draw(rt, "finding")
		v := rapid.SampledFrom([]exposure.Vantage{internet, office}).Draw(rt, "vantage")
		f = exposure.Judge(exposure.Host{Addr: f.IP, Observations: observations(&f)}, v)

		judged := p.Judge(f, v, today)
		same(rt, without(judged[0]), f, "the finding without its policy is another")
		var again []exposure.Finding
		for _, g := range judged {
			again = append(again, p.Judge(g, v, today)...)
		}
		same(rt, again, judged, "applying twice is not applying once")
		same(rt, more.Judge(judged[0], v, today), more.Judge(f, v, today), "what another policy said is left over")

		got := more.Judge(f, v, today)
		if !got[0].Severity.AtLeast(judged[0].Severity) && !concerns(more, added, f, v) {
			rt.Fatalf("%v makes another finding milder: %s, then %s", added, judged[0].Severity, got[0].Severity)
		}
		expired := more.Judge(f, v, today.AddDate(0, 0, 31))
		same(rt, without(expired[0]), f, "what expired still counts")
		if !allowedByRanges(p, f, v) && !f.IP.IsLoopback() && expired[0].Severity != f.Severity {
			rt.Fatalf("%s although every justification has expired", expired[0].Severity)
		}
	})
}

// concerns reports whether an entry is for an endpoint of f.
func concerns(p *Policy, e entry, f exposure.Finding, v exposure.Vantage) bool {
	return slices.ContainsFunc(p.about(plain(f.IP)), func(j *justification) bool {
		return j.match.admits(v.Name) && e.vantage == v.Name && j.match.port == e.port &&
			slices.ContainsFunc(endpoints(&f), func(at endpoint) bool { return at.port == e.port && string(at.transport) == e.transport })
	})
}

// allowedByRanges reports whether f is expected, whoever answers for it.
func allowedByRanges(p *Policy, f exposure.Finding, v exposure.Vantage) bool {
	for o := range f.Observations() {
		if o.State.Answered() && !within(p.Expects(f.IP, v.Trust), o) {
			return false
		}
	}
	return true
}

func observations(f *exposure.Finding) []exposure.Observation {
	var list []exposure.Observation
	for o := range f.Observations() {
		list = append(list, *o)
	}
	return list
}

// TestDraft: what is drafted is refused until it is filled in, and then allows
// exactly what was seen.
func TestDraft(t *testing.T) {
	t.Parallel()
	v := exposure.Vantage{Name: "north \"gate\": \u00e9", Trust: exposure.Untrusted}
	seen := []exposure.Finding{
		found("192.0.2.7", v, kept, udp(148.5)),
		found("::ffff:192.0.2.8", v, tcp(exposure.Open, exposure.AuthNone, false)),
		found("2001:db8::9", v, tcp(exposure.Foreign, exposure.AuthUnknown, false), udp(0)),
		found("fe80::1%eth0", v, tcp(exposure.TLS, exposure.AuthCert, true)),
	}
	unmeasured := found("192.0.2.10", v, but(udp(3), func(o *exposure.Observation) { o.Amplification.Complete = false }))
	text, err := Draft(stored(append(seen, unmeasured)), v, today, today)
	if err != nil {
		t.Fatal(err)
	}
	p := parsed(t, text)
	if p.Justifications() != 6 || strings.Contains(text, "eth0") {
		t.Errorf("%d justifications:\n%s", p.Justifications(), text)
	}
	if _, err := p.Review(today); err == nil || strings.Count(err.Error(), "TODO") < 10 {
		t.Errorf("not filled in: %v", err)
	}
	for _, f := range seen {
		if judged := p.Judge(f, v, today); judged[0].Policy.Justified || judged[0].Severity != f.Severity || len(judged) == 1 {
			t.Errorf("%s is justified by TODO", f.IP)
		}
	}
	filled := parsed(t, strings.NewReplacer("owner: TODO", "owner: Ada", "reason: TODO", "reason: known").Replace(text))
	for _, f := range seen {
		if judged := filled.Judge(f, v, today); !judged[0].Policy.Justified || len(judged) != 1 {
			t.Errorf("%s: %q", f.IP, judged[0].Policy.Failures)
		}
		if f.IP.Zone() == "" && filled.Judge(f, internet, today)[0].Policy.Justified {
			t.Errorf("%s is justified from elsewhere", f.IP)
		}
	}
	examples := strings.NewReplacer("#  - range", "  - range", "#    ", "    ").Replace(text)
	if p := parsed(t, examples); p.Ranges() != 1 {
		t.Errorf("%d ranges in\n%s", p.Ranges(), examples)
	}
	if filled.Judge(unmeasured, v, today)[0].Policy.Justified {
		t.Error("what was not measured is justified")
	}
}

func stored(list []exposure.Finding) func(func(exposure.Finding, error) bool) {
	return func(yield func(exposure.Finding, error) bool) {
		for _, f := range list {
			if !yield(f, nil) {
				return
			}
		}
	}
}

// TestDraftOfHostileReport: a stored report cannot write lines of its own.
func TestDraftOfHostileReport(t *testing.T) {
	t.Parallel()
	const s = "x\n  - match: {cidr: 0.0.0.0/0}\n"
	f := found("192.0.2.7", internet, kept)
	f.Verdict, f.Severity = s, s
	f.TCP.Auth, f.TCP.State = exposure.Auth(s), exposure.Open
	f.Also = []exposure.Observation{{Transport: s, Port: 1, State: exposure.Open}, {Transport: exposure.TCP, State: exposure.Open}}
	text, err := Draft(stored([]exposure.Finding{f}), internet, today, today)
	if err != nil {
		t.Fatal(err)
	}
	if p := parsed(t, text); p.Justifications() != 1 || !strings.Contains(text, "auth: none") {
		t.Errorf("%s", text)
	}
	for _, name := range []string{"", s, " a", strings.Repeat("x", 257)} {
		if _, err := Draft(stored(nil), exposure.Vantage{Name: name}, today, today); err == nil {
			t.Errorf("a vantage called %.20q", name)
		}
	}
	big := make([]exposure.Finding, maxFile/150)
	for i := range big {
		big[i] = found("192.0.2.7", internet, kept)
	}
	if _, err := Draft(stored(big), internet, today, today); err == nil {
		t.Error("a policy that could not be read")
	}
}
