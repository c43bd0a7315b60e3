package schedule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
)

// Sweeper makes one run of a job: the sweep, its report into the history, and the
// books.
type Sweeper struct {
	Store   *history.Store
	History string // the history's file: locks and what is under way are beside it
	Program string // to run as `PROGRAM scan …`
	Log     *slog.Logger
	Now     func() time.Time
	Pause   time.Duration // between looks at the clock, in a blackout
	ByHand  bool          // somebody asks for the runs, and no schedule
}

// lateStart is how late a run may begin and still be the one that was due.
const lateStart = 5 * time.Minute

// maxAttempts bounds how often a sweep that was killed goes on within one run.
const maxAttempts = 3

// ErrElsewhere is that another process makes a run of that job.
var ErrElsewhere = errors.New("another process makes a run of it")

// Result is what came of a run.
type Result struct {
	Run       history.Run
	Code      int       // the exit code of the sweep; -1: there is none
	Suspended bool      // it goes on at the next start
	Until     time.Time // when Make is to be called again, after a blackout; zero: not
	Resumed   bool
}

func (s *Sweeper) folder() string { return s.History + ".runs" }

func (s *Sweeper) folderOf(run int64) string {
	return filepath.Join(s.folder(), strconv.FormatInt(run, 10))
}

// claim takes a job for this process.
func (s *Sweeper) claim(job string) (*os.File, error) {
	if err := os.MkdirAll(s.folder(), 0o700); err != nil {
		return nil, err
	}
	f, ok, err := lock(filepath.Join(s.folder(), job+".lock"))
	if err == nil && !ok {
		err = fmt.Errorf("job %s: %w", job, ErrElsewhere)
	}
	return f, err
}

// Make makes the run of a job that is due, or goes on with the one that was cut
// off. When ctx ends it is suspended, to go on at the next start.
func (s *Sweeper) Make(ctx context.Context, j Job, due time.Time) (Result, error) {
	claimed, err := s.claim(j.Name)
	if err != nil {
		return Result{Code: -1}, err
	}
	defer claimed.Close()
	// Whose claim it is, no run of the job goes on: one that is said to was cut off.
	stale, err := s.stale(ctx, j.Name)
	if err != nil {
		return Result{Code: -1}, err
	}
	if stale != nil {
		return s.perform(ctx, j, *stale, claimed, true)
	}
	run, err := s.begin(ctx, j.Name, due)
	if err != nil {
		return Result{Code: -1}, err
	}
	return s.perform(ctx, j, run, claimed, false)
}

func (s *Sweeper) begin(ctx context.Context, job string, due time.Time) (history.Run, error) {
	if s.ByHand {
		return s.Store.BeginRunByHand(ctx, job, due)
	}
	return s.Store.BeginRun(ctx, job, due, s.Now())
}

// stale is the run of a job that the history believes to go on.
func (s *Sweeper) stale(ctx context.Context, job string) (*history.Run, error) {
	list, err := s.Store.Unfinished(ctx)
	for _, r := range list {
		if r.Job == job {
			return &r, err
		}
	}
	return nil, err
}

// GiveUp ends a run that was cut off, of a job that is not there any more. What
// its report has is kept.
func (s *Sweeper) GiveUp(ctx context.Context, run history.Run, why string) error {
	claimed, err := s.claim(run.Job)
	if err != nil {
		return err
	}
	defer claimed.Close()
	r := &running{Sweeper: s, run: run, folder: s.folderOf(run.ID), log: s.Log.With("job", run.Job, "run", run.ID)}
	imported, err := r.imported(ctx, reportName)
	if err != nil {
		return err
	}
	if imported != nil && imported.Status == exposure.Complete {
		return r.end(ctx, history.Complete, "")
	}
	return r.end(ctx, history.Failed, why)
}

// running is one run while it is made.
type running struct {
	*Sweeper
	job     Job
	run     history.Run
	folder  string
	claimed *os.File
	scan    string
	log     *slog.Logger
}

func (s *Sweeper) perform(ctx context.Context, j Job, run history.Run, claimed *os.File, resumed bool) (Result, error) {
	r := &running{
		Sweeper: s, job: j, run: run, folder: s.folderOf(run.ID), claimed: claimed, scan: run.Scan,
		log: s.Log.With("job", j.Name, "run", run.ID),
	}
	if err := os.MkdirAll(r.folder, 0o700); err != nil {
		return Result{Run: run, Code: -1}, r.fail(ctx, err.Error())
	}
	result, err := r.sweep(ctx, resumed)
	result.Run, result.Resumed = r.run, resumed
	return result, err
}

// sweep starts the child, again when it is cut off, until there is an end.
func (r *running) sweep(ctx context.Context, resumed bool) (Result, error) {
	for attempt := 1; ; attempt++ {
		done, err := r.before(ctx, resumed)
		if done != nil || err != nil {
			return *orNone(done), err
		}
		args, err := r.command()
		if err != nil {
			return Result{Code: -1}, r.fail(ctx, err.Error())
		}
		window, leave := r.untilBlackout(ctx)
		r.log.Info("sweep starts", "due", r.run.Due.Format(time.RFC3339), "command", CommandLine(r.Program, args))
		c := child{program: r.Program, args: args, folder: r.folder, lock: r.claimed, log: r.log, progress: r.progress}
		how, err := c.run(window)
		interrupted := window.Err() != nil
		leave()
		if err != nil {
			return Result{Code: -1}, r.fail(ctx, err.Error())
		}
		r.log.Info("sweep ended", "exit", how.code)
		switch stopped := how.code < 0 || r.canResume(); {
		case ctx.Err() != nil && stopped:
			return r.suspend(how)
		case interrupted && stopped:
			attempt = 0
		case how.code < 0 && attempt < maxAttempts:
			r.log.Warn("the sweep was killed, and goes on", "attempt", attempt, "checkpoint", r.canResume())
		default:
			return r.conclude(context.WithoutCancel(ctx), how)
		}
		resumed = r.canResume()
	}
}

func orNone(r *Result) *Result {
	if r == nil {
		return &Result{Code: -1}
	}
	return r
}

// before sees what is there already: a run that was cut off may have ended, or
// come too short to go on; and no sweep starts in a blackout.
func (r *running) before(ctx context.Context, resumed bool) (*Result, error) {
	if resumed && !r.canResume() {
		imported, err := r.imported(ctx, reportName)
		if err != nil {
			return nil, r.unread(ctx, err)
		}
		if imported != nil { // it had ended
			result, err := r.settle(ctx, *imported, ending{code: codeOf(imported.Status)})
			return &result, err
		}
		if late := r.Now().Sub(r.run.Due); late > lateStart && !r.job.CatchUp && r.run.Problem == "" { // nor was it halted
			return &Result{Code: -1}, r.fail(ctx, fmt.Sprintf("it was cut off before its first checkpoint, and found again %s after it was due", brief(late.Round(time.Minute))))
		}
	} else if resumed && r.changed() {
		if err := r.anew(ctx); err != nil {
			return nil, r.unread(ctx, err)
		}
	}
	if end, _ := r.job.When.Until(r.Now()); end.After(r.Now()) {
		r.log.Info("a blackout: the run waits for its end", "until", end.Format(time.RFC3339))
		r.halt(ctx, "a blackout, until "+end.In(r.job.When.Zone).Format("2006-01-02 15:04 MST"))
		return &Result{Code: -1, Until: end}, nil
	}
	if resumed {
		r.halt(ctx, "")
	}
	return nil, nil
}

// untilBlackout is a context that ends with ctx, or when a blackout begins.
func (r *running) untilBlackout(ctx context.Context) (context.Context, func()) {
	window, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(r.Pause)
		defer tick.Stop()
		for {
			select {
			case <-window.Done():
				return
			case <-tick.C:
			}
			if _, _, in := r.job.When.containing(r.Now()); in {
				cancel()
			}
		}
	}()
	return window, func() { cancel(); <-done }
}

func (r *running) command() ([]string, error) {
	if r.canResume() {
		return r.job.Resume(r.folder), nil
	}
	return r.job.Command(r.folder, r.run.Due), r.begins()
}

func (r *running) canResume() bool {
	_, err := os.Stat(filepath.Join(r.folder, checkpointName))
	return err == nil
}

func (r *running) progress(scan string, p history.Progress) {
	r.scan = scan
	if err := r.Store.NoteProgress(context.Background(), r.run.ID, scan, p); err != nil {
		r.log.Warn("progress was not noted", "error", err)
	}
}

func (r *running) halt(ctx context.Context, why string) {
	if err := r.Store.NoteHalt(context.WithoutCancel(ctx), r.run.ID, why); err != nil {
		r.log.Warn("a halt was not noted", "error", err)
	}
}

// suspend leaves a run to the next start. What it found so far is kept.
func (r *running) suspend(how ending) (Result, error) {
	ctx := context.Background()
	if _, err := r.imported(ctx, reportName); err != nil {
		r.log.Warn("the report of what was found so far was not imported", "error", err)
	}
	r.halt(ctx, "memsweep run was stopped; it goes on at the next start")
	r.log.Info("the run is suspended, and goes on at the next start")
	return Result{Code: how.code, Suspended: true}, nil
}

// AloneForNow is Alone for a process that comes and goes: it waits for its like, as
// long as patience at most. False: a schedule works on the history, or its like do
// not end.
func (s *Sweeper) AloneForNow(ctx context.Context, patience time.Duration) (release func(), ok bool, err error) {
	if err := os.MkdirAll(s.folder(), 0o700); err != nil {
		return nil, false, err
	}
	// Who has this one waits for nobody: the other one has a schedule.
	queue, ok, err := lock(filepath.Join(s.folder(), ".telling.lock"))
	for end := time.Now().Add(patience); err == nil && !ok && ctx.Err() == nil && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
		queue, ok, err = lock(filepath.Join(s.folder(), ".telling.lock"))
	}
	if err != nil || !ok {
		return nil, false, err
	}
	alone, ok, err := lock(s.History + ".lock")
	if err != nil || !ok {
		queue.Close()
		return nil, false, err
	}
	return func() { alone.Close(); queue.Close() }, true, nil
}

// Alone takes the history for this process's schedule: two of them would tell
// everything twice. It is free when the file is closed, or the process has ended.
func (s *Sweeper) Alone() (*os.File, error) {
	f, ok, err := lock(s.History + ".lock")
	if err == nil && !ok {
		err = fmt.Errorf("another memsweep run works on %s: stop it first, or give this one a history of its own", s.History)
	}
	return f, err
}
