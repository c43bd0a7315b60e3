package history

import (
	"context"
	"database/sql"
	"strings"
	"time"
)

// Unasked counts what is open as far as is known, and was not definitively asked
// by the newest sweep of its vantage.
type Unasked struct {
	Vantage string
	Count   int
	Since   time.Time // when the one of them that was not asked longest was asked last
}

// casesAtATime bounds how many vantages one look at the exposures compares.
const casesAtATime = 16

// Unasked counts them for each vantage that has some. It looks at every exposure:
// too much to ask for each page anew.
func (s *Store) Unasked(ctx context.Context) (list []Unasked, err error) {
	err = s.view(ctx, "not rescanned", func(tx reading) error {
		type vantage struct {
			id, newest int64
			name       string
		}
		var all []vantage
		err := tx.rows(ctx, `SELECT v.id, v.name, coalesce((SELECT max(started) FROM sweep INDEXED BY sweep_in_order WHERE sweep.vantage = v.id), 0)
			FROM vantage v ORDER BY v.id LIMIT ?`, []any{maxVantages}, func(rows *sql.Rows) error {
			var v vantage
			err := rows.Scan(&v.id, &v.name, &v.newest)
			all = append(all, v)
			return err
		})
		if err != nil {
			return err
		}
		for len(all) > 0 {
			some := all[:min(casesAtATime, len(all))]
			all = all[len(some):]
			names, args := map[int64]string{}, []any{}
			for _, v := range some {
				names[v.id], args = v.name, append(args, v.id, v.newest)
			}
			// Times beside the query, and the table in its own order: looking up the
			// one or leaping through the other takes ten times as long.
			err := tx.rows(ctx, `SELECT e.vantage, count(*), min(e.last_asked) FROM exposure e NOT INDEXED
				WHERE e.open = 1 AND e.last_asked < CASE e.vantage`+strings.Repeat(" WHEN ? THEN ?", len(some))+` ELSE 0 END
				GROUP BY e.vantage ORDER BY e.vantage`, args, func(rows *sql.Rows) error {
				var id, since int64
				var u Unasked
				err := rows.Scan(&id, &u.Count, &since)
				u.Vantage, u.Since = names[id], moment(since)
				list = append(list, u)
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return list, err
}
