package history

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history/life"
)

// listExposures marks the cursors of Exposures and of Matrix.
const listExposures = 'e'

// urgent is the place of an exposure in the order of what to fix first.
type urgent struct{ urgency, since, id int64 }

func (u urgent) compare(v urgent) int {
	return cmp.Or(cmp.Compare(v.urgency, u.urgency), cmp.Compare(u.since, v.since), cmp.Compare(u.id, v.id))
}

func (u urgent) place() place { return place{u.urgency, u.since, u.id} }

// Exposures lists what the filter picks, what to fix first first: by urgency,
// then the oldest. next is for Page.After, "" at the end.
func (s *Store) Exposures(ctx context.Context, f Filter, p Page) (list []Exposure, next string, err error) {
	after, err := p.after(listExposures)
	if err != nil {
		return nil, "", fmt.Errorf("history exposures: %w", err)
	}
	err = s.view(ctx, "exposures", func(tx reading) error {
		order, err := f.inOrder(ctx, tx, after, p.limit()+1)
		if err != nil {
			return err
		}
		if len(order) > p.limit() {
			order = order[:p.limit()]
			next = order[len(order)-1].place().cursor(listExposures)
		}
		list, err = tx.exposures(ctx, order)
		return err
	})
	return list, next, err
}

// Count counts what the filter picks.
func (s *Store) Count(ctx context.Context, f Filter) (n int, err error) {
	opens, err := f.opens()
	if err != nil {
		return 0, fmt.Errorf("history count: %w", err)
	}
	err = s.view(ctx, "count", func(tx reading) error {
		ids, one, err := f.among(ctx, tx)
		if err != nil {
			return err
		}
		for _, open := range opens {
			c, err := f.of()
			if err != nil {
				return err
			}
			least, most := f.urgencies()
			c.and("e.open = ? AND e.urgency BETWEEN ? AND ?", open, least, most)
			from := "exposure e INDEXED BY exposure_by_urgency"
			if one {
				from = "json_each(?) j CROSS JOIN exposure e ON e.id = j.value"
				c.args = append([]any{idList(ids)}, c.args...)
			}
			var part int
			if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM "+from+" WHERE "+c.text, c.args...).Scan(&part); err != nil {
				return err
			}
			n += part
		}
		return nil
	})
	return n, err
}

// inOrder lists the first limit that the filter picks, after a place, in order.
func (f Filter) inOrder(ctx context.Context, tx reading, after *place, limit int) (order []urgent, err error) {
	opens, err := f.opens()
	if err != nil {
		return nil, err
	}
	ids, one, err := f.among(ctx, tx)
	if err != nil {
		return nil, err
	}
	for _, open := range opens {
		var part []urgent
		if one {
			part, err = f.sorted(ctx, tx, ids, open, after, limit)
		} else {
			part, err = f.walked(ctx, tx, open, after, limit)
		}
		if err != nil {
			return nil, err
		}
		order = append(order, part...)
	}
	if len(opens) > 1 {
		slices.SortFunc(order, urgent.compare)
		order = order[:min(limit, len(order))]
	}
	return order, nil
}

// walked walks the index, which is in order: first what is just as urgent as the
// place, then the rest. Each stretch is one search and no row too many.
func (f Filter) walked(ctx context.Context, tx reading, open int, after *place, limit int) (order []urgent, err error) {
	least, most := f.urgencies()
	stretches := []condition{{"e.urgency BETWEEN ? AND ?", []any{least, most}}}
	if after != nil {
		stretches = []condition{
			{"e.urgency = ? AND e.since = ? AND e.id > ?", []any{after[0], after[1], after[2]}},
			{"e.urgency = ? AND e.since > ?", []any{after[0], after[1]}},
			{"e.urgency BETWEEN ? AND ?", []any{least, min(most, after[0]-1)}},
		}
	}
	demanded, err := f.of()
	if err != nil {
		return nil, err
	}
	for _, stretch := range stretches {
		if len(order) == limit {
			break
		}
		c := condition{"e.open = ?", []any{open}}
		c.and(stretch.text, stretch.args...)
		c.and(demanded.or1(), demanded.args...)
		more, err := tx.urgents(ctx, "SELECT e.urgency, e.since, e.id FROM exposure e INDEXED BY exposure_by_urgency WHERE "+c.text+
			" ORDER BY e.urgency DESC, e.since, e.id LIMIT ?", append(c.args, limit-len(order)))
		if err != nil {
			return nil, err
		}
		order = append(order, more...)
	}
	return order, nil
}

// sorted looks at a few one by one.
func (f Filter) sorted(ctx context.Context, tx reading, ids []int64, open int, after *place, limit int) ([]urgent, error) {
	least, most := f.urgencies()
	c := condition{"e.open = ? AND e.urgency BETWEEN ? AND ?", []any{idList(ids), open, least, most}}
	if after != nil {
		c.and("(e.urgency < ? OR e.urgency = ? AND (e.since > ? OR e.since = ? AND e.id > ?))",
			after[0], after[0], after[1], after[1], after[2])
	}
	demanded, err := f.of()
	if err != nil {
		return nil, err
	}
	c.and(demanded.or1(), demanded.args...)
	return tx.urgents(ctx, "SELECT e.urgency, e.since, e.id FROM json_each(?) j CROSS JOIN exposure e ON e.id = j.value WHERE "+c.text+
		" ORDER BY e.urgency DESC, e.since, e.id LIMIT ?", append(c.args, limit))
}

func (tx reading) urgents(ctx context.Context, query string, args []any) (order []urgent, err error) {
	err = tx.rows(ctx, query, args, func(rows *sql.Rows) error {
		var u urgent
		if err := rows.Scan(&u.urgency, &u.since, &u.id); err != nil {
			return err
		}
		order = append(order, u)
		return nil
	})
	return order, err
}

// exposures reads those, in their order.
func (tx reading) exposures(ctx context.Context, order []urgent) ([]Exposure, error) {
	ids := make([]int64, len(order))
	for i, u := range order {
		ids[i] = u.id
	}
	found, err := tx.exposuresByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	list := make([]Exposure, 0, len(order))
	for _, id := range ids {
		if e, ok := found[id]; ok {
			list = append(list, e)
		}
	}
	return list, nil
}

const exposureColumns = `e.id, e.ip, e.transport, e.port, e.names, v.name, v.trust, e.open, e.misses,
	e.first_seen, e.last_seen, e.last_asked, e.since, e.fixed, e.baf, e.detail`

func (tx reading) exposuresByID(ctx context.Context, ids []int64) (map[int64]Exposure, error) {
	found, details := make(map[int64]Exposure, len(ids)), make(map[int64]int64, len(ids))
	err := tx.rows(ctx, "SELECT "+exposureColumns+` FROM json_each(?) j CROSS JOIN exposure e ON e.id = j.value
		JOIN vantage v ON v.id = e.vantage`, []any{idList(ids)}, func(rows *sql.Rows) error {
		e, detail, err := exposureOf(rows)
		found[e.ID], details[e.ID] = e, detail
		return err
	})
	if err != nil {
		return nil, err
	}
	seen, err := tx.details(ctx, details)
	if err != nil {
		return nil, err
	}
	for id, e := range found {
		e.Detail = seen[details[id]]
		found[id] = e
	}
	return found, nil
}

// exposureOf reads a row of exposureColumns, all but its detail.
func exposureOf(rows *sql.Rows) (e Exposure, detail int64, err error) {
	var ip []byte
	var names, transport, trust string
	var first, last, asked, since int64
	var fixed sql.NullInt64
	if err = rows.Scan(&e.ID, &ip, &transport, &e.Port, &names, &e.Vantage.Name, &trust, &e.Open, &e.Misses,
		&first, &last, &asked, &since, &fixed, &e.BAF, &detail); err != nil {
		return e, 0, err
	}
	if e.IP, err = addressOf(ip); err != nil {
		return e, 0, err
	}
	if err = json.Unmarshal([]byte(names), &e.Names); err != nil {
		return e, 0, fmt.Errorf("names of exposure %d: %w", e.ID, err)
	}
	e.Transport, e.Vantage.Trust = exposure.Transport(transport), exposure.Trust(trust)
	e.FirstSeen, e.LastSeen, e.LastAsked, e.Since = moment(first), moment(last), moment(asked), moment(since)
	e.Fixed = momentOrNil(fixed)
	return e, detail, nil
}

// details reads those that the values of a map name.
func (tx reading) details(ctx context.Context, named map[int64]int64) (map[int64]life.Detail, error) {
	var ids []int64
	for _, id := range named {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	found := map[int64]life.Detail{}
	err := tx.rows(ctx, `SELECT d.id, d.state, d.verdict, d.severity, d.auth, d.tls, d.service, d.product, d.version, d.justified, d.owner
		FROM json_each(?) j CROSS JOIN detail d ON d.id = j.value`, []any{idList(slices.Compact(ids))}, func(rows *sql.Rows) error {
		var id int64
		var severity int
		var d life.Detail
		err := rows.Scan(&id, &d.State, &d.Verdict, &severity, &d.Auth, &d.TLS, &d.Service, &d.Product, &d.Version, &d.Justified, &d.Owner)
		d.Severity = severityOf(severity)
		found[id] = d
		return err
	})
	return found, err
}
