package history

import (
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history/life"
	"github.com/memsweep/memsweep/internal/asked"
)

// folding makes the lives of some exposures of a vantage anew, from what the
// sweeps in the file saw and asked.
type folding struct {
	w       *writing
	vantage int64
	lives   []*folded
	byID    map[int64]*folded
	sweeps  []foldedSweep // in order

	replaced int64 // when the report ended that is replaced
}

// folded is an exposure on the way.
type folded struct {
	row
	life      life.Life
	intervals []life.Interval
	events    []foldedEvent
	run       int64     // the sweep in which its detail began; 0: before those that are stored
	latest    int64     // the sweep that saw it last; 0: the same
	without   life.Life // as it would be without the sweep that is new
}

type foldedEvent struct {
	sweep *foldedSweep
	*life.Event
}

type foldedSweep struct {
	id      int64
	scan    string
	started int64
	ended   int64
}

// everyLife begins to fold all exposures of a vantage.
func (w *writing) everyLife(vantage int64) (*folding, error) {
	f := &folding{w: w, vantage: vantage}
	err := w.rows("SELECT "+rowColumns+" FROM exposure WHERE vantage = ? ORDER BY id", []any{vantage}, func(rows *sql.Rows) error {
		x, err := readRow(rows)
		f.lives = append(f.lives, &folded{row: x})
		return err
	})
	if err != nil {
		return nil, err
	}
	return f, f.begin()
}

// base is a life up to the time up to which the history was pruned.
type base struct {
	life.Life
	Intervals []life.Interval `json:"intervals"`
}

// observed is what a sweep saw of an exposure.
type observed struct {
	detail int64
	baf    *float64
}

// begin reads what was before the sweeps that are stored, and which these are.
func (f *folding) begin() error {
	f.byID = map[int64]*folded{}
	for _, x := range f.lives {
		f.byID[x.id] = x
	}
	bases, err := f.w.bases(f.vantage)
	if err != nil {
		return err
	}
	for id, b := range bases {
		if x := f.byID[id]; x != nil {
			x.life, x.without, x.intervals = b.Life, b.Life, b.Intervals
		}
	}
	return f.w.rows("SELECT id, scan, started, "+endedBy+" FROM sweep WHERE vantage = ? ORDER BY started, scan", []any{f.vantage}, func(rows *sql.Rows) error {
		var s foldedSweep
		err := rows.Scan(&s.id, &s.scan, &s.started, &s.ended)
		f.sweeps = append(f.sweeps, s)
		return err
	})
}

// bases are the lives before the sweeps that are stored, by the exposure's row.
func (w *writing) bases(vantage int64) (map[int64]base, error) {
	all := map[int64]base{}
	err := w.rows("SELECT id, base FROM exposure WHERE vantage = ? AND base IS NOT NULL", []any{vantage}, func(rows *sql.Rows) error {
		var id int64
		var text sql.RawBytes
		if err := rows.Scan(&id, &text); err != nil {
			return err
		}
		var b base
		if err := json.Unmarshal(text, &b); err != nil {
			return fmt.Errorf("exposure %d: its life before what was pruned: %w", id, err)
		}
		all[id] = b
		return nil
	})
	return all, err
}

// oneByOne is up to how many exposures are looked for one by one in a sweep.
const oneByOne = 1000

// observations are what a sweep saw of those that are folded.
func (f *folding) observations(sweep int64) (map[int64]observed, error) {
	seen := map[int64]observed{}
	if len(f.lives) > oneByOne {
		return seen, f.w.rows("SELECT exposure, detail, baf FROM observation WHERE sweep = ?", []any{sweep}, func(rows *sql.Rows) error {
			var id int64
			var o observed
			err := rows.Scan(&id, &o.detail, &o.baf)
			if f.byID[id] != nil {
				seen[id] = o
			}
			return err
		})
	}
	one, err := f.w.PrepareContext(f.w.ctx, "SELECT detail, baf FROM observation WHERE sweep = ? AND exposure = ?")
	if err != nil {
		return nil, err
	}
	defer one.Close()
	for _, x := range f.lives {
		var o observed
		switch err := one.QueryRowContext(f.w.ctx, sweep, x.id).Scan(&o.detail, &o.baf); err {
		case nil:
			seen[x.id] = o
		case sql.ErrNoRows:
		default:
			return nil, err
		}
	}
	return seen, nil
}

// proofOf is what a stored sweep shows of endpoints that it does not name.
func (f *folding) proofOf(sweep int64) (*asked.Sweep, error) {
	var header, summary []byte
	var tally *string
	if err := f.w.ask("SELECT CASE WHEN tally IS NULL THEN x'' ELSE header END, CASE WHEN tally IS NULL THEN x'' ELSE summary END, tally FROM sweep WHERE id = ?",
		[]any{sweep}, &header, &summary, &tally); err != nil {
		return nil, err
	}
	return readProof(header, summary, tally)
}

// fact is what a sweep has to say of x; nil: nothing.
func (f *folding) fact(s *foldedSweep, x *folded, o observed, saw bool, wasMissed func(spot) (bool, bool)) (*life.Fact, error) {
	fact := life.Fact{At: moment(s.started)}
	if !saw {
		var was bool
		if was, fact.Refused = wasMissed(x.at); !was {
			return nil, nil
		}
		return &fact, nil
	}
	seen, err := f.w.details.seen(o.detail, o.baf)
	fact.Seen, fact.Until = &seen, momentOrZero(s.ended)
	return &fact, err
}

// step adds one sweep to every life. before is what the sweep that is new says
// without itself: what a report that it replaces saw.
func (f *folding) step(s *foldedSweep, before func(*folded) (observed, bool), diverged, isNew bool) error {
	seen, err := f.observations(s.id)
	if err != nil {
		return err
	}
	proof, err := f.proofOf(s.id)
	if err != nil {
		return fmt.Errorf("sweep %s: %w", exposure.Escape(s.scan), err)
	}
	var spots []spot
	for _, x := range f.lives {
		if _, ok := seen[x.id]; !ok {
			spots = append(spots, x.at)
		}
	}
	wasMissed := missed(proof, spots)
	for _, x := range f.lives {
		o, saw := seen[x.id]
		fact, err := f.fact(s, x, o, saw, wasMissed)
		if err != nil {
			return err
		}
		x.add(s, fact, o, saw)
		switch {
		case isNew:
			fact = nil
			if o, saw := before(x); saw {
				if fact, err = f.fact(s, x, o, true, nil); err != nil {
					return err
				}
				fact.Until = momentOrZero(f.replaced)
			}
			fallthrough
		case diverged:
			if fact != nil {
				x.without.Step(x.at.transport(), *fact)
			}
		default:
			x.without = x.life
		}
	}
	return nil
}

// add is one fact of a sweep for the life of x.
func (x *folded) add(s *foldedSweep, fact *life.Fact, o observed, saw bool) {
	if fact == nil {
		return
	}
	existed, was := x.life.Exists(), x.life.Seen.Detail
	event := x.life.Step(x.at.transport(), *fact)
	if saw {
		if !existed || keyOf(was) != keyOf(x.life.Seen.Detail) {
			x.run = s.id
		}
		x.latest = s.id
	}
	x.intervals = life.Intervals(x.intervals, fact.At, event)
	if event != nil {
		x.events = append(x.events, foldedEvent{s, event})
	}
}

// open counts exposures by the rank of their severity: those that are open.
func countOpen(counts map[int]int, l *life.Life, by int) {
	if l.Open() {
		counts[rank(l.Seen.Severity)] += by
	}
}
