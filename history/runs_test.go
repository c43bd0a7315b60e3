package history_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/memsweep/memsweep/history"
)

func openForRuns(t *testing.T, path string) *history.Store {
	t.Helper()
	s, err := history.Open(context.Background(), path, history.Create)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

var runsAt = time.Date(2026, 11, 21, 3, 10, 0, 0, time.UTC)

// The bookkeeping of runs: no two at once, nothing ended twice, each missed one
// noted once.
func TestRunsAreBookedOnce(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := openForRuns(t, filepath.Join(t.TempDir(), "h.db"))
	run, err := s.BeginRun(ctx, "office", runsAt, runsAt.Add(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.BeginRun(ctx, "office", runsAt.Add(time.Hour), runsAt.Add(time.Hour)); !errors.Is(err, history.ErrRunning) {
		t.Errorf("a second run at once: %v", err)
	}
	if _, err := s.BeginRun(ctx, "other", runsAt, runsAt); err != nil {
		t.Errorf("another job: %v", err)
	}
	if err := s.NoteProgress(ctx, run.ID, "scan-1", history.Progress{At: runsAt, Done: 0.5, Pass: 1, Tries: 2}); err != nil {
		t.Error(err)
	}
	open, err := s.Unfinished(ctx)
	if err != nil || len(open) != 2 || open[0].Scan != "scan-1" || open[0].Progress == nil || open[0].Progress.Done != 0.5 {
		t.Errorf("%+v, %v", open, err)
	}
	for range 2 { // the second changes nothing
		if err := s.EndRun(ctx, run.ID, runsAt.Add(time.Minute), history.Incomplete, "", "part of it was not scanned"); err != nil {
			t.Error(err)
		}
	}
	if err := s.EndRun(ctx, run.ID, runsAt, history.Complete, "", ""); !errors.Is(err, history.ErrRunEnded) {
		t.Errorf("ended in two ways: %v", err)
	}
	if err := s.EndRun(ctx, 4711, runsAt, history.Complete, "", ""); !errors.Is(err, history.ErrNotFound) {
		t.Errorf("a run that never was: %v", err)
	}
	if _, err := s.BeginRun(ctx, "office", runsAt, runsAt); !errors.Is(err, history.ErrRunEnded) {
		t.Errorf("a due time run twice: %v", err)
	}
	for range 2 {
		if err := s.NoteMissed(ctx, "office", runsAt.Add(time.Hour), "nobody was there"); err != nil {
			t.Error(err)
		}
	}
	if err := s.NoteMissed(ctx, "office", runsAt, "it was run"); err != nil {
		t.Error(err)
	}
	list, next, err := s.Runs(ctx, "office", history.Page{})
	if err != nil || next != "" || len(list) != 2 || list[0].Outcome != history.Missed || list[1].Outcome != history.Incomplete || list[1].Scan != "scan-1" {
		t.Errorf("%+v, %q, %v", list, next, err)
	}
	if _, err := s.BeginRun(ctx, "office", runsAt.Add(time.Hour), runsAt.Add(2*time.Hour)); err != nil {
		t.Errorf("a missed run made up for: %v", err)
	}
}

// Of many that begin a run at once, in several processes' stores, one does.
func TestOneRunBegins(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "h.db")
	var began, refused atomic.Int32
	var all sync.WaitGroup
	for i := range 8 {
		s := openForRuns(t, path)
		all.Go(func() {
			switch _, err := s.BeginRun(context.Background(), "office", runsAt.Add(time.Duration(i)), runsAt); {
			case err == nil:
				began.Add(1)
			case errors.Is(err, history.ErrRunning):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if began.Load() != 1 || refused.Load() != 7 {
		t.Errorf("%d began, %d were refused", began.Load(), refused.Load())
	}
}

func TestRunsPages(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := openForRuns(t, filepath.Join(t.TempDir(), "h.db"))
	for i := range 25 {
		if err := s.NoteMissed(ctx, fmt.Sprint("job", i%2), runsAt.Add(time.Duration(i/2)*time.Hour), ""); err != nil {
			t.Fatal(err)
		}
	}
	for job, want := range map[string]int{"": 25, "job0": 13, "job1": 12, "none": 0} {
		seen, after := map[int64]bool{}, ""
		for range 10 {
			list, next, err := s.Runs(ctx, job, history.Page{After: after, Limit: 4})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range list {
				seen[r.ID] = true
			}
			if after = next; next == "" {
				break
			}
		}
		if len(seen) != want {
			t.Errorf("%q: %d runs, want %d", job, len(seen), want)
		}
	}
	if _, _, err := s.Runs(ctx, "", history.Page{After: "x"}); err == nil {
		t.Error("a cursor that is none was taken")
	}
}

// What is watched moves on with each run, and begins anew with another schedule.
func TestWatch(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := openForRuns(t, filepath.Join(t.TempDir(), "h.db"))
	expect := func(schedule string, now, want time.Time) {
		t.Helper()
		if since, err := s.Watch(ctx, "office", schedule, now); err != nil || !since.Equal(want) {
			t.Errorf("%v, %v; want %v", since, err, want)
		}
	}
	expect("at 03:10", runsAt, runsAt)
	expect("at 03:10", runsAt.Add(48*time.Hour), runsAt)
	if err := s.NoteMissed(ctx, "office", runsAt.Add(24*time.Hour), ""); err != nil {
		t.Fatal(err)
	}
	expect("at 03:10", runsAt.Add(48*time.Hour), runsAt.Add(24*time.Hour))
	expect("every 1h", runsAt.Add(48*time.Hour), runsAt.Add(48*time.Hour))
	if _, err := s.BeginRunByHand(ctx, "office", runsAt.Add(72*time.Hour)); err != nil {
		t.Fatal(err)
	}
	expect("every 1h", runsAt.Add(73*time.Hour), runsAt.Add(48*time.Hour))
	for _, keep := range [][]string{{"office"}, nil} {
		if err := s.Unwatch(ctx, keep); err != nil {
			t.Fatal(err)
		}
		want := runsAt.Add(48 * time.Hour)
		if keep == nil {
			want = runsAt.Add(96 * time.Hour)
		}
		expect("every 1h", runsAt.Add(96*time.Hour), want)
	}
}
