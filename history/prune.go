package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Pruned counts what was forgotten.
type Pruned struct {
	Sweeps, Observations, Exposures, Events, Runs, Messages int64

	Untold int64     // events from before that are still to be told
	Held   time.Time // the first of them: nothing from then on was forgotten; zero: there are none
}

// Prune forgets sweeps, observations, events, runs and messages from before a
// time, and exposures that were fixed before it. An exposure that is open is
// never dropped, nor when it was first seen. Reports of sweeps from before that
// time are refused from then on. Runs that go on and messages that are still to
// be sent stay; and what a target was not told yet is not forgotten, nor anything
// later.
func (s *Store) Prune(ctx context.Context, before time.Time) (done Pruned, err error) {
	if s.write == nil {
		return done, fmt.Errorf("history prune: %s was opened to be read only", s.path)
	}
	if err := s.change(ctx, func(w *writing) error {
		done, err = w.prune(micros(before))
		return err
	}); err != nil {
		return done, fmt.Errorf("history prune: %w", err)
	}
	return done, nil
}

func (w *writing) prune(before int64) (done Pruned, err error) {
	var held sql.NullInt64
	if err := w.ask("SELECT count(*), min(at) FROM event WHERE id > (SELECT min(event) FROM told) AND at < ?", []any{before}, &done.Untold, &held); err != nil {
		return done, err
	}
	if held.Valid {
		before, done.Held = held.Int64, moment(held.Int64)
	}
	horizon, err := w.horizon()
	if err != nil || before <= horizon {
		return done, err // it was pruned further already
	}
	var vantages []int64
	if vantages, err = (reading{w.Tx}).numbers(w.ctx, "SELECT DISTINCT vantage FROM sweep WHERE started < ?", before); err != nil {
		return done, err
	}
	for _, vantage := range vantages {
		if err := w.rebase(vantage, before); err != nil {
			return done, err
		}
	}
	// Of a fixed exposure that was asked again later nothing but that is forgotten:
	// seen again, it is new, as one that was never seen.
	const forgotten = "SELECT id FROM exposure WHERE open = 0 AND fixed < ?1"
	for _, step := range []struct {
		count *int64
		query string
	}{
		{&done.Events, "DELETE FROM event WHERE at < ?1 OR exposure IN (" + forgotten + ")"},
		{&done.Observations, "DELETE FROM observation WHERE sweep IN (SELECT id FROM sweep WHERE started < ?1)"},
		{&done.Sweeps, "DELETE FROM sweep WHERE started < ?1"},
		{&done.Exposures, "DELETE FROM exposure WHERE open = 0 AND fixed < ?1"},
		{nil, "DELETE FROM finding WHERE id NOT IN (SELECT finding FROM exposure WHERE finding IS NOT NULL) AND ?1 > 0"},
		{&done.Runs, "DELETE FROM run WHERE due < ?1 AND outcome <> 'running'"},
		{&done.Messages, "DELETE FROM outbox WHERE created < ?1 AND next IS NULL"},
		{nil, "INSERT INTO meta (name, value) VALUES ('horizon', ?1) ON CONFLICT (name) DO UPDATE SET value = excluded.value"},
	} {
		result, err := w.ExecContext(w.ctx, step.query, before)
		if err != nil {
			return done, err
		}
		if step.count != nil {
			if *step.count, err = result.RowsAffected(); err != nil {
				return done, err
			}
		}
	}
	return done, nil
}

// horizon is the time up to which the history was pruned; 0: it was not.
func (w *writing) horizon() (us int64, err error) {
	err = w.ask("SELECT value FROM meta WHERE name = 'horizon'", nil, &us)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return us, err
}

// rebase keeps each life up to a time, so that those that are folded again later
// begin with it.
func (w *writing) rebase(vantage, before int64) error {
	f, err := w.everyLife(vantage)
	if err != nil {
		return err
	}
	for i := range f.sweeps {
		if f.sweeps[i].started >= before {
			break
		}
		if err := f.step(&f.sweeps[i], nil, false, false); err != nil {
			return err
		}
	}
	keep, err := w.PrepareContext(w.ctx, "UPDATE exposure SET base = ? WHERE id = ?")
	if err != nil {
		return err
	}
	defer keep.Close()
	for _, x := range f.lives {
		if !x.life.Exists() {
			continue
		}
		text, err := json.Marshal(base{x.life, x.intervals})
		if err != nil {
			return err
		}
		if _, err := keep.ExecContext(w.ctx, text, x.id); err != nil {
			return err
		}
	}
	return nil
}
