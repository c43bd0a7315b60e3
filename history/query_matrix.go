package history

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/memsweep/memsweep/exposure"
)

// Matrix lists endpoints that the filter picks at one vantage at least, with what
// is known of each from every vantage.
func (s *Store) Matrix(ctx context.Context, f Filter, p Page) (m Matrix, next string, err error) {
	m = Matrix{Rows: []MatrixRow{}}
	after, err := p.after(listExposures)
	if err != nil {
		return m, "", fmt.Errorf("history matrix: %w", err)
	}
	err = s.view(ctx, "matrix", func(tx reading) error {
		var columns []int64
		if m.Vantages, columns, err = tx.vantages(ctx); err != nil {
			return err
		}
		first, err := f.firsts(ctx, tx, after, p.limit()+1)
		if err != nil {
			return err
		}
		if len(first) > p.limit() {
			first = first[:p.limit()]
			next = first[len(first)-1].place().cursor(listExposures)
		}
		m.Rows, err = tx.matrixRows(ctx, first, columns)
		return err
	})
	if m.Vantages == nil {
		m.Vantages = []exposure.Vantage{}
	}
	return m, next, err
}

// firsts lists exposures in order, of each endpoint only the first that the
// filter picks, which stands for it.
func (f Filter) firsts(ctx context.Context, tx reading, after *place, limit int) (list []urgent, err error) {
	for len(list) < limit {
		order, err := f.inOrder(ctx, tx, after, 2*limit)
		if err != nil {
			return nil, err
		}
		leaders, err := f.leaders(ctx, tx, order)
		if err != nil {
			return nil, err
		}
		for _, u := range order {
			if leaders[u.id] {
				list = append(list, u)
			}
		}
		if len(order) < 2*limit {
			break
		}
		last := order[len(order)-1].place()
		after = &last
	}
	return list[:min(limit, len(list))], nil
}

// leaders says which of those come before all others of the same endpoint that
// the filter picks.
func (f Filter) leaders(ctx context.Context, tx reading, order []urgent) (map[int64]bool, error) {
	opens, err := f.opens()
	if err != nil {
		return nil, err
	}
	demanded, err := f.of()
	if err != nil {
		return nil, err
	}
	least, most := f.urgencies()
	ids := make([]int64, len(order))
	for i, u := range order {
		ids[i] = u.id
	}
	c := condition{"e.urgency BETWEEN ? AND ?", []any{least, most}}
	if len(opens) == 1 {
		c.and("e.open = ?", opens[0])
	}
	c.and(demanded.or1(), demanded.args...)
	leading, err := tx.numbers(ctx, `SELECT mine.id FROM json_each(?) j CROSS JOIN exposure mine ON mine.id = j.value
		WHERE NOT EXISTS (SELECT 1 FROM exposure e INDEXED BY exposure_by_address
			WHERE e.ip = mine.ip AND e.port = mine.port AND e.transport = mine.transport AND e.id <> mine.id AND `+c.text+`
			AND (e.urgency > mine.urgency OR e.urgency = mine.urgency AND (e.since < mine.since OR e.since = mine.since AND e.id < mine.id)))`,
		append([]any{idList(ids)}, c.args...)...)
	leaders := make(map[int64]bool, len(leading))
	for _, id := range leading {
		leaders[id] = true
	}
	return leaders, err
}

// matrixRows fills in what every vantage knows of the endpoints that first stand for.
func (tx reading) matrixRows(ctx context.Context, first []urgent, columns []int64) ([]MatrixRow, error) {
	rowOf := make(map[int64]int, len(first)) // by exposure
	ids := make([]int64, len(first))
	for i, u := range first {
		ids[i], rowOf[u.id] = u.id, i
	}
	type cell struct {
		id          int64
		row, column int
	}
	var cells []cell
	err := tx.rows(ctx, `SELECT j.value, e.id, e.vantage FROM json_each(?) j CROSS JOIN exposure mine ON mine.id = j.value
		CROSS JOIN exposure e INDEXED BY exposure_by_address ON e.ip = mine.ip AND e.port = mine.port AND e.transport = mine.transport`,
		[]any{idList(ids)}, func(rows *sql.Rows) error {
			var mine, id, vantage int64
			err := rows.Scan(&mine, &id, &vantage)
			if column := slices.Index(columns, vantage); column >= 0 {
				cells = append(cells, cell{id, rowOf[mine], column})
			}
			return err
		})
	if err != nil {
		return nil, err
	}
	all := make([]int64, len(cells))
	for i, c := range cells {
		all[i] = c.id
	}
	found, err := tx.exposuresByID(ctx, all)
	if err != nil {
		return nil, err
	}
	list := make([]MatrixRow, len(first))
	for i := range list {
		list[i].Cells = make([]*Exposure, len(columns))
	}
	for _, c := range cells {
		e, row := found[c.id], &list[c.row]
		row.Cells[c.column] = &e
		row.Endpoint = e.Endpoint
		row.Names = append(row.Names, e.Names...)
	}
	for i := range list {
		slices.Sort(list[i].Names)
		list[i].Names = slices.Compact(list[i].Names)
	}
	return list, nil
}
