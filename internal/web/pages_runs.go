package web

import (
	"fmt"
	"net/http"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
)

// runLine is one run of a job.
type runLine struct {
	ID       int64
	Job      string
	Due      moment
	Started  *moment
	Took     string
	Outcome  string
	Fine     bool
	Scan     string
	Path     string // of its sweep, "" for none
	Problem  string
	Progress *progressLine
}

// progressLine is how far a running sweep has come.
type progressLine struct {
	Percent        string
	Pass, Answered string
	Rate, Left     string
	At             moment
}

func (p *pages) newRunLine(run *history.Run) runLine {
	row := runLine{
		ID: run.ID, Job: oneLine(run.Job), Due: p.moment(run.Due), Started: p.maybe(run.Started), Outcome: oneLine(string(run.Outcome)),
		Fine: run.Outcome == history.Complete || run.Outcome == history.Running, Scan: oneLine(run.Scan), Problem: oneLine(run.Problem),
	}
	if run.Scan != "" && run.Outcome != history.Running {
		row.Path = sweepPath(run.Scan)
	}
	if run.Started != nil && run.Finished != nil && run.Finished.After(*run.Started) {
		row.Took = age(run.Finished.Sub(*run.Started))
	}
	if g := run.Progress; g != nil && run.Outcome == history.Running {
		row.Progress = &progressLine{
			Percent: fmt.Sprintf("%.0f", 100*min(1, max(0, g.Done))), Pass: fmt.Sprintf("pass %d of %d", g.Pass, g.Tries),
			Answered: thousands(g.Answered) + " answered", Rate: thousands(int(min(1e15, max(0, g.Rate)))) + " packets a second", At: p.moment(g.At),
		}
		if g.Left > 0 && g.Left < 1e8 {
			row.Progress.Left = age(time.Duration(g.Left*float64(time.Second))) + " left"
		}
	}
	return row
}

func (p *pages) maybeRun(run *history.Run) *runLine {
	if run == nil {
		return nil
	}
	row := p.newRunLine(run)
	return &row
}

// running lists the runs that are under way.
func (p *pages) running(runs []history.Run) []runLine {
	var list []runLine
	for i := range runs {
		list = append(list, p.newRunLine(&runs[i]))
	}
	return list
}

// sweepsPage is what was swept, and how far that can be trusted.
type sweepsPage struct {
	frame
	Empty    bool
	Warnings []string
	Running  []runLine
	Form     filterForm
	Sweeps   []sweepLine
	Pager    pager
	Runs     []runLine
	MoreRuns string
	AllRuns  []entry // as documents
}

// runsShown is how many runs stand beside the sweeps.
const runsShown = 20

func (p *pages) sweeps(r *http.Request, pulse history.Pulse) (string, any, error) {
	page, err := pageOf(r.URL.Query())
	if err != nil {
		return "", nil, err
	}
	q := &parameters{values: r.URL.Query()}
	vantage, job, runsAfter := q.one(paramVantage), q.one(paramJob), q.one(paramRunsAfter)
	if q.wrong != nil {
		return "", nil, q.wrong
	}
	known, err := p.knowledge(r.Context(), pulse)
	if err != nil {
		return "", nil, err
	}
	list, next, err := p.store.Sweeps(r.Context(), vantage, job, page)
	if err != nil {
		return "", nil, err
	}
	runs, moreRuns, err := p.store.Runs(r.Context(), job, history.Page{After: runsAfter, Limit: runsShown})
	if err != nil {
		return "", nil, err
	}
	s := sweepsPage{
		frame: p.frame(r, pulse, "/sweeps", "Sweeps"), Warnings: p.warnings(known), Running: p.running(pulse.Running),
		Form: newFilterForm(r, vantagesOf(known.Overview), nil, paramVantage), Pager: newPager(r, next),
		Empty: len(known.Vantages) == 0 && len(known.Jobs) == 0,
	}
	s.Form.Ranges = false
	s.Form.addJobs(r, known.Jobs)
	for i := range list {
		s.Sweeps = append(s.Sweeps, p.newSweepLine(&list[i]))
	}
	for i := range runs {
		s.Runs = append(s.Runs, p.newRunLine(&runs[i]))
	}
	for _, format := range documents {
		s.AllRuns = append(s.AllRuns, entry{linkTo("/api/v1/runs", paramJob, job, "format", format.Path), format.Name})
	}
	if moreRuns != "" {
		s.MoreRuns = linkWith(r, paramRunsAfter, moreRuns)
	}
	return "sweeps", s, nil
}

const (
	paramJob       = "job"
	paramRunsAfter = "runs_after"
)

// addJobs adds the choice of a job, where there is one.
func (f *filterForm) addJobs(r *http.Request, jobs []history.JobState) {
	options := []option{{"", "any, or none", false}}
	for _, j := range jobs {
		options = append(options, option{j.Job, oneLine(j.Job), false})
	}
	f.add(r, choice{Name: paramJob, Label: "Job", Options: options}, r.URL.Query()[paramJob])
	if v := r.URL.Query().Get(paramJob); v != "" {
		f.Active = append(f.Active, chip{"Job: " + oneLine(v), linkWith(r, paramJob, "")})
	}
}

// sweepPage is one sweep and what it changed.
type sweepPage struct {
	frame
	Sweep   sweepLine
	Facts   []pair
	Changes []changeLine
	More    string // where the rest of the changes are
	Summary string
}

// Table is what it changed.
func (s sweepPage) Table() changeTable {
	return changeTable{Caption: "Changes that this sweep showed", Quiet: true, Rows: s.Changes}
}

// changesShown is how many changes the page of a sweep lists.
const changesShown = 100

func (p *pages) sweep(r *http.Request, pulse history.Pulse) (string, any, error) {
	s, err := p.store.Sweep(r.Context(), r.PathValue("scan"))
	if err != nil {
		return "", nil, err
	}
	f := history.ChangeFilter{Since: s.Started, Until: s.Started.Add(time.Microsecond), Of: history.Filter{State: history.Any, Vantage: s.Vantage.Name}}
	list, next, err := p.store.Changes(r.Context(), f, history.Page{Limit: changesShown})
	if err != nil {
		return "", nil, err
	}
	page := sweepPage{frame: p.frame(r, pulse, "/sweeps", "Sweep of "+p.moment(s.Started).Text), Sweep: p.newSweepLine(&s), Facts: sweepFacts(p, &s)}
	for i := range list {
		if list[i].Scan == s.Scan {
			page.Changes = append(page.Changes, p.newChangeLine(&list[i]))
		}
	}
	if next != "" {
		page.More = linkTo("/changes", paramSince, f.Since.UTC().Format(time.RFC3339Nano), paramUntil, f.Until.UTC().Format(time.RFC3339Nano), paramVantage, s.Vantage.Name)
	}
	page.Summary = sweepSummary(&s)
	return "sweep", page, nil
}

func sweepSummary(s *history.Sweep) string {
	switch s.Status {
	case exposure.Complete:
		return "It came to its end, so what it asked and had no answer from can count as fixed."
	case exposure.Interrupted:
		return "It was stopped from outside. It can show what is new, and nothing as fixed."
	}
	return "A part of its plan was not asked. It can show what is new, and nothing as fixed."
}

func sweepFacts(p *pages, s *history.Sweep) []pair {
	row := p.newSweepLine(s)
	list := []pair{
		{"Sweep", row.Scan}, {"Seen from", row.Vantage + " (" + row.Trust + ")"}, {"Job", row.Job}, {"Status", row.Status}, {"Engine", row.Engine},
		{"Started", row.Started.Text},
	}
	if row.Finished != nil {
		list = append(list, pair{"Finished", row.Finished.Text})
	}
	list = append(list, pair{"Took", row.Took}, pair{"Rate", row.Rate}, pair{"Plan", oneLine(s.Plan)}, pair{"Imported", p.moment(s.Imported).Text})
	var known []pair
	for _, f := range list {
		if f.Value != "" {
			known = append(known, f)
		}
	}
	return known
}
