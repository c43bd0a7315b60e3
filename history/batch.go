package history

import (
	"database/sql"
	"strings"
)

// batch inserts rows many at a time: a call costs more than a row.
type batch struct {
	w     *writing
	head  string // "INSERT INTO t (a, b) VALUES "
	width int    // columns
	args  []any
	full  *sql.Stmt
}

// batchRows is how many rows are inserted by one statement.
const batchRows = 100

func (w *writing) batch(head string, width int) *batch { return &batch{w: w, head: head, width: width} }

// add holds a row until there are enough.
func (b *batch) add(row ...any) error {
	b.args = append(b.args, row...)
	if len(b.args) < batchRows*b.width {
		return nil
	}
	if b.full == nil {
		var err error
		if b.full, err = b.w.PrepareContext(b.w.ctx, b.text(batchRows)); err != nil {
			return err
		}
	}
	_, err := b.full.ExecContext(b.w.ctx, b.args...)
	b.args = b.args[:0]
	return err
}

// flush writes what is left.
func (b *batch) flush() error {
	if b.full != nil {
		defer b.full.Close()
	}
	if len(b.args) == 0 {
		return nil
	}
	err := b.w.exec(b.text(len(b.args)/b.width), b.args...)
	b.args = nil
	return err
}

func (b *batch) text(rows int) string {
	row := "(" + strings.Repeat("?,", b.width-1) + "?)"
	return b.head + strings.Repeat(row+",", rows-1) + row
}
