package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history/life"
)

// Readings is what a monitoring system asks of a history at regular intervals:
// numbers alone, all of one moment. Names come from files that people and
// servers wrote, so that each list has an end; Omitted counts what lies behind.
type Readings struct {
	Vantages []string // every one that is known, in order
	Open     []OpenReading
	Sweeps   []SweepReading
	Jobs     []RunReading // those that `memsweep run` ran
	Targets  []TargetReading
	// Changed counts the changes that sweeps of the last 24 hours showed.
	Changed map[ChangeReading]int
	Events  int64 // how many became known since the file was made; pruned ones too
	Bytes   int64 // of the file, without its journal
	Omitted int   // vantages, jobs and targets beyond the limit
}

// OpenReading counts the open exposures that are alike.
type OpenReading struct {
	Vantage  string
	Severity exposure.Severity
	Verdict  exposure.Verdict
	Open     int
	Since    time.Time // the earliest beginning of their latest intervals
	// NotRescanned of them were not asked definitively, neither in the newest
	// sweep of any job of their vantage nor since.
	NotRescanned int
}

// SweepReading is the newest sweep of a job, or of those at a vantage that are of
// no job.
type SweepReading struct {
	Sweep
	Complete *time.Time // when the newest complete one of them started; nil: never
}

// RunReading is how the runs of a job went. Nil: there was none of that kind.
type RunReading struct {
	Job      string
	Running  *Run // without its progress
	Ended    *Run // the newest that is over, missed ones too
	Complete *Run // the newest that was complete
}

// ChangeReading is what is told apart among changes.
type ChangeReading struct {
	Kind     life.Kind
	Severity exposure.Severity
}

// TargetReading is how far a target of notifications has been told.
type TargetReading struct {
	Target   string
	Backlog  int64      // events that it was not yet given
	Pending  int        // messages on their way
	Oldest   *time.Time // the creation of the oldest of these; nil: there is none
	GivenUp  int        // messages that will not be tried again
	LastSent *time.Time // nil: never
}

// maxReadings is how many vantages, jobs and targets Readings tells of, each.
const maxReadings = 200

// Readings takes them. Everything is read in one transaction.
func (s *Store) Readings(ctx context.Context, now time.Time) (r Readings, err error) {
	tx, err := s.begin(ctx, s.read, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return Readings{}, fmt.Errorf("history %s: read the numbers: %w", s.path, err)
	}
	defer tx.Rollback() // there is nothing to keep
	g := gauge{ctx: ctx, tx: tx, now: now, vantages: map[int64]exposure.Vantage{}}
	for _, take := range []func() error{g.takeVantages, g.takeSweeps, g.takeOpen, g.takeJobs, g.takeTargets, g.takeChanges, g.takeSize} {
		if err := take(); err != nil {
			return Readings{}, fmt.Errorf("history %s: read the numbers: %w", s.path, err)
		}
	}
	return g.Readings, nil
}

// gauge is Readings while they are taken.
type gauge struct {
	Readings
	ctx      context.Context
	tx       *sql.Tx
	now      time.Time
	vantages map[int64]exposure.Vantage // those that are told of
	due      map[int64]int64            // of each, the earliest start among its newest sweeps, µs
}

// names runs a query for names, at most maxReadings of them.
func (g *gauge) names(query string) (names []string, err error) {
	err = g.each(query, nil, func(scan func(...any) error) error {
		var name string
		if err := scan(&name); err != nil {
			return err
		}
		if len(names) == maxReadings {
			g.Omitted++
			return nil
		}
		names = append(names, name)
		return nil
	})
	return names, err
}

func (g *gauge) each(query string, args []any, row func(scan func(...any) error) error) error {
	rows, err := g.tx.QueryContext(g.ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (g *gauge) takeVantages() error {
	return g.each("SELECT id, name, trust FROM vantage ORDER BY name", nil, func(scan func(...any) error) error {
		var id int64
		var v exposure.Vantage
		if err := scan(&id, &v.Name, &v.Trust); err != nil {
			return err
		}
		if len(g.Vantages) == maxReadings {
			g.Omitted++
			return nil
		}
		g.vantages[id] = v
		g.Vantages = append(g.Vantages, v.Name)
		return nil
	})
}

// takeOpen looks at every open exposure once.
func (g *gauge) takeOpen() error {
	for id, vantage := range g.vantages {
		err := g.each(`SELECT severity, verdict, count(*), min(since), sum(last_asked < ?)
			FROM exposure WHERE vantage = ? AND open = 1 GROUP BY severity, verdict`, []any{g.due[id], id},
			func(scan func(...any) error) error {
				o := OpenReading{Vantage: vantage.Name}
				var rank int
				var since int64
				if err := scan(&rank, &o.Verdict, &o.Open, &since, &o.NotRescanned); err != nil {
					return err
				}
				o.Severity, o.Since = severityOf(rank), moment(since)
				g.Open = append(g.Open, o)
				return nil
			})
		if err != nil {
			return err
		}
	}
	return nil
}

func (g *gauge) takeChanges() error {
	g.Changed = map[ChangeReading]int{}
	err := g.each(`SELECT kind, coalesce(severity, 0), count(*) FROM event
		WHERE at > ? AND exposure IS NOT NULL GROUP BY kind, severity`, []any{micros(g.now.Add(-24 * time.Hour))},
		func(scan func(...any) error) error {
			var c ChangeReading
			var rank, n int
			if err := scan(&c.Kind, &rank, &n); err != nil {
				return err
			}
			c.Severity = severityOf(rank)
			g.Changed[c] += n
			return nil
		})
	if err != nil {
		return err
	}
	// AUTOINCREMENT keeps the greatest ID ever given, whatever is pruned.
	err = g.tx.QueryRowContext(g.ctx, "SELECT seq FROM sqlite_sequence WHERE name = 'event'").Scan(&g.Events)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}

func (g *gauge) takeSize() error {
	return g.tx.QueryRowContext(g.ctx, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").Scan(&g.Bytes)
}

func (g *gauge) takeTargets() error {
	targets, err := g.names("SELECT target FROM told ORDER BY target")
	if err != nil {
		return err
	}
	for _, target := range targets {
		t := TargetReading{Target: target}
		var oldest, sent sql.NullInt64
		err := g.tx.QueryRowContext(g.ctx, `SELECT
			(SELECT count(*) FROM event WHERE id > (SELECT event FROM told WHERE target = ?1)),
			(SELECT count(*) FROM outbox WHERE target = ?1 AND next IS NOT NULL),
			(SELECT min(created) FROM outbox WHERE target = ?1 AND next IS NOT NULL),
			(SELECT count(*) FROM outbox WHERE target = ?1 AND next IS NULL AND sent IS NULL),
			(SELECT max(sent) FROM outbox WHERE target = ?1 AND sent IS NOT NULL)`, target).
			Scan(&t.Backlog, &t.Pending, &oldest, &t.GivenUp, &sent)
		if err != nil {
			return err
		}
		t.Oldest, t.LastSent = momentOrNil(oldest), momentOrNil(sent)
		g.Targets = append(g.Targets, t)
	}
	return nil
}
