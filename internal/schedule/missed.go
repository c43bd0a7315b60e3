package schedule

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// maxPassed bounds how many due times are counted one by one: a run a second for
// a day.
const maxPassed = 100_000

// passed are the due times of a job that have come and are not accounted for.
type passed struct {
	n      int
	first  time.Time
	before time.Time // the last but one
	last   time.Time
	more   bool // there are more, later ones
}

func (w *watched) passed(now time.Time) (p passed) {
	for !w.next.IsZero() && !w.next.After(now) {
		if p.n == maxPassed {
			p.more = true
			return p
		}
		if p.n++; p.n == 1 {
			p.first = w.next
		}
		p.before, p.last = p.last, w.next
		w.next = w.job.When.Next(w.next)
	}
	return p
}

// account deals with the due times that have come: the last one may be run now,
// those before it were missed. Many are noted as one, with their number.
func (r *Runner) account(ctx context.Context, w *watched, now time.Time) {
	p := w.passed(now)
	if p.n == 0 {
		if w.next.IsZero() {
			w.next = w.job.When.Next(now) // it was never due when that was last asked
		}
		return
	}
	switch busy, late := w.active || w.resume || w.due != nil, now.Sub(p.last); {
	case p.more:
		r.note(ctx, w, p.last, fmt.Sprintf("memsweep run was not running: missed more than %d", maxPassed))
		w.next = w.job.When.Next(now)
	case busy:
		r.overtaken(ctx, w, p)
	case late > lateStart && !w.job.CatchUp:
		r.note(ctx, w, p.last, fmt.Sprintf("memsweep run was not running, or asleep, at %s", howMany(p.n-1, p.first, w)))
	default:
		if p.n > 1 {
			r.note(ctx, w, p.before, fmt.Sprintf("memsweep run was not running, or asleep, at %s", howMany(p.n-2, p.first, w)))
		}
		if late > lateStart {
			r.Log.Warn("a run was missed, and is caught up with", "job", w.job.Name, "due", p.last.Format(time.RFC3339))
		}
		due := p.last
		w.due, w.of = &due, due
	}
}

// overtaken: the run before still goes on, or waits. The first such time is noted
// at once, so that somebody hears of a run that does not end; the others as one.
func (r *Runner) overtaken(ctx context.Context, w *watched, p passed) {
	if !w.noted {
		state := "still going"
		if !w.active {
			state = "still waiting for its turn"
		}
		w.noted = r.note(ctx, w, p.first, fmt.Sprintf("the run due at %s was %s", clockOf(w.of, w), state))
		if w.noted { // else it counts with the others
			if p.n--; p.n == 0 {
				return
			}
			p.first = p.last
		}
	}
	if w.missed == 0 {
		w.first = p.first
	}
	w.missed += p.n
	w.last = p.last
}

// howMany says that this due time was not the only one.
func howMany(more int, first time.Time, w *watched) string {
	switch more {
	case 0:
		return "that time"
	case 1:
		return "that time, and at the one before, " + clockOf(first, w)
	default:
		return "that time, and at the " + strconv.Itoa(more) + " before, since " + clockOf(first, w)
	}
}

func clockOf(t time.Time, w *watched) string {
	return t.In(w.job.When.Zone).Format("2006-01-02 15:04:05 MST")
}
