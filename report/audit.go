package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/memsweep/memsweep/exposure"
)

// audit holds the findings of a stored report against its summary, so that a
// report which lost some of them cannot pass for an all-clear.
type audit struct {
	ids   map[string]bool
	sure  map[string]uint64 // endpoints that answered, by probe
	maybe map[string]uint64 // endpoints that may have, by probe
	again recurring
}

func newAudit() *audit {
	return &audit{ids: map[string]bool{}, sure: map[string]uint64{}, maybe: map[string]uint64{}}
}

// read decodes one finding, and refuses one that cannot be judged or came
// before.
func (a *audit) read(data []byte) (exposure.Finding, error) {
	var f exposure.Finding
	if t, ok := a.again.finding(data); ok {
		return t.Finding, a.accept(&t.Finding)
	}
	if err := json.Unmarshal(data, &f); err != nil {
		return f, fmt.Errorf("finding: %w", err)
	}
	return f, a.accept(&f)
}

// accept refuses what cannot be judged or came before.
func (a *audit) accept(f *exposure.Finding) error {
	switch {
	case f.ID == "" || !f.IP.IsValid() || f.Verdict == "" || f.Severity == "":
		return errors.New("finding: id, ip, verdict or severity is missing")
	case f.Verdict != exposure.Unfounded && !slices.Contains(exposure.Verdicts(), f.Verdict):
		return fmt.Errorf(`finding: verdict "%s" is not known`, exposure.Escape(string(f.Verdict)))
	case !slices.Contains(exposure.Severities(), f.Severity):
		return fmt.Errorf(`finding: severity "%s" is not known`, exposure.Escape(string(f.Severity)))
	case f.Policy != nil && !slices.Contains(exposure.Severities(), f.Policy.Severity):
		return fmt.Errorf(`finding: severity without policy "%s" is not known`, exposure.Escape(string(f.Policy.Severity)))
	case f.Verdict == exposure.Unfounded && !bare(f):
		return errors.New("finding: it is about a justification, and has an endpoint")
	case f.Verdict != exposure.Unfounded && bare(f):
		return errors.New("finding: it has no endpoint")
	}
	return a.admit(f)
}

// admit counts a finding, and refuses one that came before.
func (a *audit) admit(f *exposure.Finding) error {
	if a.ids[f.ID] {
		return fmt.Errorf("finding: %s stands twice", exposure.Escape(f.ID))
	}
	a.ids[f.ID] = true
	a.count(f.TCP)
	a.count(f.UDP)
	for i := range f.Also {
		a.count(&f.Also[i])
	}
	return nil
}

// bare reports whether f is about no endpoint.
func bare(f *exposure.Finding) bool { return f.TCP == nil && f.UDP == nil && len(f.Also) == 0 }

// count notes whether an endpoint answered. One that did may still have ended
// as a local error or as not scanned, and so may one that never answered:
// these two, and states of a newer minor version, leave it open.
func (a *audit) count(o *exposure.Observation) {
	switch {
	case o == nil, o.State == exposure.Closed, o.State == exposure.Silent:
	case o.State.Answered():
		a.sure[o.Probe]++
	default:
		a.maybe[o.Probe]++
	}
}

// close adds to the summary what does not agree with it. A report in which
// something does not agree is never complete.
func (a *audit) close(s *Summary) {
	for _, p := range a.problems(s) {
		if !slices.Contains(s.Problems, p) { // it was noted when the report was last converted
			s.Problems = append(s.Problems, p)
		}
		if s.Status == exposure.Complete {
			s.Status = exposure.Incomplete
		}
	}
}

func (a *audit) problems(s *Summary) []string {
	c := knownCoverage(s.Coverage)
	complete := s.Status == exposure.Complete
	switch {
	case c == nil && complete:
		return []string{"the report calls itself complete, but does not say what was asked"}
	case c == nil:
		return nil
	}
	list := a.answered(c)
	if sum := c.Outcomes.Sum(); complete && sum != c.Planned {
		list = append(list, fmt.Sprintf("the report calls itself complete, but its outcomes add up to %d of %d endpoints", sum, c.Planned))
	}
	if left := c.Outcomes.NotScanned + c.Outcomes.LocalError; complete && left > 0 {
		list = append(list, fmt.Sprintf("the report calls itself complete, but counts %s that it knows nothing of", plural(left, "endpoint")))
	}
	return list
}

// answered compares the number of endpoints that answered: in all, and where
// that agrees, by probe.
func (a *audit) answered(c *exposure.Coverage) []string {
	if p := disagreement(c.Outcomes.Answered, total(a.sure), total(a.maybe)); p != "" {
		return []string{p + ": part of the report is missing or was changed"}
	}
	if len(c.Probes) == 0 {
		return nil
	}
	names := map[string]bool{}
	for _, by := range []map[string]uint64{a.sure, a.maybe} {
		for name := range by {
			names[name] = true
		}
	}
	for name := range c.Probes {
		names[name] = true
	}
	var list []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if p := disagreement(c.Probes[name].Answered, a.sure[name], a.maybe[name]); p != "" {
			list = append(list, exposure.Escape(name)+": "+p+": part of the report was changed")
		}
	}
	return list
}

// disagreement is empty when the number counted lies in what the findings hold.
func disagreement(counted, sure, maybe uint64) string {
	if sure <= counted && counted <= sure+maybe {
		return ""
	}
	held := fmt.Sprint(sure)
	if maybe > 0 {
		held = fmt.Sprintf("%d to %d", sure, sure+maybe)
	}
	return fmt.Sprintf("its summary counts %s that answered, its findings hold %s", plural(counted, "endpoint"), held)
}

func total(by map[string]uint64) (n uint64) {
	for _, m := range by {
		n += m
	}
	return n
}
