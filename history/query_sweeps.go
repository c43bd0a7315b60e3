package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

// listSweeps marks the cursors of Sweeps.
const listSweeps = 's'

// Sweeps lists sweeps, the newest first, of one vantage and one job, "": of all.
func (s *Store) Sweeps(ctx context.Context, vantage, job string, p Page) (list []Sweep, next string, err error) {
	after, err := p.after(listSweeps)
	if err != nil {
		return nil, "", fmt.Errorf("history sweeps: %w", err)
	}
	c := condition{text: "1"}
	if after != nil {
		c.and("(s.started, s.id) < (?, ?)", after[0], after[1])
	}
	if vantage != "" {
		c.and("s.vantage = (SELECT id FROM vantage WHERE name = ?)", vantage)
	}
	if job != "" {
		c.and("s.job = ?", job)
	}
	err = s.view(ctx, "sweeps", func(tx reading) error {
		rows, err := tx.sweeps(ctx, "INDEXED BY sweep_by_start WHERE "+c.text+" ORDER BY s.started DESC, s.id DESC LIMIT ?", append(c.args, p.limit()+1)...)
		if err != nil {
			return err
		}
		if len(rows) > p.limit() {
			rows = rows[:p.limit()]
			last := rows[len(rows)-1]
			next = place{micros(last.Started), last.id}.cursor(listSweeps)
		}
		list = make([]Sweep, len(rows))
		for i, r := range rows {
			list[i] = r.Sweep
		}
		return nil
	})
	return list, next, err
}

// Sweep is one of them, by its ID. ErrNotFound: it is not there.
func (s *Store) Sweep(ctx context.Context, scan string) (sweep Sweep, err error) {
	err = s.view(ctx, "sweep", func(tx reading) error {
		rows, err := tx.sweeps(ctx, "WHERE s.scan = ?", scan)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return fmt.Errorf("%w: sweep %.100q", ErrNotFound, scan)
		}
		sweep = rows[0].Sweep
		return nil
	})
	return sweep, err
}

// Horizon is the time from before which everything was pruned but what is open;
// zero: nothing was.
func (s *Store) Horizon(ctx context.Context) (at time.Time, err error) {
	err = s.view(ctx, "horizon", func(tx reading) error {
		us, err := (&writing{Tx: tx.Tx, ctx: ctx}).horizon()
		if us > 0 {
			at = moment(us)
		}
		return err
	})
	return at, err
}

// sweepRow is a row of sweep.
type sweepRow struct {
	id int64
	Sweep
}

// sweeps reads rows of the table s; the clause says which.
func (tx reading) sweeps(ctx context.Context, clause string, args ...any) (list []sweepRow, err error) {
	err = tx.rows(ctx, `SELECT s.id, s.scan, s.job, (SELECT name FROM vantage v WHERE v.id = s.vantage), (SELECT trust FROM vantage v WHERE v.id = s.vantage),
		s.started, s.finished, s.status, s.engine, s.plan, s.planned, s.answered, s.closed, s.silent, s.local_error, s.not_scanned,
		s.rate_asked, s.rate_achieved, s.problems, s.imported FROM sweep s `+clause, args, func(rows *sql.Rows) error {
		var r sweepRow
		var job sql.NullString
		var started, imported int64
		var finished sql.NullInt64
		var trust, status, problems string
		o := &r.Outcomes
		if err := rows.Scan(&r.id, &r.Scan, &job, &r.Vantage.Name, &trust, &started, &finished, &status, &r.Engine, &r.Plan, &r.Planned,
			&o.Answered, &o.Closed, &o.Silent, &o.LocalError, &o.NotScanned, &r.RateAsked, &r.RateAchieved, &problems, &imported); err != nil {
			return err
		}
		r.Job, r.Vantage.Trust, r.Status = job.String, exposure.Trust(trust), exposure.Status(status)
		r.Started, r.Finished, r.Imported = moment(started), momentOrNil(finished), moment(imported)
		list = append(list, r)
		if err := json.Unmarshal([]byte(problems), &list[len(list)-1].Problems); err != nil {
			return fmt.Errorf("problems of sweep %.100q: %w", r.Scan, err)
		}
		return nil
	})
	return list, err
}

// runColumns are what runOf reads.
const runColumns = `run.id, run.job, run.due, run.started, run.finished, run.outcome, run.scan, run.problem, run.progress`

func runOf(rows *sql.Rows) (r Run, err error) {
	var due int64
	var started, finished sql.NullInt64
	var outcome string
	var scan, progress sql.NullString
	if err = rows.Scan(&r.ID, &r.Job, &due, &started, &finished, &outcome, &scan, &r.Problem, &progress); err != nil {
		return r, err
	}
	r.Due, r.Started, r.Finished = moment(due), momentOrNil(started), momentOrNil(finished)
	r.Outcome, r.Scan = Outcome(outcome), scan.String
	if progress.Valid && r.Outcome == Running {
		r.Progress = &Progress{}
		if err = json.Unmarshal([]byte(progress.String), r.Progress); err != nil {
			return r, fmt.Errorf("progress of run %d: %w", r.ID, err)
		}
	}
	return r, nil
}

// runRows reads rows of run; the clause says which.
func (tx reading) runRows(ctx context.Context, clause string, args ...any) (list []Run, err error) {
	err = tx.rows(ctx, "SELECT "+runColumns+" FROM run "+clause, args, func(rows *sql.Rows) error {
		r, err := runOf(rows)
		list = append(list, r)
		return err
	})
	return list, err
}

func (tx reading) runByID(ctx context.Context, id int64) (Run, error) {
	list, err := tx.runRows(ctx, "WHERE run.id = ?", id)
	if err != nil || len(list) == 0 {
		return Run{ID: id}, err
	}
	return list[0], nil
}
