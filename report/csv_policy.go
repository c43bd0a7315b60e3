package report

import (
	"strconv"
	"strings"

	"github.com/memsweep/memsweep/exposure"
)

// policyColumns are what the owner's policy says of a finding; empty without one.
func policyColumns() []column {
	standing := func(get func(*exposure.Standing) string) func(*exposure.Finding) string {
		return func(f *exposure.Finding) string {
			if f.Policy == nil {
				return ""
			}
			return get(f.Policy)
		}
	}
	by := func(get func(exposure.Justification) string) func(*exposure.Finding) string {
		return standing(func(s *exposure.Standing) string {
			if s.By == nil {
				return ""
			}
			var all []string
			for _, j := range append([]exposure.Justification{*s.By}, s.Others...) {
				all = append(all, get(j))
			}
			return strings.Join(all, " ; ")
		})
	}
	return []column{
		{"policy_expected", true, standing(func(s *exposure.Standing) string { return string(s.Expected) })},
		{"policy_justified", false, standing(func(s *exposure.Standing) string { return strconv.FormatBool(s.Justified) })},
		{"policy_severity_without", true, standing(func(s *exposure.Standing) string { return string(s.Severity) })},
		{"policy_owner", true, by(func(j exposure.Justification) string { return j.Owner })},
		{"policy_reason", true, by(func(j exposure.Justification) string { return j.Reason })},
		{"policy_created", true, by(func(j exposure.Justification) string { return j.Created })},
		{"policy_expires", true, by(func(j exposure.Justification) string { return j.Expires })},
		{"policy_source", true, by(func(j exposure.Justification) string { return j.Source })},
		{"policy_failures", true, standing(func(s *exposure.Standing) string { return strings.Join(s.Failures, " ") })},
	}
}
