package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

// lapsed takes back what an earlier policy allowed where one of the
// justifications that it went by has expired since; f is not changed.
func lapsed(f exposure.Finding, v exposure.Vantage, now time.Time) exposure.Finding {
	if f.Policy == nil || !f.Policy.Justified {
		return f
	}
	all := slices.Clone(f.Policy.Others)
	if f.Policy.By != nil {
		all = slices.Insert(all, 0, *f.Policy.By)
	}
	var over []string
	for _, j := range all {
		if why := overSince(j, now); why != "" {
			over = append(over, why)
		}
	}
	if len(over) == 0 {
		return f
	}
	s := *f.Policy
	s.Justified, s.Failures = false, append(slices.Clone(s.Failures), over...)
	s.Severity = withoutPolicy(f, v)
	f.Policy, f.Severity = &s, s.Severity
	return f
}

// overSince says why a stored justification holds no longer; "" when it does.
func overSince(j exposure.Justification, now time.Time) string {
	last, err := time.Parse(time.DateOnly, j.Expires)
	switch {
	case err != nil:
		return fmt.Sprintf("%s: until when it holds is not known.", j.Source)
	case !now.Before(last.AddDate(0, 0, 1)):
		return fmt.Sprintf("%s: its justification expired after %s (UTC): close what it is for, or have it decided anew.", j.Source, j.Expires)
	}
	return ""
}
