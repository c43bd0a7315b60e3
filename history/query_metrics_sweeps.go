package history

import (
	"context"
	"database/sql"
	"errors"

	"github.com/memsweep/memsweep/exposure"
)

// jobsOf lists the jobs in a table by as many steps through its index as there
// are jobs, however many rows each has.
func jobsOf(table string) string {
	return `WITH RECURSIVE jobs (job) AS (
		SELECT min(job) FROM ` + table + ` WHERE job IS NOT NULL
		UNION ALL SELECT (SELECT min(job) FROM ` + table + ` WHERE job > jobs.job) FROM jobs WHERE jobs.job IS NOT NULL)
		SELECT job FROM jobs WHERE job IS NOT NULL ORDER BY job`
}

// takeSweeps takes the newest sweep of each job, and at each vantage the newest
// of those that are of none.
func (g *gauge) takeSweeps() error {
	g.due = map[int64]int64{}
	jobs, err := g.names(jobsOf("sweep"))
	if err != nil {
		return err
	}
	for _, job := range jobs {
		if err := g.takeSweep("job = ?", job, job); err != nil {
			return err
		}
	}
	for id := range g.vantages {
		if err := g.takeSweep("job IS NULL AND vantage = ?", id, ""); err != nil {
			return err
		}
	}
	return nil
}

func (g *gauge) takeSweep(which string, argument any, job string) error {
	r := SweepReading{Sweep: Sweep{Job: job}}
	var vantage, started int64
	var finished, complete sql.NullInt64
	o := &r.Outcomes
	err := g.tx.QueryRowContext(g.ctx, `SELECT vantage, scan, started, finished, status, engine, planned,
			answered, closed, silent, local_error, not_scanned, rate_asked, rate_achieved
		FROM sweep WHERE `+which+` ORDER BY started DESC, scan DESC LIMIT 1`, argument).
		Scan(&vantage, &r.Scan, &started, &finished, &r.Status, &r.Engine, &r.Planned,
			&o.Answered, &o.Closed, &o.Silent, &o.LocalError, &o.NotScanned, &r.RateAsked, &r.RateAchieved)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	known := false
	if r.Vantage, known = g.vantages[vantage]; !known {
		return nil
	}
	err = g.tx.QueryRowContext(g.ctx, "SELECT started FROM sweep WHERE "+which+" AND status = ? ORDER BY started DESC LIMIT 1",
		argument, exposure.Complete).Scan(&complete)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	r.Started, r.Finished, r.Complete = moment(started), momentOrNil(finished), momentOrNil(complete)
	if due, ok := g.due[vantage]; !ok || started < due {
		g.due[vantage] = started
	}
	g.Sweeps = append(g.Sweeps, r)
	return nil
}

// takeJobs takes of each job the newest run, whether or not it has ended, and
// the newest complete one.
func (g *gauge) takeJobs() error {
	jobs, err := g.names(jobsOf("run"))
	if err != nil {
		return err
	}
	for _, job := range jobs {
		state := RunReading{Job: job}
		for _, one := range []struct {
			where string
			run   **Run
		}{
			{"outcome <> 'running'", &state.Ended},
			{"outcome = 'complete'", &state.Complete},
			{"outcome = 'running'", &state.Running},
		} {
			if *one.run, err = g.run(g.ctx, job, one.where); err != nil {
				return err
			}
		}
		g.Jobs = append(g.Jobs, state)
	}
	return nil
}

// run is the newest run of a job of those that the condition picks; nil: none.
func (g *gauge) run(ctx context.Context, job, condition string) (*Run, error) {
	r := Run{Job: job}
	var due int64
	var started, finished sql.NullInt64
	err := g.tx.QueryRowContext(ctx, "SELECT id, due, started, finished, outcome, coalesce(scan, ''), problem FROM run WHERE job = ? AND "+
		condition+" ORDER BY due DESC LIMIT 1", job).
		Scan(&r.ID, &due, &started, &finished, &r.Outcome, &r.Scan, &r.Problem)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r.Due, r.Started, r.Finished = moment(due), momentOrNil(started), momentOrNil(finished)
	return &r, nil
}
