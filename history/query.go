package history

import (
	"context"
	"database/sql"
	"fmt"
)

// reading is one state of the file: what several questions find in it fits
// together, whatever is written meanwhile.
type reading struct{ *sql.Tx }

// view asks several questions of one state of the file.
func (s *Store) view(ctx context.Context, subject string, ask func(reading) error) error {
	tx, err := s.begin(ctx, s.read, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("history %s: %w", subject, err)
	}
	defer tx.Rollback() // nothing was written
	if err := ask(reading{tx}); err != nil {
		return fmt.Errorf("history %s: %w", subject, err)
	}
	return nil
}

// rows calls read for each row.
func (tx reading) rows(ctx context.Context, query string, args []any, read func(*sql.Rows) error) error {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := read(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// numbers reads a column of them.
func (tx reading) numbers(ctx context.Context, query string, args ...any) (list []int64, err error) {
	err = tx.rows(ctx, query, args, func(rows *sql.Rows) error {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return err
		}
		list = append(list, n)
		return nil
	})
	return list, err
}

// texts reads a column of them.
func (tx reading) texts(ctx context.Context, query string, args ...any) (list []string, err error) {
	err = tx.rows(ctx, query, args, func(rows *sql.Rows) error {
		var s string
		if err := rows.Scan(&s); err != nil {
			return err
		}
		list = append(list, s)
		return nil
	})
	return list, err
}
