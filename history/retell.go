package history

import (
	"cmp"
	"database/sql"
	"slices"
)

// eventKey is what makes an event the same one after its exposure was folded
// again: it may have been told already, and keeps its ID.
type eventKey struct {
	exposure, sweep int64
	kind            string
}

// toldEvent is an event as its row has it.
type toldEvent struct {
	id             int64
	at             int64
	again          bool
	severity       int
	was, now       sql.NullInt64
	wasBAF, nowBAF sql.NullFloat64
}

// retell makes the events of what was folded again those that there should be,
// and returns how many are new. Those that stay keep their IDs.
func (w *writing) retell(f *folding, sweep int64) (added int, err error) {
	type fresh struct {
		order  int
		values []any
	}
	var list []fresh
	order := map[int64]int{}
	for i, s := range f.sweeps {
		order[s.id] = i
	}
	for _, x := range f.lives {
		if !x.life.Exists() {
			continue // its events went with it
		}
		had, err := w.eventsOf(x.id)
		if err != nil {
			return 0, err
		}
		for _, e := range x.events {
			values, err := w.eventValues(e.sweep.started, x.id, e.sweep.id, e.Event)
			if err != nil {
				return 0, err
			}
			key := eventKey{x.id, e.sweep.id, string(e.Kind)}
			old, ok := had[key]
			if !ok {
				list = append(list, fresh{order[e.sweep.id], values})
				continue
			}
			delete(had, key)
			if old.matches(values) {
				continue
			}
			if err := w.exec("UPDATE event SET at = ?, again = ?, severity = ?, was = ?, now = ?, was_baf = ?, now_baf = ? WHERE id = ?",
				values[0], values[4], values[5], values[6], values[7], values[8], values[9], old.id); err != nil {
				return 0, err
			}
		}
		for _, old := range had {
			if err := w.exec("DELETE FROM event WHERE id = ?", old.id); err != nil {
				return 0, err
			}
		}
	}
	slices.SortStableFunc(list, func(a, b fresh) int { return cmp.Compare(a.order, b.order) })
	events := w.batch(eventInsert, eventWidth)
	for _, e := range list {
		if err := events.add(e.values...); err != nil {
			return 0, err
		}
	}
	return len(list), events.flush()
}

func (w *writing) eventsOf(exposure int64) (map[eventKey]toldEvent, error) {
	had := map[eventKey]toldEvent{}
	err := w.rows("SELECT id, at, kind, sweep, again, severity, was, now, was_baf, now_baf FROM event WHERE exposure = ?", []any{exposure}, func(rows *sql.Rows) error {
		var e toldEvent
		key := eventKey{exposure: exposure}
		err := rows.Scan(&e.id, &e.at, &key.kind, &key.sweep, &e.again, &e.severity, &e.was, &e.now, &e.wasBAF, &e.nowBAF)
		had[key] = e
		return err
	})
	return had, err
}

// matches reports whether an event says what eventValues has.
func (e *toldEvent) matches(values []any) bool {
	integer := func(n sql.NullInt64) any {
		if !n.Valid {
			return nil
		}
		return n.Int64
	}
	number := func(n sql.NullFloat64) any {
		if !n.Valid {
			return nil
		}
		return n.Float64
	}
	return values[0] == e.at && values[4] == e.again && values[5] == e.severity && values[6] == integer(e.was) && values[7] == integer(e.now) &&
		values[8] == number(e.wasBAF) && values[9] == number(e.nowBAF)
}
