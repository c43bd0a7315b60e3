package history

import (
	"cmp"
	"database/sql"
	"slices"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history/life"
)

// follow takes in a report that is newer than all of its vantage: each life goes
// on by one fact. Most exposures are as they were; for those one statement writes
// that they were seen again.
func (n *newcomer) follow() (changes int, err error) {
	out, err := n.w.output(n.sweep, n.started)
	if err != nil {
		return 0, err
	}
	for i := range n.r.seen {
		if err := n.see(out, &n.r.seen[i]); err != nil {
			return 0, err
		}
	}
	if err := n.miss(out); err != nil {
		return 0, err
	}
	if err := out.flush(); err != nil {
		return 0, err
	}
	if err := n.bulk(); err != nil {
		return 0, err
	}
	if err := n.w.clean(n.gone); err != nil {
		return 0, err
	}
	counts := map[int]int{}
	for i := range n.rows {
		if x := &n.rows[i]; x.open() {
			d, err := n.w.details.of(x.detail)
			if err != nil {
				return 0, err
			}
			counts[rank(d.Severity)]++
		}
	}
	return out.events, n.w.putTally(n.sweep, counts)
}

// see adds what the report saw at one endpoint.
func (n *newcomer) see(out *output, s *sighting) error {
	detail := n.details[s.detail]
	i, known := n.at[s.at]
	if !known {
		i = len(n.rows)
		n.at[s.at] = i
		n.rows = append(n.rows, row{id: n.next, at: s.at})
		n.next++
	}
	x := &n.rows[i]
	was := *x
	x.seen = true
	if err := out.observations.add(n.sweep, x.id, detail, floatOrNil(s.baf)); err != nil {
		return err
	}
	if known && same(x, detail, s) {
		x.baf = s.baf
		return nil
	}
	event, err := n.step(x, known, life.Fact{At: moment(n.started), Until: momentOrZero(n.ended)}, detail, s.baf)
	if err != nil {
		return err
	}
	x.names = s.names
	if was.detail != x.detail {
		if x.finding, err = n.body(s.finding); err != nil {
			return err
		}
		if was.finding != 0 {
			n.gone = append(n.gone, was.finding)
		}
	}
	if !known {
		err = out.create(n.vantage, x)
	} else {
		err = out.update(x)
	}
	if err != nil {
		return err
	}
	return out.event(x, event)
}

// same reports whether nothing about x changes but its numbers: what the
// statement in bulk writes.
func same(x *row, detail int64, s *sighting) bool {
	return x.open() && x.detail == detail && x.told == detail && x.names == s.names &&
		(x.toldBAF == nil) == (s.baf == nil) && !life.Amplified(x.toldBAF, s.baf) && !life.Amplified(s.baf, x.toldBAF) &&
		urgency(exposure.Info, x.baf) == urgency(exposure.Info, s.baf)
}

// step adds a fact to the life of x; detail 0: it was missed.
func (n *newcomer) step(x *row, existed bool, f life.Fact, detail int64, baf *float64) (*life.Event, error) {
	var l life.Life
	var err error
	if existed {
		if l, err = n.w.details.life(x); err != nil {
			return nil, err
		}
	}
	if detail != 0 {
		seen, err := n.w.details.seen(detail, baf)
		if err != nil {
			return nil, err
		}
		f.Seen = &seen
	}
	event := l.Step(x.at.transport(), f)
	return event, n.w.details.take(x, &l)
}

// miss adds that the report asked, and had no answer.
func (n *newcomer) miss(out *output) error {
	var spots []spot
	for i := range n.rows {
		if !n.rows[i].seen {
			spots = append(spots, n.rows[i].at)
		}
	}
	wasMissed := missed(n.fates.asked, spots)
	for _, at := range spots {
		x := &n.rows[n.at[at]]
		was, refused := wasMissed(at)
		if !was || n.started < x.until { // see life.Step
			continue
		}
		event, err := n.step(x, true, life.Fact{At: moment(n.started), Refused: refused}, 0, nil)
		if err != nil {
			return err
		}
		if event == nil {
			err = out.missed.add(x.id)
		} else if err = out.update(x); err == nil {
			err = out.event(x, event)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// bulk writes what became of the exposures that are as they were, and were told
// so. What answers in part (life.Life) is not as it was told, and was written by
// itself.
func (n *newcomer) bulk() error {
	if err := n.w.exec(`UPDATE exposure SET last_seen = ?1, last_asked = ?1, seen_until = max(seen_until, ?3), misses = 0, baf = o.baf
		FROM observation o WHERE o.sweep = ?2 AND exposure.id = o.exposure AND exposure.detail = o.detail AND exposure.told = o.detail`, n.started, n.sweep, n.ended); err != nil {
		return err
	}
	if err := n.w.exec("UPDATE exposure SET last_asked = ?, misses = CASE WHEN last_seen = last_asked THEN 1 ELSE misses + 1 END WHERE id IN (SELECT id FROM temp.missed)", n.started); err != nil {
		return err
	}
	return n.w.exec("DELETE FROM temp.missed")
}

// putTally writes how many exposures are open after a sweep, by rank.
func (w *writing) putTally(sweep int64, counts map[int]int) error {
	for r, n := range counts {
		if n == 0 {
			continue
		}
		if err := w.exec("INSERT INTO tally (sweep, severity, open) VALUES (?, ?, ?)", sweep, r, n); err != nil {
			return err
		}
	}
	return nil
}

// output writes rows.
type output struct {
	w            *writing
	sweep        int64
	started      int64
	observations *batch
	missed       *batch // into a temporary table, for one statement over all
	pending      []pendingEvent
	created      *batch
	renew        *sql.Stmt
	events       int
}

type pendingEvent struct {
	exposure int64
	*life.Event
}

func (w *writing) output(sweep, started int64) (*output, error) {
	if err := w.exec("CREATE TEMP TABLE IF NOT EXISTS missed (id INTEGER PRIMARY KEY)"); err != nil {
		return nil, err
	}
	out := &output{
		w: w, sweep: sweep, started: started,
		observations: w.batch("INSERT INTO observation (sweep, exposure, detail, baf) VALUES ", 4),
		missed:       w.batch("INSERT INTO temp.missed (id) VALUES ", 1),
		created: w.batch(`INSERT INTO exposure (id, vantage, ip, transport, port, names, open, misses, first_seen, last_seen, last_asked, seen_until, since, fixed,
			urgency, severity, verdict, owner, detail, baf, told, told_baf, finding) VALUES `, 23),
	}
	var err error
	out.renew, err = w.PrepareContext(w.ctx, `UPDATE exposure SET names = ?, open = ?, misses = ?, first_seen = ?, last_seen = ?, last_asked = ?, seen_until = ?, since = ?, fixed = ?,
		urgency = ?, severity = ?, verdict = ?, owner = ?, detail = ?, baf = ?, told = ?, told_baf = ?, finding = ? WHERE id = ?`)
	return out, err
}

// columns are the values of an exposure that change in its life.
func (out *output) columns(x *row) ([]any, error) {
	d, err := out.w.details.of(x.detail)
	if err != nil {
		return nil, err
	}
	var fixed, finding any
	if x.fixed != 0 {
		fixed = x.fixed
	}
	if x.finding != 0 {
		finding = x.finding
	}
	return []any{
		x.names, x.open(), x.misses, x.first, x.last, x.asked, x.until, x.since, fixed,
		urgency(d.Severity, x.baf), rank(d.Severity), string(d.Verdict), d.Owner, x.detail, floatOrNil(x.baf), x.told, floatOrNil(x.toldBAF), finding,
	}, nil
}

func (out *output) create(vantage int64, x *row) error {
	columns, err := out.columns(x)
	if err != nil {
		return err
	}
	return out.created.add(append([]any{x.id, vantage, x.at.ip[:], string(x.at.transport()), x.at.port}, columns...)...)
}

func (out *output) update(x *row) error {
	columns, err := out.columns(x)
	if err != nil {
		return err
	}
	_, err = out.renew.ExecContext(out.w.ctx, append(columns, x.id)...)
	return err
}

// event holds an event until all exposures are written.
func (out *output) event(x *row, e *life.Event) error {
	if e != nil {
		out.pending = append(out.pending, pendingEvent{x.id, e})
	}
	return nil
}

// flush writes everything that is held: observations in the order of their key,
// and events in that of the endpoints.
func (out *output) flush() error {
	defer out.renew.Close()
	for _, b := range []*batch{out.created, out.observations, out.missed} {
		if err := b.flush(); err != nil {
			return err
		}
	}
	slices.SortStableFunc(out.pending, func(a, b pendingEvent) int { return cmp.Compare(a.exposure, b.exposure) })
	opened := out.w.batch("INSERT OR REPLACE INTO interval (exposure, opened) VALUES ", 2) // see life.Intervals
	for _, e := range out.pending {
		var err error
		switch e.Kind {
		case life.New:
			err = opened.add(e.exposure, out.started)
		case life.Fixed:
			err = out.w.exec("UPDATE interval SET fixed = ? WHERE exposure = ? AND fixed IS NULL", out.started, e.exposure)
		}
		if err != nil {
			return err
		}
	}
	if err := opened.flush(); err != nil {
		return err
	}
	return out.tell()
}

// tell writes the events.
func (out *output) tell() error {
	events := out.w.batch(eventInsert, eventWidth)
	for _, e := range out.pending {
		values, err := out.w.eventValues(out.started, e.exposure, out.sweep, e.Event)
		if err != nil {
			return err
		}
		if err := events.add(values...); err != nil {
			return err
		}
	}
	out.events = len(out.pending)
	return events.flush()
}

const (
	eventInsert = "INSERT INTO event (at, kind, exposure, sweep, again, severity, was, now, was_baf, now_baf) VALUES "
	eventWidth  = 10
)

func (w *writing) eventValues(at, exposure, sweep int64, e *life.Event) ([]any, error) {
	values := []any{at, string(e.Kind), exposure, sweep, e.Again, rank(e.Severity), nil, nil, nil, nil}
	for i, s := range []*life.Seen{e.Was, e.Now} {
		if s == nil {
			continue
		}
		id, err := w.details.id(s.Detail)
		if err != nil {
			return nil, err
		}
		values[6+i], values[8+i] = id, floatOrNil(s.BAF)
	}
	return values, nil
}

func floatOrNil(f *float64) any {
	if f == nil {
		return nil
	}
	return *f
}
