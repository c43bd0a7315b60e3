package history

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/report"
)

// writing is one step that changes the file: it happens whole or not at all.
type writing struct {
	*sql.Tx
	ctx     context.Context
	details *details
}

// change makes one step of what do does.
func (s *Store) change(ctx context.Context, do func(*writing) error) error {
	tx, err := s.begin(ctx, s.write, nil)
	if err != nil {
		return advise(err)
	}
	defer tx.Rollback() // without effect after Commit
	w := &writing{Tx: tx, ctx: ctx}
	w.details = &details{w: w, byID: map[int64]*knownDetail{}, ids: map[detailKey]int64{}}
	if err := do(w); err != nil {
		return advise(err)
	}
	return tx.Commit()
}

func (w *writing) exec(query string, args ...any) error {
	_, err := w.ExecContext(w.ctx, query, args...)
	return err
}

// ask reads one row.
func (w *writing) ask(query string, args []any, into ...any) error {
	return w.QueryRowContext(w.ctx, query, args...).Scan(into...)
}

// rows calls read for each row.
func (w *writing) rows(query string, args []any, read func(*sql.Rows) error) error {
	return reading{w.Tx}.rows(w.ctx, query, args, read)
}

// storedSweep is a sweep as its row has it.
type storedSweep struct {
	id       int64
	vantage  string
	scan     string
	started  int64
	finished sql.NullInt64
	ended    int64 // see endedBy
	status   exposure.Status
	digest   []byte
}

// take takes in a report that has come to its end.
func (s *Store) take(ctx context.Context, r *Recorder, end report.Summary, digest []byte, now time.Time) error {
	head := r.header.Sweep
	done := Imported{Scan: head.ID, Vantage: head.Vantage.Name, Status: end.Status, Findings: r.findings}
	err := s.change(ctx, func(w *writing) error {
		old, err := w.before(head.ID)
		if err != nil {
			return err
		}
		if old != nil && (bytes.Equal(old.digest, digest) || old.wholeOf(head, end)) {
			done.Again = true
			return w.exec("UPDATE sweep SET job = ? WHERE id = ? AND job IS NULL", nullText(r.job), old.id) // whose it is may be told later
		}
		if old != nil {
			if err := w.replaceable(old, r, end); err != nil {
				return err
			}
			done.Replaced = true
		}
		done.Changes, err = w.add(r, end, digest, old, now)
		return err
	})
	if err != nil {
		return err
	}
	r.imported = done
	return nil
}

// endedBy is when a sweep had ended, at the latest when its report came; 0: it does
// not say.
const endedBy = "max(0, min(coalesce(finished, 0), imported))"

// before is the sweep of that ID, nil when there is none.
func (w *writing) before(scan string) (*storedSweep, error) {
	var s storedSweep
	err := w.ask("SELECT id, (SELECT name FROM vantage v WHERE v.id = sweep.vantage), scan, started, finished, "+endedBy+", status, digest FROM sweep WHERE scan = ?", []any{scan},
		&s.id, &s.vantage, &s.scan, &s.started, &s.finished, &s.ended, &s.status, &s.digest)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return &s, err
}

// wholeOf reports whether a sweep that is there is the whole of which a report is
// a part: it was interrupted, and went on.
func (old *storedSweep) wholeOf(part report.Sweep, end report.Summary) bool {
	return old.status == exposure.Complete && end.Status != exposure.Complete && old.vantage == part.Vantage.Name &&
		(end.Finished.IsZero() || old.finished.Valid && micros(end.Finished) <= old.finished.Int64)
}

// replaceable refuses another report of a sweep that is there, unless it is that
// of the whole, and the one that is there of a part.
func (w *writing) replaceable(old *storedSweep, r *Recorder, end report.Summary) error {
	name := exposure.Escape(old.scan)
	switch {
	case old.vantage != r.header.Sweep.Vantage.Name:
		return fmt.Errorf("sweep %s is in it already, from vantage %q, and this report of it is from %q: two sweeps have one ID, or one of the reports was changed",
			name, exposure.Escape(old.vantage), exposure.Escape(r.header.Sweep.Vantage.Name))
	case old.status == exposure.Complete:
		return fmt.Errorf("sweep %s is in it already, complete, and this report of it says something else (converted with another policy or version?): only the first one counts", name)
	case end.Finished.IsZero() || old.finished.Valid && micros(end.Finished) <= old.finished.Int64:
		return fmt.Errorf("sweep %s is in it already, and this report of it ended no later: import the report of the sweep that was resumed (`memsweep scan --resume`), or nothing", name)
	}
	return nil
}

// add takes the report in, in the place of old if that is not nil, and returns
// how many events it brought.
func (w *writing) add(r *Recorder, end report.Summary, digest []byte, old *storedSweep, now time.Time) (changes int, err error) {
	started := micros(r.header.Sweep.Started)
	if old != nil {
		started = old.started // a sweep that is resumed goes on; it does not begin again
	}
	if err := w.between(started, now); err != nil {
		return 0, err
	}
	n := &newcomer{w: w, r: r, scan: r.header.Sweep.ID, started: started, ended: max(0, min(microsOrZero(end.Finished), micros(now)))}
	if n.vantage, err = w.vantage(r.header.Sweep.Vantage); err != nil {
		return 0, err
	}
	if n.fates, err = proof(r, end); err != nil {
		return 0, err
	}
	newest, err := w.newest(n.vantage)
	if err != nil {
		return 0, err
	}
	if n.sweep, err = w.putSweep(n, end, digest, old, now); err != nil {
		return 0, err
	}
	if err := w.entrust(n.vantage); err != nil {
		return 0, err
	}
	if err := n.load(); err != nil {
		return 0, err
	}
	if old == nil && (newest == nil || newest.before(started, n.scan)) {
		return n.follow()
	}
	return n.insert(old)
}

// position is where a sweep stands among those of its vantage.
type position struct {
	started int64
	scan    string
}

func (p position) before(started int64, scan string) bool {
	return p.started < started || p.started == started && p.scan < scan
}

// newest is the newest sweep of a vantage; nil: there is none.
func (w *writing) newest(vantage int64) (*position, error) {
	var p position
	err := w.ask("SELECT started, scan FROM sweep WHERE vantage = ? ORDER BY started DESC, scan DESC LIMIT 1", []any{vantage}, &p.started, &p.scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return &p, err
}

// aheadMost is how far clocks may differ. A sweep of a far future would be the
// last word on all that it asked until then.
const aheadMost = 24 * time.Hour

// between refuses what is from before the time up to which the history was
// pruned, or from a time that is still to come.
func (w *writing) between(started int64, now time.Time) error {
	if at := moment(started); at.After(now.Add(aheadMost)) {
		return fmt.Errorf("the report is of a sweep that started at %s, and here it is %s: one of the two clocks is wrong", at.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	horizon, err := w.horizon()
	if err == nil && started < horizon {
		err = fmt.Errorf("the report is of a sweep that started at %s, and everything before %s was pruned: it cannot be put into its place any more",
			moment(started).Format(time.RFC3339), moment(horizon).Format(time.RFC3339))
	}
	return err
}

// vantage is the row of a vantage, made when there is none.
func (w *writing) vantage(v exposure.Vantage) (id int64, err error) {
	if err := w.exec("INSERT INTO vantage (name, trust) VALUES (?, ?) ON CONFLICT (name) DO NOTHING", v.Name, string(v.Trust)); err != nil {
		return 0, err
	}
	err = w.ask("SELECT id FROM vantage WHERE name = ?", []any{v.Name}, &id)
	return id, err
}

// entrust makes the trust of a vantage that of its newest sweep.
func (w *writing) entrust(vantage int64) error {
	var packed []byte
	if err := w.ask("SELECT header FROM sweep WHERE vantage = ? ORDER BY started DESC, scan DESC LIMIT 1", []any{vantage}, &packed); err != nil {
		return err
	}
	var h report.Header
	if err := unpackJSON(packed, maxHeader, &h); err != nil {
		return fmt.Errorf("header of a sweep: %w", err)
	}
	return w.exec("UPDATE vantage SET trust = ?1 WHERE id = ?2 AND trust <> ?1", string(h.Sweep.Vantage.Trust), vantage)
}

// maxHeader bounds a header or a summary that is read back, in bytes of JSON.
// report.Read takes in no longer ones.
const maxHeader = 256 << 20

// putSweep writes the row of a sweep.
func (w *writing) putSweep(n *newcomer, end report.Summary, digest []byte, old *storedSweep, now time.Time) (id int64, err error) {
	h := n.r.header
	header, err := pack(h)
	if err != nil {
		return 0, fmt.Errorf("header: %w", err)
	}
	summary, err := pack(end)
	if err != nil {
		return 0, fmt.Errorf("summary: %w", err)
	}
	problems, err := json.Marshal(append([]string{}, end.Problems...))
	if err != nil {
		return 0, err
	}
	o := end.Coverage.Outcomes
	args := []any{
		h.Sweep.ID, digest, n.vantage, nullText(n.r.job), n.started, nullTime(end.Finished), string(end.Status), stored(h.Sweep.Engine), stored(n.fates.plan),
		count(end.Coverage.Planned), count(o.Answered), count(o.Closed), count(o.Silent), count(o.LocalError), count(o.NotScanned),
		finite(h.Sweep.RateAsked), end.RateAchieved, micros(now), string(problems), n.fates.tally, header, summary,
	}
	if old != nil {
		args = append(args, old.id)
		return old.id, w.exec(`UPDATE sweep SET scan = ?, digest = ?, vantage = ?, job = coalesce(?, job), started = ?, finished = ?, status = ?, engine = ?, plan = ?,
			planned = ?, answered = ?, closed = ?, silent = ?, local_error = ?, not_scanned = ?,
			rate_asked = ?, rate_achieved = ?, imported = ?, problems = ?, tally = ?, header = ?, summary = ? WHERE id = ?`, args...)
	}
	result, err := w.ExecContext(w.ctx, `INSERT INTO sweep (scan, digest, vantage, job, started, finished, status, engine, plan,
		planned, answered, closed, silent, local_error, not_scanned,
		rate_asked, rate_achieved, imported, problems, tally, header, summary)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, args...)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

func nullText(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func nullTime(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return micros(t)
}

// count is a number as a column holds it.
func count(n uint64) int64 { return int64(min(n, math.MaxInt64)) }

func finite(f float64) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return f
}
