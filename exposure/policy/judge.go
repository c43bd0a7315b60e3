package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

// Judge says what the policy makes of a finding from v at a point in time: the
// finding with its standing, and for each endpoint of it whose justifications
// do not hold a finding about these. It is pure, and f is not changed.
//
// A host is allowed as a whole or not at all: every endpoint that answered is
// either expected or justified, and none was left unasked. What an earlier
// policy said is taken back first, so that a finding may be judged again, by
// the same policy or another; of a finding about a justification, nothing is
// left then. Without a policy, all that is taken back is what has expired.
func (p *Policy) Judge(f exposure.Finding, v exposure.Vantage, now time.Time) []exposure.Finding {
	if p == nil {
		return []exposure.Finding{lapsed(f, v, now)}
	}
	if f.Verdict == exposure.Unfounded {
		return nil
	}
	f.Severity = withoutPolicy(f, v)
	h := hearing{policy: p, addr: plain(f.IP), vantage: v, now: now}
	h.standing = exposure.Standing{Expected: p.Expects(f.IP, v.Trust), Severity: f.Severity}
	for _, e := range endpoints(&f) {
		h.hear(e)
	}
	f.Policy = h.concluded()
	if f.Policy.Justified {
		f.Severity = exposure.SeverityOf(f.Verdict, false, false, v.Trust, true)
		if inside := f.Inside(); inside.AtLeast(f.Severity) {
			f.Severity = inside // who may reach it says nothing of whom it runs as
		}
	}
	found := []exposure.Finding{f}
	for _, u := range h.unfounded {
		found = append(found, u.finding(&f, v))
	}
	return found
}

// withoutPolicy is how bad f is when no policy is asked. What f says of that
// itself is believed only where it is worse than what its endpoints show.
func withoutPolicy(f exposure.Finding, v exposure.Vantage) exposure.Severity {
	worst := f.Severity
	if f.Policy != nil && f.Policy.Severity.AtLeast(worst) {
		worst = f.Policy.Severity
	}
	h := exposure.Host{Addr: f.IP}
	for o := range f.Observations() {
		h.Observations = append(h.Observations, *o)
	}
	if len(h.Observations) == 0 {
		return worst // it is about a justification
	}
	if s := exposure.Judge(h, v).Severity; s.AtLeast(worst) {
		worst = s
	}
	return worst
}

// endpoint is a port of a host with everything that was observed there.
type endpoint struct {
	transport exposure.Transport
	port      uint16
	seen      []*exposure.Observation
}

func (e endpoint) String() string {
	return fmt.Sprintf("%s port %d", strings.ToUpper(string(e.transport)), e.port)
}

// endpoints are those of f at which something is, or may be.
func endpoints(f *exposure.Finding) []endpoint {
	var list []endpoint
	for o := range f.Observations() {
		if o.State == exposure.Closed || o.State == exposure.Silent {
			continue
		}
		i := 0
		for i < len(list) && (list[i].transport != o.Transport || list[i].port != o.Port) {
			i++
		}
		if i == len(list) {
			list = append(list, endpoint{transport: o.Transport, port: o.Port})
		}
		list[i].seen = append(list[i].seen, o)
	}
	return list
}

// hearing is one host before the policy.
type hearing struct {
	policy  *Policy
	addr    netip.Addr
	vantage exposure.Vantage
	now     time.Time

	standing  exposure.Standing
	allowed   int              // endpoints that are expected or justified
	holding   []*justification // of these
	denied    []endpoint       // endpoints that nobody speaks of
	unfounded []unfounded
}

// hear settles one endpoint: it is expected, or else somebody's word for it
// holds, or else it is denied.
func (h *hearing) hear(e endpoint) {
	expected := true
	for _, o := range e.seen {
		if !o.State.Answered() {
			h.fail(fmt.Sprintf("%s could not be asked, so nothing is known of it.", e))
			return
		}
		expected = expected && within(h.standing.Expected, o)
	}
	if expected {
		h.allowed++
		return
	}
	var elsewhere []string
	u := unfounded{endpoint: e}
	for _, j := range h.policy.about(h.addr) {
		switch {
		case !j.match.covers(h.addr, e):
			continue
		case !j.match.admits(h.vantage.Name):
			elsewhere = append(elsewhere, fmt.Sprintf("%s justifies %s for other vantages than this one.", j.Source, e))
			continue
		}
		failures := j.failures(e, h.now)
		if len(failures) == 0 {
			h.allowed++
			h.holding = append(h.holding, j)
			return
		}
		u.claims = append(u.claims, claim{j, failures})
	}
	h.deny(u, elsewhere)
}

// deny notes an endpoint that is not allowed, and why.
func (h *hearing) deny(u unfounded, elsewhere []string) {
	for _, c := range u.claims {
		for _, failure := range c.failures {
			h.fail(failure + ".")
		}
	}
	if len(u.claims) > 0 {
		h.unfounded = append(h.unfounded, u)
	}
	for _, failure := range elsewhere {
		h.fail(failure)
	}
	if len(u.claims)+len(elsewhere) == 0 {
		h.denied = append(h.denied, u.endpoint)
	}
}

func (h *hearing) fail(why string) { h.standing.Failures = append(h.standing.Failures, why) }

// failures says why j does not hold for e; nothing when it does.
func (j *justification) failures(e endpoint, now time.Time) []string {
	if err := j.inForce(now); err != nil {
		return strings.Split(err.Error(), "\n")
	}
	var list []string
	for _, o := range e.seen {
		if broken := j.promise.broken(o); len(broken) > 0 {
			list = append(list, fmt.Sprintf("%s: %s", j.Source, strings.Join(broken, "; ")))
		}
	}
	return list
}

// concluded is the standing of the host.
func (h *hearing) concluded() *exposure.Standing {
	s := &h.standing
	s.Justified = h.allowed > 0 && len(h.denied) == 0 && len(s.Failures) == 0
	for _, e := range h.denied {
		if h.allowed+len(s.Failures) > 0 { // else this is all that there is to say
			h.fail(fmt.Sprintf("%s is neither expected nor justified.", e))
		}
	}
	for _, u := range h.unfounded {
		for _, c := range u.claims {
			if s.By == nil && c.by.dated() {
				s.By = c.by.word()
			}
		}
	}
	for _, j := range h.holding {
		switch {
		case s.By == nil:
			s.By = j.word()
		case s.Justified && *s.By != j.Justification && !slices.Contains(s.Others, j.Justification):
			s.Others = append(s.Others, j.Justification)
		}
	}
	return s
}

// word is a copy for a report.
func (j *justification) word() *exposure.Justification {
	word := j.Justification
	return &word
}

// dated reports whether both days are known, without which nothing can be said
// of who answers until when.
func (j *justification) dated() bool { return j.Created != "" && j.Expires != "" }
