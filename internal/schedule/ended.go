package schedule

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/memsweep/memsweep/history"
)

// finished is a run that was made, or was not.
type finished struct {
	job    string
	due    time.Time
	resume bool
	result Result
	err    error
}

// unbooked is how long a run waits that the history could not be told of.
const unbooked = time.Minute

// ended takes a run off, and notes the due times that passed while it went on.
func (r *Runner) ended(ctx context.Context, f finished) {
	r.running--
	w := r.jobs[f.job]
	w.active = false
	if f.result.Resumed && !f.resume { // somebody else's that was cut off, --once's
		r.note(ctx, w, f.due, fmt.Sprintf("the run due at %s had been cut off, and went on", clockOf(f.result.Run.Due, w)))
		w.of = f.result.Run.Due
	}
	switch {
	case f.err == nil && !f.result.Until.IsZero(): // others may have its place
		if w.resume, w.pause = true, f.result.Until; !w.gone {
			return
		}
		r.leave(ctx, w)
	case f.err == nil, errors.Is(f.err, context.Canceled):
	case errors.Is(f.err, ErrElsewhere) && f.resume: // the sweep of before has not ended yet
		w.resume = true
		return
	case errors.Is(f.err, ErrElsewhere), errors.Is(f.err, history.ErrRunning):
		r.note(ctx, w, f.due, "another process was making a run of it")
	case errors.Is(f.err, history.ErrRunEnded):
	default: // a disk that is full, a history that somebody else holds
		r.Log.Error("the run could not be booked, and is tried again", "job", f.job, "error", f.err)
		if w.resume, w.pause = true, r.Now().Add(unbooked); !w.gone {
			return
		}
	}
	if w.missed > 0 {
		r.note(ctx, w, w.last, fmt.Sprintf("the run due at %s was still going; so it was at %s", clockOf(w.of, w), howMany(w.missed-1, w.first, w)))
	}
	w.missed, w.noted = 0, false
	if w.gone {
		delete(r.jobs, f.job)
	}
}

// leave ends the run that stands still of a job that is not looked after any more.
func (r *Runner) leave(ctx context.Context, w *watched) {
	if !w.resume {
		return
	}
	run, err := r.stale(ctx, w.job.Name)
	if err == nil && run != nil {
		err = r.GiveUp(ctx, *run, noSuchJob)
	}
	if err != nil {
		r.Log.Warn("a run that was cut off could not be ended, and is at the next start", "job", w.job.Name, "error", err)
	}
}

const noSuchJob = "it was cut off, and the configuration has no such job any more, or not enabled"

func (r *Runner) note(ctx context.Context, w *watched, due time.Time, why string) bool {
	if err := r.Store.NoteMissed(ctx, w.job.Name, due, why); err != nil {
		r.Log.Error("a missed run was not noted", "job", w.job.Name, "error", err)
		return false
	}
	r.Log.Warn("a run was missed", "job", w.job.Name, "due", due.Format(time.RFC3339), "problem", why)
	return true
}
