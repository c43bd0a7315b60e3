package schedule

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/memsweep/memsweep/history"
)

// Runner makes the runs of all jobs when they are due. One goroutine, that of Run,
// owns all of it; each run has one of its own.
type Runner struct {
	Sweeper
	Reload <-chan os.Signal        // each asks for the configuration to be read again
	Read   func() (*Config, error) // reads it
	Tell   func(state string)      // the service manager: see sd_notify(3)
	Loaded func(*Config)           // after a reload; may be nil
	Poll   time.Duration           // between looks at the clock

	first     *Config // of the start
	parallel  int
	retention time.Duration
	jobs      map[string]*watched
	order     []string // of jobs, as in the file
	running   int
	done      chan finished
	pruned    time.Time // when that was last done
	pruning   chan struct{}
}

// watched is a job while it is looked after.
type watched struct {
	job  Job
	next time.Time // those before are accounted for
	gone bool      // it is not in the file any more; a run of it still goes on

	due    *time.Time // a run waits for its turn; nil: none
	resume bool       // a run that was cut off waits for its turn
	pause  time.Time  // that run waits until then, too
	active bool       // a run is being made
	of     time.Time  // when that was due
	first  time.Time  // the first due time that passed meanwhile and is not noted yet
	last   time.Time
	missed int // how many did, besides the one that was noted at once
	noted  bool
}

// Run makes runs until ctx ends; then the sweeps that go on are suspended. An
// error is one of the beginning.
func (r *Runner) Run(ctx context.Context, c *Config) error {
	r.first, r.jobs, r.done = c, map[string]*watched{}, make(chan finished)
	err := r.apply(ctx, c)
	if err == nil {
		err = r.takeUp(ctx)
	}
	switch {
	case ctx.Err() != nil: // stopped before it began
		return nil
	case err != nil:
		return err
	}
	r.Tell("READY=1")
	tick := time.NewTicker(r.Poll)
	defer tick.Stop()
	for {
		r.look(ctx)
		select {
		case <-ctx.Done():
			return r.finish()
		case f := <-r.done:
			r.ended(ctx, f)
		case <-r.Reload:
			r.reload(ctx)
		case <-tick.C:
		}
	}
}

// apply takes over a configuration. Runs that go on are not disturbed.
func (r *Runner) apply(ctx context.Context, c *Config) error {
	r.parallel, r.retention, r.order = c.Parallel, c.Retention, nil
	for _, w := range r.jobs {
		w.gone = true
	}
	var names []string
	for _, j := range c.Jobs {
		names = append(names, j.Name)
		if err := r.watch(ctx, j); err != nil {
			return err
		}
	}
	for name, w := range r.jobs {
		switch {
		case !w.gone:
		case w.active:
			w.next = time.Time{}
		default:
			r.leave(ctx, w)
			delete(r.jobs, name)
		}
	}
	return r.Store.Unwatch(ctx, names)
}

// watch looks after a job from now on.
func (r *Runner) watch(ctx context.Context, j Job) error {
	if !j.Enabled {
		// So that what is due meanwhile does not count as missed.
		_, err := r.Store.Watch(ctx, j.Name, "disabled", r.Now())
		return err
	}
	since, err := r.Store.Watch(ctx, j.Name, plan(j), r.Now())
	if err != nil {
		return err
	}
	w := r.jobs[j.Name]
	if w == nil {
		w = &watched{}
		r.jobs[j.Name] = w
	}
	if w.next.IsZero() || plan(w.job) != plan(j) { // else its due times go on
		w.next = j.When.Next(since)
	}
	w.job, w.gone = j, false
	r.order = append(r.order, j.Name)
	r.Log.Info("job", "job", j.Name, "when", j.When.String(), "next", w.next.Format(time.RFC3339))
	return nil
}

// plan is what the due times of a job follow from.
func plan(j Job) string { return fmt.Sprintf("%s phase %s", j.When, j.When.Phase) }

// takeUp goes on with the runs that were cut off, and imports the reports that
// were left behind.
func (r *Runner) takeUp(ctx context.Context) error {
	folders, err := os.ReadDir(r.folder()) // before the list: what others begin now is not in it
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	list, err := r.Store.Unfinished(ctx)
	if err != nil {
		return err
	}
	unfinished := map[string]bool{}
	for _, run := range list {
		unfinished[filepath.Base(r.folderOf(run.ID))] = true
		if w := r.jobs[run.Job]; w != nil {
			r.Log.Warn("a run was cut off, and goes on", "job", run.Job, "run", run.ID, "due", run.Due.Format(time.RFC3339))
			w.resume, w.of = true, run.Due
			continue
		}
		err := r.GiveUp(ctx, run, noSuchJob)
		if err != nil && !errors.Is(err, ErrElsewhere) {
			return err
		}
	}
	r.tidy(ctx, folders, unfinished)
	return nil
}

// tidy looks after the folders of runs that have ended: a report that is still
// there may not be in the history.
func (r *Runner) tidy(ctx context.Context, folders []os.DirEntry, unfinished map[string]bool) {
	for _, e := range folders {
		if !e.IsDir() || unfinished[e.Name()] {
			continue
		}
		left := &running{Sweeper: &r.Sweeper, folder: filepath.Join(r.folder(), e.Name()), log: r.Log.With("run", e.Name())}
		if id, run := r.byName(ctx, e.Name()); id {
			left.run = run
		}
		if _, err := left.imported(ctx, reportName); err != nil {
			left.log.Warn("a report that was left behind was not imported", "folder", left.folder, "error", err)
			continue
		}
		if err := os.RemoveAll(left.folder); err != nil {
			left.log.Warn("what a run left behind was not removed", "error", err)
		}
	}
}

// byName is the run whose folder has that name.
func (r *Runner) byName(ctx context.Context, name string) (bool, history.Run) {
	for page := (history.Page{Limit: 500}); ; {
		list, next, err := r.Store.Runs(ctx, "", page)
		if err != nil {
			return false, history.Run{}
		}
		for _, run := range list {
			if filepath.Base(r.folderOf(run.ID)) == name {
				return true, run
			}
		}
		if page.After = next; next == "" {
			return false, history.Run{}
		}
	}
}

// look sees what is due, and starts what has its turn.
func (r *Runner) look(ctx context.Context) {
	r.Tell("WATCHDOG=1")
	now := r.Now()
	for _, name := range r.order {
		if w := r.jobs[name]; !w.gone {
			r.account(ctx, w, now)
		}
	}
	waiting := slices.Clone(r.order)
	slices.SortStableFunc(waiting, func(a, b string) int { return r.jobs[a].of.Compare(r.jobs[b].of) }) // or the first few would keep out the others
	for _, name := range waiting {
		w := r.jobs[name]
		if w.active || w.gone || r.running >= r.parallel || w.due == nil && !w.resume || w.resume && now.Before(w.pause) {
			continue
		}
		r.start(ctx, w)
	}
	r.prune(ctx, now)
}

func (r *Runner) start(ctx context.Context, w *watched) {
	f := finished{job: w.job.Name, resume: w.resume, due: w.of}
	if !w.resume {
		f.due, w.of, w.due = *w.due, *w.due, nil
	}
	job := w.job
	w.active, w.resume = true, false
	r.running++
	go func() {
		f.result, f.err = r.Make(ctx, job, f.due)
		r.done <- f
	}()
}

// reload reads the configuration again; a bad one changes nothing.
func (r *Runner) reload(ctx context.Context) {
	r.Tell("RELOADING=1\nMONOTONIC_USEC=" + monotonic())
	defer r.Tell("READY=1")
	c, err := r.Read()
	if err != nil {
		r.Log.Error("the configuration was not reloaded, and the old one holds", "error", err)
		return
	}
	if err := r.apply(ctx, c); err != nil {
		r.Log.Error("the configuration was not reloaded whole", "error", err)
		return
	}
	for _, warning := range c.Warnings {
		r.Log.Warn(warning)
	}
	for _, key := range fixed(r.first, c) {
		r.Log.Warn(key+" changed in the configuration, and needs a new start: until then the old one holds", "key", key)
	}
	r.Log.Info("the configuration was reloaded", "jobs", len(r.order))
	if r.Loaded != nil {
		r.Loaded(c)
	}
}

// finish waits for the runs that are told to stop.
func (r *Runner) finish() error {
	r.Tell("STOPPING=1")
	for r.running > 0 {
		select {
		case f := <-r.done:
			r.ended(context.Background(), f)
		case <-time.After(r.Poll):
			r.Tell("WATCHDOG=1")
		}
	}
	if r.pruning != nil {
		<-r.pruning
	}
	return nil
}

// prune forgets what is older than the retention, once a day.
func (r *Runner) prune(ctx context.Context, now time.Time) {
	if r.retention == 0 || now.Sub(r.pruned) < 24*time.Hour && !now.Before(r.pruned) {
		return
	}
	if r.pruning != nil {
		select {
		case <-r.pruning:
		default:
			return // still at it
		}
	}
	r.pruned, r.pruning = now, make(chan struct{})
	before, done := now.Add(-r.retention), r.pruning
	go func() {
		defer close(done)
		forgotten, err := r.Store.Prune(ctx, before)
		if err != nil {
			r.Log.Error("nothing was pruned", "error", err)
			return
		}
		if forgotten.Untold > 0 {
			r.Log.Warn("what is still to be told is not forgotten, nor anything later", "events", forgotten.Untold, "since", forgotten.Held.Format(time.DateOnly))
		}
		r.Log.Log(ctx, slog.LevelInfo, "pruned", "before", before.Format(time.DateOnly), "sweeps", forgotten.Sweeps, "observations", forgotten.Observations, "exposures", forgotten.Exposures)
	}()
}
