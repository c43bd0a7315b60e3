package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

// The number of points of a trend.
const (
	defaultPoints = 120
	MaxPoints     = 500
)

// Trend says how many exposures were open over time, of one vantage ("": of all
// together, each as its latest sweep left it), in at most points steps. A zero
// since is the first sweep, a zero until the last; 0 points are 120.
func (s *Store) Trend(ctx context.Context, vantage string, since, until time.Time, points int) (list []Point, err error) {
	if points <= 0 {
		points = defaultPoints
	}
	points = min(points, MaxPoints)
	err = s.view(ctx, "trend", func(tx reading) error {
		ids, err := tx.numbers(ctx, "SELECT id FROM vantage WHERE ? IN ('', name) LIMIT ?", vantage, maxVantages)
		if err != nil {
			return err
		}
		first, last, err := tx.extent(ctx, ids, since, until)
		if err != nil || first > last {
			return err
		}
		steps, err := tx.steps(ctx, ids, first, last, points)
		if err != nil {
			return err
		}
		list, err = tx.points(ctx, ids, steps)
		return err
	})
	if list == nil {
		list = []Point{}
	}
	return list, err
}

// extent is from when to when a trend goes; nothing was seen: first > last.
func (tx reading) extent(ctx context.Context, vantages []int64, since, until time.Time) (first, last int64, err error) {
	var begin, end sql.NullInt64
	err = tx.QueryRowContext(ctx, `SELECT min(a), max(b) FROM (SELECT
		(SELECT min(started) FROM sweep INDEXED BY sweep_in_order WHERE vantage = j.value) a,
		(SELECT max(started) FROM sweep INDEXED BY sweep_in_order WHERE vantage = j.value) b FROM json_each(?) j)`, idList(vantages)).Scan(&begin, &end)
	if err != nil || !begin.Valid {
		return 1, 0, err
	}
	first, last = begin.Int64, end.Int64
	if !since.IsZero() {
		first = max(first, micros(since))
	}
	if !until.IsZero() {
		last = min(last, micros(until))
		if last < begin.Int64 {
			return 1, 0, nil
		}
	}
	if first > last && !since.IsZero() && first > end.Int64 { // nobody looked since: it is as it was left
		return end.Int64, end.Int64, nil
	}
	return first, last, nil
}

// steps are the times of a trend: those of the sweeps when they are few enough,
// else evenly spread ones.
func (tx reading) steps(ctx context.Context, vantages []int64, first, last int64, points int) ([]int64, error) {
	starts, err := tx.numbers(ctx, `SELECT DISTINCT s.started FROM sweep s INDEXED BY sweep_by_start
		WHERE s.started BETWEEN ? AND ? AND s.vantage IN (SELECT value FROM json_each(?)) ORDER BY s.started LIMIT ?`,
		first, last, idList(vantages), points)
	if err != nil {
		return nil, err
	}
	if len(starts) < points {
		if len(starts) == 0 || starts[0] > first {
			starts = append([]int64{first}, starts...)
		}
		return starts, nil
	}
	if points == 1 || first == last {
		return []int64{last}, nil
	}
	steps := make([]int64, points)
	for i := range steps {
		steps[i] = first + int64(float64(last-first)*float64(i)/float64(points-1))
	}
	steps[points-1] = last
	return steps, nil
}

// points reads how many were open at each step: of each vantage, after the
// newest sweep that had started by then.
func (tx reading) points(ctx context.Context, vantages, steps []int64) ([]Point, error) {
	list := make([]Point, len(steps))
	for i, at := range steps {
		list[i] = Point{At: moment(at), Open: map[exposure.Severity]int{}}
		for _, s := range exposure.Severities() {
			list[i].Open[s] = 0
		}
	}
	err := tx.rows(ctx, `SELECT step.key, t.severity, t.open FROM json_each(?) step CROSS JOIN json_each(?) v
		CROSS JOIN tally t ON t.sweep = (SELECT s.id FROM sweep s INDEXED BY sweep_in_order
			WHERE s.vantage = v.value AND s.started <= step.value ORDER BY s.started DESC, s.scan DESC LIMIT 1)`,
		[]any{idList(steps), idList(vantages)}, func(rows *sql.Rows) error {
			var i, severity, open int
			if err := rows.Scan(&i, &severity, &open); err != nil {
				return err
			}
			if i < 0 || i >= len(list) {
				return errors.New("a step that was not asked for")
			}
			list[i].Open[severityOf(severity)] += open
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("trend: %w", err)
	}
	return list, nil
}
