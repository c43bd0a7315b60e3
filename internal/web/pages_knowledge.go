package web

import (
	"context"
	"fmt"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
)

// How old the last complete sweep of a vantage may be before the pages warn: of a
// scheduled job, and of sweeps that somebody starts by hand.
const (
	patienceWithJobs = 48 * time.Hour
	patienceByHand   = 8 * 24 * time.Hour
)

func patienceWith(s *history.Sweep) time.Duration {
	if s.Job != "" {
		return patienceWithJobs
	}
	return patienceByHand
}

// knowledge is what takes long to count.
type knowledge struct {
	history.Overview
	unasked []history.Unasked
}

// knowledge counts anew only when something was imported or became known, or when
// a run began or ended: how far one has come is noted each second, and changes
// nothing of it.
func (p *pages) knowledge(ctx context.Context, pulse history.Pulse) (knowledge, error) {
	now := pulse.ID()
	for _, run := range pulse.Running {
		now += fmt.Sprint(" ", run.ID)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.counted == now {
		return p.known, nil
	}
	overview, err := p.store.Overview(ctx)
	if err != nil {
		return knowledge{}, err
	}
	unasked, err := p.store.Unasked(ctx)
	if err != nil {
		return knowledge{}, err
	}
	p.known, p.counted = knowledge{overview, unasked}, now
	return p.known, nil
}

// warnings say in plain words what must not be taken for granted.
func (p *pages) warnings(k knowledge) (list []string) {
	for _, v := range k.Vantages {
		list = append(list, p.vantageWarnings(v)...)
		for _, u := range k.unasked {
			if u.Vantage == v.Vantage.Name {
				list = append(list, fmt.Sprintf("%s seen from %s %s not rescanned by its newest sweep, the longest since %s: open as far as is known.",
					plural(u.Count, "exposure"), oneLine(u.Vantage), wasWere(u.Count), p.moment(u.Since).Text))
			}
		}
	}
	for _, j := range k.Jobs {
		if j.Last == nil {
			continue
		}
		if text := p.runWarning(j); text != "" {
			list = append(list, text)
		}
	}
	return list
}

func wasWere(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

func (p *pages) vantageWarnings(v history.VantageState) (list []string) {
	name := oneLine(v.Vantage.Name)
	switch {
	case v.Last == nil:
		return []string{fmt.Sprintf("Nothing was ever swept from %s.", name)}
	case v.Complete == nil:
		list = append(list, fmt.Sprintf("No sweep from %s has ever come to its end: what it did not show may still be open.", name))
	case p.now().Sub(v.Complete.Started) > patienceWith(v.Complete):
		list = append(list, fmt.Sprintf("The last complete sweep from %s was %s: what opened or closed there since then is not known.", name, p.moment(v.Complete.Started).Ago))
	}
	if v.Complete != nil && v.Last.Status != exposure.Complete && v.Last.Started.After(v.Complete.Started) {
		list = append(list, fmt.Sprintf("The newest sweep from %s, %s, was %s: it can show what is new, and nothing as fixed. What it did not ask counts as it stood %s.",
			name, p.moment(v.Last.Started).Ago, oneLine(string(v.Last.Status)), p.moment(v.Complete.Started).Ago))
	}
	return list
}

func (p *pages) runWarning(j history.JobState) string {
	name, due, because := oneLine(j.Job), p.moment(j.Last.Due), ""
	if j.Last.Problem != "" {
		because = ": " + oneLine(j.Last.Problem)
	}
	switch j.Last.Outcome {
	case history.Failed:
		return fmt.Sprintf("The newest run of job %s, due %s, failed%s.", name, due.Ago, because)
	case history.Missed:
		return fmt.Sprintf("The newest run of job %s, due %s, did not happen%s.", name, due.Ago, because)
	case history.Incomplete:
		return fmt.Sprintf("The newest run of job %s, due %s, left a part of its plan unasked%s.", name, due.Ago, because)
	}
	return ""
}

// sweepLine is one sweep in a list.
type sweepLine struct {
	Scan, Path, Job string
	Vantage, Trust  string
	Started         moment
	Finished        *moment
	Took, Status    string
	Whole           bool // it is complete
	Engine          string
	Planned, Asked  uint64 // Asked: definitively, answered or closed or silent
	Coverage        []slice
	Sum             uint64
	Rate            string
	Problems        []string
}

// slice is a part of the bar that shows what became of the endpoints planned.
type slice struct {
	Label, Class string
	Count        uint64
	Start, Width float64 // percent
}

func (p *pages) newSweepLine(s *history.Sweep) sweepLine {
	row := sweepLine{
		Scan: oneLine(s.Scan), Path: sweepPath(s.Scan), Job: oneLine(s.Job),
		Vantage: oneLine(s.Vantage.Name), Trust: oneLine(string(s.Vantage.Trust)),
		Started: p.moment(s.Started), Finished: p.maybe(s.Finished), Status: oneLine(string(s.Status)), Whole: s.Status == exposure.Complete, Engine: oneLine(s.Engine),
		Planned: s.Planned, Asked: s.Outcomes.Answered + s.Outcomes.Closed + s.Outcomes.Silent, Sum: s.Outcomes.Sum(),
		Coverage: slicesOf(s.Planned, s.Outcomes), Problems: lines(s.Problems, 8),
	}
	if s.Finished != nil && s.Finished.After(s.Started) {
		row.Took = age(s.Finished.Sub(s.Started))
	}
	if s.RateAchieved != nil {
		row.Rate = fmt.Sprintf("%s of %s packets a second", thousands(int(*s.RateAchieved)), thousands(int(s.RateAsked)))
	}
	return row
}

// Share is how much of the plan was definitively asked, in whole percent, rounded
// down: 100 means all.
func (s sweepLine) Share() string {
	if s.Planned == 0 {
		return "not known"
	}
	return fmt.Sprintf("%d%%", uint64(100*float64(min(s.Asked, s.Planned))/float64(s.Planned)))
}

// slicesOf are the outcomes of a plan; what no outcome accounts for is one of them.
func slicesOf(planned uint64, o exposure.Outcomes) []slice {
	all := []slice{
		{Label: "answered", Class: "answered", Count: o.Answered},
		{Label: "closed", Class: "closed", Count: o.Closed},
		{Label: "silent", Class: "silent", Count: o.Silent},
		{Label: "local error", Class: "unasked", Count: o.LocalError},
		{Label: "not scanned", Class: "unasked", Count: o.NotScanned},
	}
	if sum := o.Sum(); sum < planned {
		all = append(all, slice{Label: "not accounted for", Class: "unasked", Count: planned - sum})
	}
	whole, start := float64(max(planned, o.Sum(), 1)), 0.0
	var list []slice
	for _, p := range all {
		if p.Count > 0 {
			p.Start, p.Width = start, 100*float64(p.Count)/whole
			start += p.Width
			list = append(list, p)
		}
	}
	return list
}
