package history

import (
	"context"
	"database/sql"
	"time"
)

// Unasked counts what is open as far as is known, and was not definitively asked
// by the newest sweep of its vantage.
type Unasked struct {
	Vantage string
	Count   int
	Since   time.Time // when the one of them that was not asked longest was asked last
}

// Unasked counts them for each vantage that has some. It looks at every open
// exposure: too much to ask for each page anew.
func (s *Store) Unasked(ctx context.Context) (list []Unasked, err error) {
	err = s.view(ctx, "not rescanned", func(tx reading) error {
		return tx.rows(ctx, `SELECT v.name, count(*), min(e.last_asked) FROM vantage v
			JOIN exposure e ON e.vantage = v.id AND e.open = 1 AND e.last_asked < (SELECT max(started) FROM sweep WHERE vantage = v.id)
			GROUP BY v.id ORDER BY v.id LIMIT ?`, []any{maxVantages}, func(rows *sql.Rows) error {
			var u Unasked
			var since int64
			if err := rows.Scan(&u.Vantage, &u.Count, &since); err != nil {
				return err
			}
			u.Since = moment(since)
			list = append(list, u)
			return nil
		})
	})
	return list, err
}
