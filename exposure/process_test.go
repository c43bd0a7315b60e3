package exposure

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// audited is an open endpoint as an audit sees it.
func audited(bound string, change func(*Process)) Host {
	at := netip.MustParseAddrPort(bound)
	p := &Process{PID: 812, User: "memcache", Bound: &at}
	if change != nil {
		change(p)
	}
	return Host{Addr: at.Addr(), Observations: []Observation{{Probe: "audit-tcp", Transport: TCP, Port: at.Port(), State: Open, Auth: AuthNone, Process: p}}}
}

func TestJudgeProcess(t *testing.T) {
	t.Parallel()
	worse := &Drift{Source: "/etc/memcached.conf", Worse: []string{"listen on every IPv4 address, TCP port 11211, without credentials"}}
	for name, tt := range map[string]struct {
		host  Host
		trust Trust
		want  Severity
		says  string
	}{
		"loopback":           {audited("127.0.0.1:11211", nil), Untrusted, Info, "other machines do not reach it"},
		"loopback, IPv6":     {audited("[::1]:11211", nil), Untrusted, Info, "other machines do not reach it"},
		"elsewhere":          {audited("192.0.2.7:11211", nil), Trusted, Low, ""},
		"elsewhere, no word": {audited("192.0.2.7:11211", nil), Untrusted, Critical, ""},
		"root":               {audited("127.0.0.1:11211", func(p *Process) { p.Root = true }), Trusted, Medium, "It runs as root (PID 812)"},
		"root in an image":   {audited("127.0.0.1:11211", func(p *Process) { p.PID, p.Root = 0, true }), Trusted, Medium, "It would run as root"},
		"a restart is worse": {audited("127.0.0.1:11211", func(p *Process) { p.Drift = worse }), Trusted, Low, "A restart makes it worse: from /etc/memcached.conf, it would listen on every IPv4 address"},
		"and better": {audited("192.0.2.7:11211", func(p *Process) { p.Drift = &Drift{Source: "x", Better: []string{"ask for more"}} }), Trusted, Low,
			"A restart makes it better: from x, it would ask for more."},
		"namespace": {audited("192.0.2.7:11211", func(p *Process) { p.Namespace = "net:[1]" }), Trusted, Low, "another network namespace (net:[1])"},
	} {
		f := Judge(tt.host, Vantage{Name: "local", Trust: tt.trust})
		if f.Severity != tt.want || f.Verdict != OpenTCP {
			t.Errorf("%s: %s, %s, want %s", name, f.Severity, f.Verdict, tt.want)
		}
		if confined := tt.host.Addr.IsLoopback(); confined && !strings.Contains(f.Reasons[0], tt.says) {
			t.Errorf("%s: the first reason is %q", name, f.Reasons[0])
		}
		if !strings.Contains(strings.Join(f.Reasons, "\n"), tt.says) {
			t.Errorf("%s: %q does not stand in %q", name, tt.says, f.Reasons)
		}
	}
}

// TestJudgeStopped: nothing answers, but a start would expose it.
func TestJudgeStopped(t *testing.T) {
	t.Parallel()
	h := audited("192.0.2.7:11211", func(p *Process) {
		p.PID, p.Bound, p.Drift = 0, nil, &Drift{Source: "x.service", Worse: []string{"listen"}}
	})
	h.Observations[0].State = Closed
	f := Judge(h, Vantage{Name: "local", Trust: Trusted})
	want := []string{"It does not run. Started from x.service, it would listen."}
	if f.Severity != Low || !slices.Equal(f.Reasons, want) || len(f.Fix) > 0 {
		t.Errorf("%s, %q, fixes %v", f.Severity, f.Reasons, f.Fix)
	}
}

// TestFixProcess: what nobody reaches needs no fix but another user.
func TestFixProcess(t *testing.T) {
	t.Parallel()
	v := Vantage{Name: "local", Trust: Trusted}
	if f := Judge(audited("127.0.0.1:11211", nil), v); len(f.Fix) > 0 {
		t.Errorf("loopback alone: %v", f.Fix)
	}
	f := Judge(audited("127.0.0.1:11211", func(p *Process) { p.Root = true }), v)
	if len(f.Fix) != 1 || !slices.Equal(f.Fix[0].Lines, []string{"-u memcache"}) {
		t.Errorf("root: %v", f.Fix)
	}
}
