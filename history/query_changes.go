package history

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/memsweep/memsweep/history/life"
)

// listChanges marks the cursors of Changes.
const listChanges = 'c'

// Changes lists changes, the newest first.
func (s *Store) Changes(ctx context.Context, f ChangeFilter, p Page) (list []Change, next string, err error) {
	after, err := p.after(listChanges)
	if err != nil {
		return nil, "", fmt.Errorf("history changes: %w", err)
	}
	err = s.view(ctx, "changes", func(tx reading) error {
		events, err := f.newest(ctx, tx, after, p.limit()+1)
		if err != nil {
			return err
		}
		if len(events) > p.limit() {
			events = events[:p.limit()]
			last := events[len(events)-1]
			next = place{last.at, last.id}.cursor(listChanges)
		}
		list, err = tx.changes(ctx, events)
		return err
	})
	return list, next, err
}

// newest lists events, the newest first, after a place. Where the filter names
// few exposures, their events are looked at; else the index is walked.
func (f ChangeFilter) newest(ctx context.Context, tx reading, after *place, limit int) ([]eventRow, error) {
	ids, one, err := f.Of.among(ctx, tx)
	if err == nil && !one {
		ids, one, err = f.Of.rare(ctx, tx)
	}
	if err != nil {
		return nil, err
	}
	c, err := f.where(after)
	if err != nil {
		return nil, err
	}
	from := "event INDEXED BY event_in_order"
	if one {
		from = "json_each(?) j CROSS JOIN event INDEXED BY event_of_exposure ON event.exposure = j.value"
		c.args = append([]any{idList(ids)}, c.args...)
	}
	// The IDs first: sorting and walking is done on what the index has.
	order, err := tx.numbers(ctx, "SELECT event.id FROM "+from+" WHERE event.exposure IS NOT NULL AND "+c.text+
		" ORDER BY event.at DESC, event.id DESC LIMIT ?", append(c.args, limit)...)
	if err != nil {
		return nil, err
	}
	return tx.eventRows(ctx, "SELECT "+eventColumns+` FROM json_each(?) j CROSS JOIN event ON event.id = j.value
		ORDER BY event.at DESC, event.id DESC`, idList(order))
}

// rare lists the exposures that the filter picks, when it picks few.
func (f Filter) rare(ctx context.Context, tx reading) (ids []int64, ok bool, err error) {
	if f.Vantage == "" && f.Verdict == "" && f.Transport == "" && f.Owner == "" && len(f.Ranges) == 0 {
		return nil, false, nil
	}
	demanded, err := f.of()
	if err != nil {
		return nil, false, err
	}
	ids, err = tx.numbers(ctx, "SELECT e.id FROM exposure e INDEXED BY exposure_by_urgency WHERE e.open IN (0, 1) AND "+demanded.or1()+" LIMIT ?",
		append(demanded.args, few+1)...)
	return ids, len(ids) <= few, err
}

func (f ChangeFilter) where(after *place) (c condition, err error) {
	c.and("1")
	if !f.Since.IsZero() {
		c.and("event.at >= ?", micros(f.Since))
	}
	if !f.Until.IsZero() {
		c.and("event.at <= ?", micros(f.Until))
	}
	if after != nil {
		c.and("(event.at, event.id) < (?, ?)", after[0], after[1])
	}
	if len(f.Kinds) > 0 {
		var marks []string
		var kinds []any
		for _, k := range f.Kinds {
			marks, kinds = append(marks, "?"), append(kinds, string(k))
		}
		c.and("event.kind IN ("+strings.Join(marks, ", ")+")", kinds...)
	}
	if f.Of.AtLeast != "" {
		c.and("event.severity >= ?", rank(f.Of.AtLeast))
	}
	if f.Of.Only != "" {
		c.and("event.severity = ?", rank(f.Of.Only))
	}
	of, err := f.Of.of()
	if err != nil {
		return c, err
	}
	if of.text != "" {
		c.and("EXISTS (SELECT 1 FROM exposure e WHERE e.id = event.exposure AND "+of.text+")", of.args...)
	}
	return c, nil
}

// eventRow is a row of event.
type eventRow struct {
	id, at         int64
	kind           string
	exposure, run  sql.NullInt64
	scan, job      sql.NullString // of the sweep
	again          bool
	severity       sql.NullInt64
	was, now       sql.NullInt64
	wasBAF, nowBAF *float64
}

const eventColumns = `event.id, event.at, event.kind, event.exposure, event.run,
	(SELECT scan FROM sweep WHERE sweep.id = event.sweep), (SELECT job FROM sweep WHERE sweep.id = event.sweep), event.again, event.severity, event.was, event.now, event.was_baf, event.now_baf`

func (tx reading) eventRows(ctx context.Context, query string, args ...any) (list []eventRow, err error) {
	err = tx.rows(ctx, query, args, func(rows *sql.Rows) error {
		var e eventRow
		err := rows.Scan(&e.id, &e.at, &e.kind, &e.exposure, &e.run, &e.scan, &e.job, &e.again, &e.severity, &e.was, &e.now, &e.wasBAF, &e.nowBAF)
		list = append(list, e)
		return err
	})
	return list, err
}

// changes makes changes of events, in their order; those of runs are left out.
func (tx reading) changes(ctx context.Context, events []eventRow) ([]Change, error) {
	var ids []int64
	named := map[int64]int64{} // two keys an event
	for i, e := range events {
		if e.exposure.Valid {
			ids = append(ids, e.exposure.Int64)
		}
		if e.was.Valid {
			named[int64(2*i)] = e.was.Int64
		}
		if e.now.Valid {
			named[int64(2*i+1)] = e.now.Int64
		}
	}
	exposures, err := tx.exposuresByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	details, err := tx.details(ctx, named)
	if err != nil {
		return nil, err
	}
	seen := func(detail sql.NullInt64, baf *float64) *life.Seen {
		if !detail.Valid {
			return nil
		}
		return &life.Seen{Detail: details[detail.Int64], BAF: baf}
	}
	list := make([]Change, 0, len(events))
	for _, e := range events {
		if !e.exposure.Valid {
			continue
		}
		c := Change{
			ID: e.id, At: moment(e.at), Kind: life.Kind(e.kind), Again: e.again, Scan: e.scan.String, Job: e.job.String,
			Exposure: exposures[e.exposure.Int64], Was: seen(e.was, e.wasBAF), Now: seen(e.now, e.nowBAF),
			Severity: severityOf(int(e.severity.Int64)),
		}
		c.Details = life.Differences(c.Was, c.Now)
		list = append(list, c)
	}
	return list, nil
}

// Events lists what became known after the event of that ID, in order; at most
// limit.
func (s *Store) Events(ctx context.Context, after int64, limit int) (list []Event, err error) {
	limit = Page{Limit: limit}.limit()
	err = s.view(ctx, "events", func(tx reading) error {
		list, err = tx.eventsAfter(ctx, after, limit)
		return err
	})
	return list, err
}

// eventsAfter is Events within a view.
func (tx reading) eventsAfter(ctx context.Context, after int64, limit int) ([]Event, error) {
	rows, err := tx.eventRows(ctx, "SELECT "+eventColumns+" FROM event WHERE event.id > ? ORDER BY event.id LIMIT ?", after, limit)
	if err != nil {
		return nil, err
	}
	changes, err := tx.changes(ctx, rows)
	if err != nil {
		return nil, err
	}
	list := make([]Event, 0, len(rows))
	for _, e := range rows {
		if e.exposure.Valid {
			list = append(list, Event{ID: e.id, Change: &changes[0]})
			changes = changes[1:]
			continue
		}
		run, err := tx.runByID(ctx, e.run.Int64)
		if err != nil {
			return nil, err
		}
		list = append(list, Event{ID: e.id, Run: &run})
	}
	return list, nil
}
