package history

import (
	"database/sql"
	"slices"

	"github.com/memsweep/memsweep/history/life"
)

// insert takes in a report that is older than the newest of its vantage, or that
// takes the place of a part of itself: the lives that it has something to say of
// are folded again, and become what they would be had it come in its turn.
func (n *newcomer) insert(old *storedSweep) (changes int, err error) {
	before, replaced := map[int64]observed{}, old != nil
	if replaced {
		if before, err = n.withdraw(); err != nil {
			return 0, err
		}
	}
	sightings, err := n.place()
	if err != nil {
		return 0, err
	}
	f := &folding{w: n.w, vantage: n.vantage, lives: n.concerned(before)}
	if replaced {
		f.replaced = old.ended
	}
	if err := f.begin(); err != nil {
		return 0, err
	}
	shift := map[int64]map[int]int{} // by sweep, then by rank: how many more are open
	diverged := false
	for i := range f.sweeps {
		s := &f.sweeps[i]
		isNew := s.id == n.sweep
		err := f.step(s, func(x *folded) (observed, bool) { o, ok := before[x.id]; return o, ok }, diverged, isNew)
		if err != nil {
			return 0, err
		}
		if diverged = diverged || isNew; !diverged {
			continue
		}
		counts := map[int]int{}
		for _, x := range f.lives {
			countOpen(counts, &x.life, 1)
			countOpen(counts, &x.without, -1)
		}
		shift[s.id] = counts
	}
	if err := n.w.shiftTallies(f, n.sweep, shift, replaced); err != nil {
		return 0, err
	}
	for _, x := range f.lives {
		was := n.rows[n.at[x.at]]
		if err := n.settle(x, &was, sightings[x.at]); err != nil {
			return 0, err
		}
	}
	if changes, err = n.w.retell(f, n.sweep); err != nil {
		return 0, err
	}
	return changes, n.finish(f)
}

// withdraw takes back what the report that is replaced saw.
func (n *newcomer) withdraw() (map[int64]observed, error) {
	saw := map[int64]observed{}
	err := n.w.rows("SELECT exposure, detail, baf FROM observation WHERE sweep = ?", []any{n.sweep}, func(rows *sql.Rows) error {
		var id int64
		var o observed
		err := rows.Scan(&id, &o.detail, &o.baf)
		saw[id] = o
		return err
	})
	if err != nil {
		return nil, err
	}
	return saw, n.w.exec("DELETE FROM observation WHERE sweep = ?", n.sweep)
}

// place writes what the report saw, and rows for exposures that are new: the fold
// fills them in.
func (n *newcomer) place() (map[spot]*sighting, error) {
	out, err := n.w.output(n.sweep, n.started)
	if err != nil {
		return nil, err
	}
	sightings := map[spot]*sighting{}
	for i := range n.r.seen {
		s := &n.r.seen[i]
		sightings[s.at] = s
		detail := n.details[s.detail]
		k, known := n.at[s.at]
		if !known {
			k = len(n.rows)
			n.at[s.at] = k
			n.rows = append(n.rows, row{id: n.next, at: s.at, names: s.names})
			n.next++
			x := &n.rows[k]
			if _, err := n.step(x, false, life.Fact{At: moment(n.started)}, detail, s.baf); err != nil {
				return nil, err
			}
			if err := out.create(n.vantage, x); err != nil {
				return nil, err
			}
		}
		n.rows[k].seen = true
		if err := out.observations.add(n.sweep, n.rows[k].id, detail, floatOrNil(s.baf)); err != nil {
			return nil, err
		}
	}
	return sightings, out.flush()
}

// concerned are the exposures that the report has something to say of, or that
// the report in whose place it comes had.
func (n *newcomer) concerned(before map[int64]observed) (list []*folded) {
	var spots []spot
	for i := range n.rows {
		if x := &n.rows[i]; !x.seen && x.first <= n.started {
			spots = append(spots, x.at)
		}
	}
	wasMissed := missed(n.fates.asked, spots)
	for i := range n.rows {
		x := &n.rows[i]
		_, withdrawn := before[x.id]
		was := false
		if !x.seen && x.first <= n.started {
			was, _ = wasMissed(x.at)
		}
		if x.seen || withdrawn || was {
			list = append(list, &folded{row: *x})
		}
	}
	return list
}

// shiftTallies corrects how many exposures were open after each sweep from the
// new one on. That one begins as the sweep before it left things.
func (w *writing) shiftTallies(f *folding, sweep int64, shift map[int64]map[int]int, replaced bool) error {
	for i, s := range f.sweeps {
		change := shift[s.id]
		if change == nil {
			continue
		}
		from := s.id
		counts := map[int]int{}
		var err error
		switch {
		case s.id == sweep && !replaced && i == 0:
			counts, err = w.openAtHorizon(f.vantage)
		case s.id == sweep && !replaced:
			from = f.sweeps[i-1].id
			fallthrough
		default:
			err = w.rows("SELECT severity, open FROM tally WHERE sweep = ?", []any{from}, func(rows *sql.Rows) error {
				var severity, open int
				err := rows.Scan(&severity, &open)
				counts[severity] = open
				return err
			})
		}
		if err != nil {
			return err
		}
		for severity, n := range change {
			counts[severity] += n
		}
		if err := w.exec("DELETE FROM tally WHERE sweep = ?", s.id); err != nil {
			return err
		}
		if err := w.putTally(s.id, counts); err != nil {
			return err
		}
	}
	return nil
}

// openAtHorizon counts the exposures of a vantage that were open at the time up
// to which the history was pruned.
func (w *writing) openAtHorizon(vantage int64) (map[int]int, error) {
	counts := map[int]int{}
	bases, err := w.bases(vantage)
	for _, b := range bases {
		countOpen(counts, &b.Life, 1)
	}
	return counts, err
}

// settle writes what became of an exposure that was folded again.
func (n *newcomer) settle(x *folded, was *row, s *sighting) error {
	if !x.life.Exists() {
		if was.finding != 0 {
			n.gone = append(n.gone, was.finding)
		}
		x.events = nil
		return n.w.exec("DELETE FROM exposure WHERE id = ?", x.id)
	}
	if err := n.w.details.take(&x.row, &x.life); err != nil {
		return err
	}
	if s != nil && x.latest == n.sweep {
		x.names = s.names
	}
	var err error
	if x.finding, err = n.evidence(x, was, s); err != nil {
		return err
	}
	if was.finding != 0 && was.finding != x.finding {
		n.gone = append(n.gone, was.finding)
	}
	return nil
}

// evidence chooses the finding of the sweep in which the detail last changed;
// where the file has it no more, one that shows the same.
func (n *newcomer) evidence(x *folded, was *row, s *sighting) (int64, error) {
	showsIt := s != nil && n.details[s.detail] == x.detail
	if x.run == n.sweep && s != nil {
		return n.body(s.finding)
	}
	if was.finding != 0 {
		var of sql.NullInt64
		if err := n.w.ask("SELECT sweep FROM finding WHERE id = ?", []any{was.finding}, &of); err != nil {
			return 0, err
		}
		detail := was.detail // of a sweep that was pruned: what it showed then
		if of.Valid {
			err := n.w.ask("SELECT detail FROM observation WHERE sweep = ? AND exposure = ?", []any{of.Int64, x.id}, &detail)
			if err == sql.ErrNoRows {
				detail, err = 0, nil // it was in the report that was replaced
			}
			if err != nil {
				return 0, err
			}
		}
		if detail == x.detail && !(of.Valid && of.Int64 == n.sweep) {
			return was.finding, nil
		}
	}
	if showsIt {
		return n.body(s.finding)
	}
	return 0, nil
}

// finish writes the rows of the exposures that were folded again.
func (n *newcomer) finish(f *folding) error {
	out, err := n.w.output(n.sweep, n.started)
	if err != nil {
		return err
	}
	for _, x := range f.lives {
		if !x.life.Exists() {
			continue
		}
		if err := out.update(&x.row); err != nil {
			return err
		}
		if err := n.w.putIntervals(x); err != nil {
			return err
		}
	}
	if err := out.flush(); err != nil {
		return err
	}
	return n.w.clean(n.gone)
}

// putIntervals writes the intervals of x where they are others than before.
func (w *writing) putIntervals(x *folded) error {
	had, err := w.intervals(x.id)
	if err != nil || slices.EqualFunc(had, x.intervals, sameInterval) {
		return err
	}
	if err := w.exec("DELETE FROM interval WHERE exposure = ?", x.id); err != nil {
		return err
	}
	for _, i := range x.intervals {
		var fixed any
		if i.Fixed != nil {
			fixed = micros(*i.Fixed)
		}
		if err := w.exec("INSERT INTO interval (exposure, opened, fixed) VALUES (?, ?, ?)", x.id, micros(i.Opened), fixed); err != nil {
			return err
		}
	}
	return nil
}

func (w *writing) intervals(exposure int64) (list []life.Interval, err error) {
	err = w.rows("SELECT opened, fixed FROM interval WHERE exposure = ? ORDER BY opened", []any{exposure}, func(rows *sql.Rows) error {
		var opened int64
		var fixed sql.NullInt64
		err := rows.Scan(&opened, &fixed)
		list = append(list, life.Interval{Opened: moment(opened), Fixed: momentOrNil(fixed)})
		return err
	})
	return list, err
}

func sameInterval(a, b life.Interval) bool {
	if (a.Fixed == nil) != (b.Fixed == nil) || !a.Opened.Equal(b.Opened) {
		return false
	}
	return a.Fixed == nil || a.Fixed.Equal(*b.Fixed)
}
