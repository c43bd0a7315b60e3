package metrics

import (
	"slices"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/history/life"
)

// exposures gives each vantage each severity and verdict, 0 as well: what is not
// there cannot be told from what was never looked for.
func (c *Collector) exposures(s samples) {
	type place struct {
		vantage  string
		severity exposure.Severity
		verdict  exposure.Verdict
	}
	open := map[place]int{}
	notRescanned := map[place]int{}
	oldest := map[place]history.OpenReading{}
	for _, vantage := range c.readings.Vantages {
		for _, severity := range exposure.Severities() {
			notRescanned[place{vantage, severity, ""}] = 0
			for _, verdict := range exposure.Verdicts() {
				open[place{vantage, severity, verdict}] = 0
			}
		}
	}
	for _, o := range c.readings.Open {
		p := place{o.Vantage, o.Severity, o.Verdict}
		if !slices.Contains(exposure.Verdicts(), o.Verdict) {
			p.verdict = "other" // a newer memsweep's: the labels stay few
		}
		open[p] += o.Open
		p.verdict = ""
		notRescanned[p] += o.NotRescanned
		if before, ok := oldest[p]; !ok || o.Since.Before(before.Since) {
			oldest[p] = o
		}
	}
	for p, n := range open {
		s.gauge(c.open, float64(n), p.vantage, string(p.severity), string(p.verdict))
	}
	for p, n := range notRescanned {
		s.gauge(c.notRescanned, float64(n), p.vantage, string(p.severity))
	}
	for p, o := range oldest {
		s.age(c.oldest, o.Since, p.vantage, string(p.severity))
	}
}

func (c *Collector) changes(s samples) {
	changed := map[history.ChangeReading]int{}
	for _, kind := range []life.Kind{life.New, life.Fixed, life.Worse, life.Better, life.Changed} {
		for _, severity := range exposure.Severities() {
			changed[history.ChangeReading{Kind: kind, Severity: severity}] = 0
		}
	}
	for what, n := range c.readings.Changed {
		changed[what] += n
	}
	for what, n := range changed {
		s.gauge(c.changed, float64(n), string(what.Kind), string(what.Severity))
	}
	s.counter(c.events, float64(c.readings.Events))
}

func (c *Collector) sweeps(s samples) {
	for _, r := range c.readings.Sweeps {
		of := []string{r.Vantage.Name, r.Job}
		s.moment(c.sweepStarted, &r.Started, of...)
		s.moment(c.sweepComplete, r.Complete, of...)
		s.gauge(c.sweepStatus, truth(r.Status == exposure.Complete), of...)
		s.gauge(c.planned, float64(r.Planned), of...)
		if r.Planned > 0 {
			asked := r.Outcomes.Answered + r.Outcomes.Closed + r.Outcomes.Silent
			s.gauge(c.coverage, float64(asked)/float64(r.Planned), of...)
		}
		for _, o := range []struct {
			outcome string
			n       uint64
		}{
			{"answered", r.Outcomes.Answered},
			{"closed", r.Outcomes.Closed},
			{"silent", r.Outcomes.Silent},
			{"local_error", r.Outcomes.LocalError},
			{"not_scanned", r.Outcomes.NotScanned},
		} {
			s.gauge(c.endpoints, float64(o.n), r.Vantage.Name, r.Job, o.outcome)
		}
		s.gauge(c.asked, r.RateAsked, of...)
		if r.RateAchieved != nil {
			s.gauge(c.achieved, *r.RateAchieved, of...)
		}
	}
}

// expectations are known even when the history is not.
func (c *Collector) expectations(s samples) {
	if c.options.Expected == nil {
		return
	}
	for job, interval := range c.options.Expected() {
		s.gauge(c.expected, interval.Seconds(), job)
	}
}

func (c *Collector) jobs(s samples) {
	for _, j := range c.readings.Jobs {
		s.gauge(c.running, truth(j.Running != nil), j.Job)
		if j.Ended != nil {
			for _, o := range []history.Outcome{history.Complete, history.Incomplete, history.Failed, history.Missed} {
				s.gauge(c.outcome, truth(o == j.Ended.Outcome), j.Job, string(o))
			}
			s.moment(c.lastRun, &j.Ended.Due, j.Job)
		}
		if j.Complete != nil {
			s.moment(c.lastComplete, j.Complete.Finished, j.Job)
		}
	}
}

func (c *Collector) notifications(s samples) {
	for _, t := range c.readings.Targets {
		s.gauge(c.backlog, float64(t.Backlog), t.Target)
		s.gauge(c.pending, float64(t.Pending), t.Target)
		s.gauge(c.givenUp, float64(t.GivenUp), t.Target)
		s.moment(c.lastSent, t.LastSent, t.Target)
		if t.Oldest != nil {
			s.age(c.oldestPending, *t.Oldest, t.Target)
		}
	}
}
