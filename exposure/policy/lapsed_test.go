package policy

import (
	"strings"
	"testing"

	"github.com/memsweep/memsweep/exposure"
)

// TestLapsed: what a report was allowed holds until the end of its last day,
// also when nobody gives a policy any more.
func TestLapsed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		expires, other, now string
		justified           bool
	}{
		{"2026-11-21", "", "2026-11-21", true},
		{"2026-11-21", "", "2026-11-22", false},
		{"2026-12-31", "2026-11-20", "2026-11-21", false},
		{"for ever", "", "2026-11-21", false},
	} {
		f := found("192.0.2.7", internet, tcp(exposure.Open, exposure.AuthNone, false))
		f.Severity = exposure.Info
		f.Policy = &exposure.Standing{Justified: true, Severity: exposure.Low, By: &exposure.Justification{Source: "policy.yaml:4", Expires: tt.expires}}
		if tt.other != "" {
			f.Policy.Others = []exposure.Justification{{Source: "policy.yaml:9", Expires: tt.other}}
		}
		before := *f.Policy
		got := (*Policy)(nil).Judge(f, internet, noon(tt.now))[0]
		want := exposure.Info
		if !tt.justified {
			want = exposure.Critical
		}
		if got.Policy.Justified != tt.justified || got.Severity != want || tt.justified != (len(got.Policy.Failures) == 0) {
			t.Errorf("until %s, on %s: %s, %+v", tt.expires, tt.now, got.Severity, got.Policy)
		}
		if !before.Justified || f.Policy.Justified != before.Justified || strings.Join(f.Policy.Failures, "") != "" {
			t.Error("the finding given was changed")
		}
	}
}

// TestStoredSeverityIsNotBelieved: a finding that was made look better by hand
// is judged by its endpoints.
func TestStoredSeverityIsNotBelieved(t *testing.T) {
	t.Parallel()
	f := found("192.0.2.99", internet, tcp(exposure.Open, exposure.AuthNone, false))
	f.Severity = exposure.Info
	f.Policy = &exposure.Standing{Justified: true, Severity: exposure.Info}
	if got := parsed(t, good).Judge(f, internet, today)[0]; got.Severity != exposure.Critical {
		t.Errorf("%s, want critical", got.Severity)
	}
}
