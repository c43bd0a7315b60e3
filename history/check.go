package history

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history/life"
)

// maxProblems bounds what Check lists.
const maxProblems = 100

// Check looks for damage: SQLite's own integrity and foreign keys, and that each
// life is what its sweeps fold to. It yields one line a problem.
func (s *Store) Check(ctx context.Context) (problems []string, err error) {
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("history check: %w", err)
	}
	defer tx.Rollback() // nothing was written
	c := &checking{writing: &writing{Tx: tx, ctx: ctx}}
	c.details = &details{w: c.writing, byID: map[int64]*knownDetail{}, ids: map[detailKey]int64{}}
	for _, look := range []func() error{c.integrity, c.keys, c.orphans, c.vantages} {
		if err := look(); err != nil {
			return c.problems, fmt.Errorf("history check: %w", err)
		}
		if len(c.problems) > 0 {
			break // what follows relies on it
		}
	}
	return c.problems, nil
}

// checking looks at one state of the file; it only reads.
type checking struct {
	*writing
	problems []string
}

func (c *checking) complain(format string, args ...any) {
	if len(c.problems) < maxProblems {
		c.problems = append(c.problems, fmt.Sprintf(format, args...))
	}
}

func (c *checking) integrity() error {
	return c.rows("PRAGMA integrity_check", nil, func(rows *sql.Rows) error {
		var line string
		err := rows.Scan(&line)
		if line != "ok" {
			c.complain("%s", line)
		}
		return err
	})
}

func (c *checking) keys() error {
	return c.rows("PRAGMA foreign_key_check", nil, func(rows *sql.Rows) error {
		var table, parent string
		var row, key sql.NullInt64
		err := rows.Scan(&table, &row, &parent, &key)
		c.complain("%s: row %d points to a row of %s that is not there", table, row.Int64, parent)
		return err
	})
}

// orphans holds against one another what no foreign key does.
func (c *checking) orphans() error {
	for text, query := range map[string]string{
		"%d observations are of exposures that are not there":                 "SELECT count(*) FROM observation WHERE exposure NOT IN (SELECT id FROM exposure)",
		"%d observations are of details that are not there":                   "SELECT count(*) FROM observation WHERE detail NOT IN (SELECT id FROM detail)",
		"%d findings belong to no exposure":                                   "SELECT count(*) FROM finding WHERE id NOT IN (SELECT finding FROM exposure WHERE finding IS NOT NULL)",
		"%d exposures do not say what their details do":                       "SELECT count(*) FROM exposure e JOIN detail d ON d.id = e.detail WHERE e.severity <> d.severity OR e.verdict <> d.verdict OR e.owner <> d.owner OR e.urgency / 1000000 <> d.severity",
		"%d exposures are open and fixed, or neither":                         "SELECT count(*) FROM exposure WHERE open <> (fixed IS NULL)",
		"%d vantages, exposures and sweeps are of several vantages at a time": "SELECT count(*) FROM observation o JOIN sweep s ON s.id = o.sweep JOIN exposure e ON e.id = o.exposure WHERE s.vantage <> e.vantage",
	} {
		var n int
		if err := c.ask(query, nil, &n); err != nil {
			return err
		}
		if n > 0 {
			c.complain(text, n)
		}
	}
	return nil
}

// vantages folds every life again.
func (c *checking) vantages() error {
	var ids []int64
	err := c.rows("SELECT id FROM vantage ORDER BY id", nil, func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := c.vantage(id); err != nil {
			return err
		}
	}
	return nil
}

func (c *checking) vantage(id int64) error {
	f, err := c.everyLife(id)
	if err != nil {
		return err
	}
	for i := range f.sweeps {
		s := &f.sweeps[i]
		if err := f.step(s, nil, false, false); err != nil {
			return err
		}
		if err := c.tally(f, s); err != nil {
			return err
		}
	}
	for _, x := range f.lives {
		if err := c.life(x); err != nil {
			return err
		}
	}
	return nil
}

func (c *checking) tally(f *folding, s *foldedSweep) error {
	want, have := map[int]int{}, map[int]int{}
	for _, x := range f.lives {
		countOpen(want, &x.life, 1)
	}
	err := c.rows("SELECT severity, open FROM tally WHERE sweep = ?", []any{s.id}, func(rows *sql.Rows) error {
		var severity, open int
		err := rows.Scan(&severity, &open)
		have[severity] = open
		return err
	})
	if err == nil && !maps.Equal(want, have) {
		c.complain("sweep %s: it left open %v by severity, and its tally says %v", exposure.Escape(s.scan), want, have)
	}
	return err
}

// life holds one exposure against what its sweeps fold to.
func (c *checking) life(x *folded) error {
	name := fmt.Sprintf("exposure %d (%s %s:%d)", x.id, x.at.transport(), x.at.addr(), x.at.port)
	have, err := c.details.life(&x.row)
	if err != nil {
		return err
	}
	if a, b := lifeText(&have), lifeText(&x.life); a != b {
		c.complain("%s: its life is %s, and its sweeps fold to %s", name, a, b)
	}
	intervals, err := c.intervals(x.id)
	if err != nil {
		return err
	}
	if !slices.EqualFunc(intervals, x.intervals, sameInterval) {
		c.complain("%s: its intervals are others than its sweeps fold to", name)
	}
	events, err := c.eventsOf(x.id)
	if err != nil {
		return err
	}
	for _, e := range x.events {
		key := eventKey{x.id, e.sweep.id, string(e.Kind)}
		told, ok := events[key]
		delete(events, key)
		switch {
		case !ok:
			c.complain("%s: sweep %s showed it %s, and there is no such event", name, exposure.Escape(e.sweep.scan), e.Kind)
		case told.at != e.sweep.started || told.again != e.Again || told.severity != rank(e.Severity):
			c.complain("%s: event %d says something else than sweep %s showed", name, told.id, exposure.Escape(e.sweep.scan))
		}
	}
	for key, e := range events {
		c.complain("%s: no sweep showed event %d (%s)", name, e.id, key.kind)
	}
	return nil
}

// lifeText is a life in a form that can be compared and read.
func lifeText(l *life.Life) string {
	baf := func(f *float64) float64 {
		if f == nil {
			return -1
		}
		return *f
	}
	return fmt.Sprintf("%d–%d until %d asked %d since %d fixed %d misses %d as %x×%g, told %x×%g", micros(l.First), micros(l.Last), microsOrZero(l.Until), micros(l.Asked), micros(l.Since), microsOrZero(l.Fixed), l.Misses,
		detailDigest(l.Seen.Detail)[:4], baf(l.Seen.BAF), detailDigest(l.Told.Detail)[:4], baf(l.Told.BAF))
}
