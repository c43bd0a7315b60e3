package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrRunning is that a run of that job goes on already.
var ErrRunning = errors.New("a run of it goes on already")

// ErrRunEnded is that a run ended already, in another way.
var ErrRunEnded = errors.New("it ended already")

// maxRunProblem bounds what is kept of a problem, in bytes: it may quote what a
// sweep said last.
const maxRunProblem = 2000

// runTx does one thing to the runs, whole or not at all.
func (s *Store) runTx(ctx context.Context, what string, do func(*sql.Tx) error) error {
	if s.write == nil {
		return fmt.Errorf("%s: the history is open for reading only", what)
	}
	tx, err := s.begin(ctx, s.write, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer tx.Rollback() // without effect after Commit
	if err := do(tx); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// BeginRun notes that a run of a job begins. One that is running already, of the
// same job, is an error (ErrRunning): no two runs of a job at once. A due time
// that was noted as missed may be made up for; one that was run is ErrRunEnded.
func (s *Store) BeginRun(ctx context.Context, job string, due, now time.Time) (run Run, err error) {
	return s.beginRun(ctx, job, due, now, func(tx *sql.Tx) error { return watchedTo(ctx, tx, job, due) })
}

// BeginRunByHand is BeginRun for a run that no schedule asked for: it accounts for
// no due time before it.
func (s *Store) BeginRunByHand(ctx context.Context, job string, now time.Time) (run Run, err error) {
	return s.beginRun(ctx, job, now, now, func(*sql.Tx) error { return nil })
}

func (s *Store) beginRun(ctx context.Context, job string, due, now time.Time, account func(*sql.Tx) error) (run Run, err error) {
	err = s.runTx(ctx, "begin run of "+job, func(tx *sql.Tx) error {
		var busy int64
		switch err := tx.QueryRowContext(ctx, "SELECT id FROM run WHERE job = ? AND outcome = ?", job, Running).Scan(&busy); {
		case err == nil:
			return fmt.Errorf("%w (run %d)", ErrRunning, busy)
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		err := tx.QueryRowContext(ctx, `INSERT INTO run (job, due, started, outcome, problem) VALUES (?, ?, ?, ?, '')
			ON CONFLICT (job, due) DO UPDATE SET started = excluded.started, outcome = excluded.outcome, problem = ''
			WHERE run.outcome = ? RETURNING id`,
			job, due.UnixMicro(), now.UnixMicro(), Running, Missed).Scan(&run.ID)
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("the one due at %s: %w", due.UTC().Format(time.RFC3339), ErrRunEnded)
		}
		if err != nil {
			return err
		}
		started := runTime(now.UnixMicro())
		run = Run{ID: run.ID, Job: job, Due: runTime(due.UnixMicro()), Started: &started, Outcome: Running}
		return account(tx)
	})
	return run, err
}

// NoteProgress notes how far a running one has come, and its sweep's ID.
func (s *Store) NoteProgress(ctx context.Context, run int64, scan string, p Progress) error {
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("note progress: %w", err)
	}
	return s.runTx(ctx, "note progress", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE run SET progress = ?, scan = coalesce(nullif(?, ''), scan) WHERE id = ? AND outcome = ?", string(body), scan, run, Running)
		return err
	})
}

// NoteHalt notes why a run that is to go on stands still, in plain words; "": it
// goes on. It stays Running.
func (s *Store) NoteHalt(ctx context.Context, run int64, problem string) error {
	return s.runTx(ctx, "note halt", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE run SET problem = ? WHERE id = ? AND outcome = ?", boundedProblem(problem), run, Running)
		return err
	})
}

// EndRun notes how a run ended. Other outcomes than Complete become an event.
// To end it again in the same way changes nothing.
func (s *Store) EndRun(ctx context.Context, run int64, now time.Time, outcome Outcome, scan, problem string) error {
	if outcome != Complete && outcome != Incomplete && outcome != Failed {
		return fmt.Errorf("end run %d: %q is not how a run ends", run, outcome)
	}
	return s.runTx(ctx, fmt.Sprintf("end run %d", run), func(tx *sql.Tx) error {
		var was Outcome
		var due int64
		if err := tx.QueryRowContext(ctx, "SELECT outcome, due FROM run WHERE id = ?", run).Scan(&was, &due); errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		} else if err != nil {
			return err
		}
		switch was {
		case outcome:
			return nil
		case Running:
		default:
			return fmt.Errorf("%w: %s", ErrRunEnded, was)
		}
		if _, err := tx.ExecContext(ctx, "UPDATE run SET finished = ?, outcome = ?, scan = coalesce(nullif(?, ''), scan), problem = ?, progress = NULL WHERE id = ?",
			now.UnixMicro(), outcome, scan, boundedProblem(problem), run); err != nil {
			return err
		}
		return runEvent(ctx, tx, run, due, outcome)
	})
}

// NoteMissed notes a run that was due and did not happen, once, as an event too.
func (s *Store) NoteMissed(ctx context.Context, job string, due time.Time, problem string) error {
	return s.runTx(ctx, "note missed run of "+job, func(tx *sql.Tx) error {
		var run int64
		err := tx.QueryRowContext(ctx, "INSERT INTO run (job, due, outcome, problem) VALUES (?, ?, ?, ?) ON CONFLICT (job, due) DO NOTHING RETURNING id",
			job, due.UnixMicro(), Missed, boundedProblem(problem)).Scan(&run)
		if errors.Is(err, sql.ErrNoRows) {
			return nil // it was noted, or it was run
		}
		if err != nil {
			return err
		}
		if err := runEvent(ctx, tx, run, due.UnixMicro(), Missed); err != nil {
			return err
		}
		return watchedTo(ctx, tx, job, due)
	})
}

// runEvent makes an event of a run that did not go well.
func runEvent(ctx context.Context, tx *sql.Tx, run, due int64, outcome Outcome) error {
	if outcome == Complete {
		return nil
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO event (at, kind, run) VALUES (?, ?, ?) ON CONFLICT (run, kind) DO NOTHING", due, "run-"+string(outcome), run)
	return err
}

// watch is what meta keeps of a job's schedule.
type watch struct {
	Schedule string `json:"schedule"` // what its due times follow from
	Since    int64  `json:"since"`    // up to when each of them was run or noted, microseconds
}

// Watch notes that a job's due times are looked after from now on. It returns up
// to when each of them is accounted for: now for a job that was not known, or
// whose schedule is another one now, since its old due times say nothing.
func (s *Store) Watch(ctx context.Context, job, schedule string, now time.Time) (since time.Time, err error) {
	err = s.runTx(ctx, "watch "+job, func(tx *sql.Tx) error {
		w, err := watched(ctx, tx, job)
		if err != nil {
			return err
		}
		if w != nil && w.Schedule == schedule && w.Since <= now.UnixMicro() {
			since = runTime(w.Since)
			return nil
		}
		since = runTime(now.UnixMicro())
		return setWatch(ctx, tx, job, watch{Schedule: schedule, Since: now.UnixMicro()})
	})
	return since, err
}

// Unwatch forgets the schedules of all jobs but those to keep: what one is due
// meanwhile is not missed, should it come back.
func (s *Store) Unwatch(ctx context.Context, keep []string) error {
	return s.runTx(ctx, "unwatch", func(tx *sql.Tx) error {
		kept := make([]string, len(keep))
		for i, job := range keep {
			kept[i] = "watch " + job
		}
		list, err := json.Marshal(kept)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM meta WHERE name GLOB 'watch *' AND name NOT IN (SELECT value FROM json_each(?))", string(list))
		return err
	})
}

func watched(ctx context.Context, tx *sql.Tx, job string) (*watch, error) {
	var body string
	err := tx.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = ?", "watch "+job).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var w watch
	if err := json.Unmarshal([]byte(body), &w); err != nil {
		return nil, nil // as if it were not known
	}
	return &w, nil
}

func setWatch(ctx context.Context, tx *sql.Tx, job string, w watch) error {
	body, err := json.Marshal(w)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", "watch "+job, string(body))
	return err
}

// watchedTo notes that a due time of a job that is watched is accounted for.
func watchedTo(ctx context.Context, tx *sql.Tx, job string, due time.Time) error {
	w, err := watched(ctx, tx, job)
	if err != nil || w == nil || w.Since >= due.UnixMicro() {
		return err
	}
	w.Since = due.UnixMicro()
	return setWatch(ctx, tx, job, *w)
}

// Unfinished lists the runs that are running, the oldest first: at most one a job.
func (s *Store) Unfinished(ctx context.Context) ([]Run, error) {
	return s.queryRuns(ctx, runSelect+" WHERE outcome = ? ORDER BY due, id", Running)
}

// listRuns marks the cursors of Runs.
const listRuns = 'r'

// Runs lists runs, the newest first, of one job, "": of all.
func (s *Store) Runs(ctx context.Context, job string, p Page) (list []Run, next string, err error) {
	after, err := p.after(listRuns)
	if err != nil {
		return nil, "", fmt.Errorf("runs: %w", err)
	}
	c := condition{text: "TRUE"}
	if job != "" {
		c.and("job = ?", job)
	}
	if after != nil {
		c.and("(due, id) < (?, ?)", after[0], after[1])
	}
	list, err = s.queryRuns(ctx, runSelect+" WHERE "+c.text+" ORDER BY due DESC, id DESC LIMIT ?", append(c.args, p.limit()+1)...)
	if err != nil {
		return nil, "", err
	}
	if len(list) > p.limit() {
		list = list[:p.limit()]
		last := list[len(list)-1]
		next = place{last.Due.UnixMicro(), last.ID}.cursor(listRuns)
	}
	return list, next, nil
}

const runSelect = "SELECT id, job, due, started, finished, outcome, coalesce(scan, ''), problem, progress FROM run"

func (s *Store) queryRuns(ctx context.Context, query string, args ...any) (list []Run, err error) {
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("runs: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		r, err := readRun(rows)
		if err != nil {
			return nil, fmt.Errorf("runs: %w", err)
		}
		list = append(list, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("runs: %w", err)
	}
	return list, nil
}

func readRun(rows *sql.Rows) (r Run, err error) {
	var due int64
	var started, finished *int64
	var progress *string
	if err := rows.Scan(&r.ID, &r.Job, &due, &started, &finished, &r.Outcome, &r.Scan, &r.Problem, &progress); err != nil {
		return r, err
	}
	r.Due = runTime(due)
	for _, t := range []struct {
		from *int64
		to   **time.Time
	}{{started, &r.Started}, {finished, &r.Finished}} {
		if t.from != nil {
			at := runTime(*t.from)
			*t.to = &at
		}
	}
	if progress != nil {
		r.Progress = &Progress{}
		if err := json.Unmarshal([]byte(*progress), r.Progress); err != nil {
			return r, fmt.Errorf("run %d: progress: %w", r.ID, err)
		}
	}
	return r, nil
}

func runTime(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

func boundedProblem(text string) string {
	if len(text) > maxRunProblem {
		return strings.ToValidUTF8(text[:maxRunProblem], "") + "…"
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
