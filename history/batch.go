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

// batchValues bounds the values of one statement: the driver looks for each of
// them among all.
const batchValues = 48

func (w *writing) batch(head string, width int) *batch { return &batch{w: w, head: head, width: width} }

func (b *batch) rows() int { return max(1, batchValues/b.width) }

// add holds a row until there are enough.
func (b *batch) add(row ...any) error {
	b.args = append(b.args, row...)
	if len(b.args) < b.rows()*b.width {
		return nil
	}
	if b.full == nil {
		var err error
		if b.full, err = b.w.PrepareContext(b.w.ctx, b.text(b.rows())); err != nil {
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
