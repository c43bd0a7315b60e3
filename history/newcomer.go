package history

import (
	"database/sql"
	"fmt"

	"github.com/klauspost/compress/s2"

	"github.com/memsweep/memsweep/history/life"
)

// newcomer is a report on its way into the history, and the exposures of its
// vantage as they were before.
type newcomer struct {
	w       *writing
	r       *Recorder
	sweep   int64 // its row
	vantage int64
	scan    string
	started int64
	ended   int64 // 0: not known
	fates   fates

	rows []row        // in the order of their IDs
	at   map[spot]int // where they are in rows
	next int64        // the next ID of an exposure

	details []int64       // the rows of the report's details
	bodies  map[int]int64 // the rows of the report's findings that were written
	gone    []int64       // rows of findings that nobody may point to any more
}

// row is an exposure as its row has it.
type row struct {
	id, finding               int64 // finding 0: none
	at                        spot
	first, last, asked, since int64
	until                     int64 // see schema2.sql
	fixed                     int64 // 0: it is open
	misses                    int
	detail, told              int64
	baf, toldBAF              *float64
	names                     string
	seen                      bool // by the report
}

func (x *row) open() bool { return x.fixed == 0 }

const rowColumns = `id, ip, transport = 'udp', port, first_seen, last_seen, last_asked, seen_until, since, coalesce(fixed, 0), misses,
	detail, baf, coalesce(told, detail), told_baf, coalesce(finding, 0), names`

func readRow(rows *sql.Rows) (x row, err error) {
	var ip sql.RawBytes
	if err := rows.Scan(&x.id, &ip, &x.at.udp, &x.at.port, &x.first, &x.last, &x.asked, &x.until, &x.since, &x.fixed, &x.misses,
		&x.detail, &x.baf, &x.told, &x.toldBAF, &x.finding, &x.names); err != nil {
		return x, err
	}
	if len(ip) != len(x.at.ip) {
		return x, fmt.Errorf("exposure %d has an address of %d bytes: the file is damaged", x.id, len(ip))
	}
	copy(x.at.ip[:], ip)
	if x.names == noNames {
		x.names = noNames // one copy of it, not one a row
	}
	return x, nil
}

// noNames is the column names of an exposure without any.
const noNames = "[]"

// life is the row as package life knows it.
func (d *details) life(x *row) (l life.Life, err error) {
	if l.Seen, err = d.seen(x.detail, x.baf); err != nil {
		return l, err
	}
	if l.Told, err = d.seen(x.told, x.toldBAF); err != nil {
		return l, err
	}
	l.First, l.Last, l.Asked, l.Since, l.Misses = moment(x.first), moment(x.last), moment(x.asked), moment(x.since), x.misses
	l.Until, l.Fixed = momentOrZero(x.until), momentOrZero(x.fixed)
	return l, nil
}

// take makes x what l is.
func (d *details) take(x *row, l *life.Life) (err error) {
	if x.detail, err = d.id(l.Seen.Detail); err != nil {
		return err
	}
	if x.told, err = d.id(l.Told.Detail); err != nil {
		return err
	}
	x.baf, x.toldBAF = l.Seen.BAF, l.Told.BAF
	x.first, x.last, x.asked, x.since, x.misses, x.fixed = micros(l.First), micros(l.Last), micros(l.Asked), micros(l.Since), l.Misses, microsOrZero(l.Fixed)
	x.until = microsOrZero(l.Until)
	return nil
}

// load reads the exposures of the vantage, and finds the report's details.
func (n *newcomer) load() error {
	n.at, n.bodies = map[spot]int{}, map[int]int64{}
	err := n.w.rows("SELECT "+rowColumns+" FROM exposure WHERE vantage = ? ORDER BY id", []any{n.vantage}, func(rows *sql.Rows) error {
		x, err := readRow(rows)
		n.at[x.at] = len(n.rows)
		n.rows = append(n.rows, x)
		return err
	})
	if err != nil {
		return err
	}
	if err := n.w.ask("SELECT coalesce(max(id), 0) + 1 FROM exposure", nil, &n.next); err != nil {
		return err
	}
	for _, d := range n.r.details {
		id, err := n.w.details.id(d)
		if err != nil {
			return err
		}
		n.details = append(n.details, id)
	}
	return nil
}

// body is the row of one of the report's findings, written when it is not there.
func (n *newcomer) body(finding int) (int64, error) {
	if id, ok := n.bodies[finding]; ok {
		return id, nil
	}
	line, err := n.r.bodies.get(finding)
	if err != nil {
		return 0, err
	}
	result, err := n.w.ExecContext(n.w.ctx, "INSERT INTO finding (sweep, body) VALUES (?, ?)", n.sweep, s2.EncodeBetter(nil, line))
	if err != nil {
		return 0, err
	}
	id, err := result.LastInsertId()
	n.bodies[finding] = id
	return id, err
}

// clean removes the findings that nobody points to any more.
func (w *writing) clean(gone []int64) error {
	if len(gone) == 0 {
		return nil
	}
	del, err := w.PrepareContext(w.ctx, "DELETE FROM finding WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM exposure WHERE finding = ?1)")
	if err != nil {
		return err
	}
	defer del.Close()
	for _, id := range gone {
		if _, err := del.ExecContext(w.ctx, id); err != nil {
			return err
		}
	}
	return nil
}
