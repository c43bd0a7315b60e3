package history

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"net/netip"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/exposure/matrix"
	"github.com/memsweep/memsweep/history/life"
	"github.com/memsweep/memsweep/internal/asked"
)

// Difference is what became of one exposure between two points in time.
type Difference struct {
	Exposure Exposure `json:"exposure"` // as it is known now
	life.Difference
	Why string `json:"why,omitempty"` // of one not rescanned: why nobody knows more
}

// diffBatch is how many exposures are looked at in one step.
const diffBatch = 500

// errEnough ends a walk that nobody listens to any more.
var errEnough = errors.New("enough")

// Differences yields what became of each exposure that the filter picks (its
// State is not asked) from one point in time to another: after all sweeps that
// had started by then. What was open at neither is left out. A severity is held
// against the worse of the two sights. All is read from one state of the file.
func (s *Store) Differences(ctx context.Context, from, to time.Time, f Filter) iter.Seq2[Difference, error] {
	return func(yield func(Difference, error) bool) {
		err := s.view(ctx, "differences", func(tx reading) error {
			w := differing{reading: tx, from: from, to: to, filter: f, last: map[string]*sweepRow{}, asked: map[int64]*asked.Sweep{}, reopened: map[int64]bool{}}
			return w.walk(ctx, func(d Difference) bool { return yield(d, nil) })
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(Difference{}, err)
		}
	}
}

// differing walks the exposures of one state of the file.
type differing struct {
	reading
	from, to time.Time
	filter   Filter
	last     map[string]*sweepRow // by vantage: the last between the two; nil: none
	asked    map[int64]*asked.Sweep
	reopened map[int64]bool // between the two
}

func (w *differing) walk(ctx context.Context, yield func(Difference) bool) error {
	c := condition{text: "e.id > ? AND e.first_seen <= ?"}
	demanded, err := w.filter.of()
	if err != nil {
		return err
	}
	c.and(demanded.or1(), demanded.args...)
	for after := int64(0); ; {
		ids, err := w.numbers(ctx, "SELECT e.id FROM exposure e WHERE "+c.text+" ORDER BY e.id LIMIT ?",
			append(append([]any{after, micros(w.to)}, c.args...), diffBatch)...)
		if err != nil || len(ids) == 0 {
			return err
		}
		after = ids[len(ids)-1]
		batch, err := w.batch(ctx, ids)
		if err != nil {
			return err
		}
		for _, d := range batch {
			if w.wanted(d) && !yield(d) {
				return errEnough
			}
		}
	}
}

func (w *differing) wanted(d Difference) bool {
	f := w.filter
	return (f.AtLeast == "" || d.Severity.AtLeast(f.AtLeast)) && (f.Only == "" || d.Severity == f.Only)
}

// batch says what became of some exposures.
func (w *differing) batch(ctx context.Context, ids []int64) (list []Difference, err error) {
	exposures, err := w.exposuresByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	was, now, err := w.moments(ctx, ids, exposures)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		e := exposures[id]
		answered, err := w.answered(ctx, e)
		if err != nil {
			return nil, err
		}
		d := life.Diff(was[id], now[id], answered)
		if d == nil {
			continue
		}
		if was[id].Open && now[id].Open && w.reopened[id] {
			d.Details = append(d.Details, "it had been fixed in between")
		}
		list = append(list, Difference{Exposure: e, Difference: *d})
	}
	return list, w.explain(ctx, list)
}

// moments are what was known of exposures at the two points in time.
func (w *differing) moments(ctx context.Context, ids []int64, exposures map[int64]Exposure) (was, now map[int64]life.Moment, err error) {
	was, now = map[int64]life.Moment{}, map[int64]life.Moment{}
	rows, err := w.eventRows(ctx, "SELECT "+eventColumns+` FROM json_each(?) j CROSS JOIN event ON event.exposure = j.value
		ORDER BY event.exposure, event.at, event.id`, idList(ids))
	if err != nil {
		return nil, nil, err
	}
	changes, err := w.changes(ctx, rows)
	if err != nil {
		return nil, nil, err
	}
	of := map[int64][]Change{}
	for _, c := range changes {
		of[c.Exposure.ID] = append(of[c.Exposure.ID], c)
	}
	for _, id := range ids {
		was[id], now[id] = seenBy(w.from, exposures[id], of[id]), seenBy(w.to, exposures[id], of[id])
	}
	return was, now, w.rows(ctx, "SELECT i.exposure, i.opened, i.fixed FROM json_each(?) j CROSS JOIN interval i ON i.exposure = j.value",
		[]any{idList(ids)}, func(rows *sql.Rows) error {
			var id, opened int64
			var fixed sql.NullInt64
			if err := rows.Scan(&id, &opened, &fixed); err != nil {
				return err
			}
			during := func(at time.Time) bool { return opened <= micros(at) && (!fixed.Valid || fixed.Int64 > micros(at)) }
			a, b := was[id], now[id]
			a.Open, b.Open = a.Open || during(w.from), b.Open || during(w.to)
			was[id], now[id] = a, b
			w.reopened[id] = w.reopened[id] || opened > micros(w.from) && opened <= micros(w.to)
			return nil
		})
}

// seenBy is how an exposure had last been seen by a time, but for whether it was
// open. Where the changes before that were forgotten, the next one knows.
func seenBy(at time.Time, e Exposure, changes []Change) (m life.Moment) {
	if e.FirstSeen.After(at) {
		return m
	}
	for _, c := range changes {
		switch {
		case !c.At.After(at) && c.Now != nil:
			m.Seen = c.Now
		case c.At.After(at) && m.Seen == nil && c.Was != nil:
			m.Seen = c.Was
		}
	}
	if m.Seen == nil {
		m.Seen = &e.Seen
	}
	return m
}

// answered reports whether an exposure answered between the two points in time,
// the second of which counts even if it is the first: a sweep held against
// itself.
func (w *differing) answered(ctx context.Context, e Exposure) (yes bool, err error) {
	if !e.LastSeen.After(w.to) {
		return e.LastSeen.After(w.from) || e.LastSeen.Equal(w.to), nil
	}
	err = w.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM sweep s JOIN observation o ON o.sweep = s.id AND o.exposure = ?
		WHERE s.vantage = (SELECT id FROM vantage WHERE name = ?) AND (s.started > ? AND s.started <= ? OR s.started = ?))`,
		e.ID, e.Vantage.Name, micros(w.from), micros(w.to), micros(w.to)).Scan(&yes)
	return yes, err
}

// explain says of those that were not rescanned why.
func (w *differing) explain(ctx context.Context, list []Difference) error {
	open := map[string][]netip.Addr{} // by vantage
	for _, d := range list {
		if name := d.Exposure.Vantage.Name; d.Kind == life.NotRescanned {
			open[name] = append(open[name], d.Exposure.IP)
		}
	}
	fates := map[string]func(Endpoint) exposure.State{}
	for vantage, addrs := range open {
		last, err := w.lastOf(ctx, vantage)
		if err != nil {
			return err
		}
		if last == nil {
			continue
		}
		if fates[vantage], err = w.fates(ctx, last, addrs); err != nil {
			return err
		}
	}
	for i := range list {
		if d := &list[i]; d.Kind == life.NotRescanned {
			name := d.Exposure.Vantage.Name
			d.Why = notRescanned(d.Exposure, w.last[name], fates[name])
		}
	}
	return nil
}

// lastOf is the last sweep of a vantage between the two points in time.
func (w *differing) lastOf(ctx context.Context, vantage string) (*sweepRow, error) {
	if last, known := w.last[vantage]; known {
		return last, nil
	}
	rows, err := w.sweeps(ctx, `WHERE s.vantage = (SELECT id FROM vantage WHERE name = ?) AND (s.started > ? AND s.started <= ? OR s.started = ?)
		ORDER BY s.started DESC, s.scan DESC LIMIT 1`, vantage, micros(w.from), micros(w.to), micros(w.to))
	if err != nil {
		return nil, err
	}
	w.last[vantage] = nil
	if len(rows) > 0 {
		w.last[vantage] = &rows[0]
	}
	return w.last[vantage], nil
}

// notRescanned says why it is not known whether an exposure is still open.
func notRescanned(e Exposure, last *sweepRow, fate func(Endpoint) exposure.State) string {
	if last == nil {
		return "no sweep from " + e.Vantage.Name + " since"
	}
	state, unfinished := fate(e.Endpoint), last.Status != exposure.Complete
	heardNothing := deaf(exposure.Coverage{Planned: last.Planned, Outcomes: last.Outcomes})
	switch state {
	case exposure.Closed, exposure.Silent, matrix.NoAnswer:
		word := string(state)
		if state == matrix.NoAnswer {
			word = "no answer"
		}
		switch {
		case unfinished:
			return word + ", but the sweep did not finish (" + string(last.Status) + ")"
		case heardNothing:
			return word + ", and so was all that it asked: put an address into the targets that must answer there"
		case e.Transport == exposure.UDP:
			return word + " once; over UDP two complete sweeps in a row are wanted"
		case state != exposure.Closed:
			return word + " once; without a refusal two complete sweeps in a row are wanted"
		default:
			return word + ", but a sweep that had not ended yet saw it: which asked last is not known"
		}
	case exposure.NotScanned:
		return "not scanned: the sweep did not finish (" + string(last.Status) + ")"
	case exposure.LocalError:
		return "not asked: sending failed on the sweeping machine itself"
	case matrix.NotInPlan:
		return "not in the plan of the last sweep"
	}
	if unfinished {
		return "the sweep did not finish (" + string(last.Status) + ")"
	}
	return "the last report does not say what became of it"
}
