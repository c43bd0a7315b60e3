package matrix

import (
	"errors"
	"fmt"
	"strings"

	"github.com/memsweep/memsweep/exposure"
)

// refuse says what about the views makes no comparison, and what to do.
func refuse(views []View, o Options) error {
	if len(views) == 0 {
		return errors.New("nothing to compare: name one report or more")
	}
	problems := twice(views)
	if !o.Unfinished {
		for _, v := range views {
			if v.Status != exposure.Complete {
				problems = append(problems, v.unfinished())
			}
		}
	}
	if plans := byPlan(views); !o.Partial && len(plans) > 1 {
		var groups []string
		for _, p := range plans {
			groups = append(groups, strings.Join(p.sources, ", ")+" (plan "+p.digest[:min(12, len(p.digest))]+")")
		}
		problems = append(problems, fmt.Errorf("the reports are of different plans: %s: sweep the same targets, probes and port from each vantage, or write --partial to compare what they share",
			strings.Join(groups, "; ")))
	}
	return errors.Join(problems...)
}

// unfinished says in what a view is not finished, and what to do about it.
func (v View) unfinished() error {
	said := string(v.Status)
	if len(v.Problems) > 0 {
		said += " (" + strings.Join(v.Problems, "; ") + ")"
	}
	mend := ""
	switch v.Engine {
	case socketEngine, rawEngine:
		mend = "finish the sweep (`memsweep scan --resume`), or "
	case auditEngine:
		mend = "audit again as root, or "
	}
	return fmt.Errorf("the report in %s is %s: %swrite --unfinished to compare what there is", v.Source, said, mend)
}

// twice finds what stands in two columns.
func twice(views []View) (problems []error) {
	sweeps, names := map[string]string{}, map[string]string{}
	for _, v := range views {
		first, again := sweeps[v.Sweep]
		switch {
		case v.Sweep == "":
		case again && first == v.Source:
			problems = append(problems, fmt.Errorf("%s stands there twice: name it once", v.Source))
			continue
		case again:
			problems = append(problems, fmt.Errorf("%s and %s are reports of one sweep, %s: leave one out", first, v.Source, v.Sweep))
			continue
		default:
			sweeps[v.Sweep] = v.Source
		}
		if first, again := names[v.Vantage.Name]; again {
			problems = append(problems, fmt.Errorf("%s and %s are both from vantage %q: leave the older one out, or give each place its own name with `memsweep scan --vantage NAME`", first, v.Source, v.Vantage.Name))
			continue
		}
		names[v.Vantage.Name] = v.Source
	}
	return problems
}

// planned is a plan with the reports of it.
type planned struct {
	digest  string
	sources []string
}

// byPlan groups the views that say what they asked.
func byPlan(views []View) (plans []planned) {
next:
	for _, v := range views {
		if v.Plan == "" {
			continue
		}
		for i := range plans {
			if plans[i].digest == v.Plan {
				plans[i].sources = append(plans[i].sources, v.Source)
				continue next
			}
		}
		plans = append(plans, planned{v.Plan, []string{v.Source}})
	}
	return plans
}

// partial reports whether the views are not all known to be of one plan.
func partial(views []View) bool {
	for _, v := range views {
		if v.Plan != views[0].Plan || v.Plan == "" && len(views) > 1 {
			return true
		}
	}
	return false
}
