package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/memsweep/memsweep/history"
)

func scheduled(t *testing.T, now time.Time, config string) *scheduler {
	t.Helper()
	dir := t.TempDir()
	s := &scheduler{t: t, config: filepath.Join(dir, "run.yaml"), clock: &clockwork{now: now}}
	if err := os.WriteFile(s.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.store, err = history.Open(context.Background(), filepath.Join(dir, "h.db"), history.Create); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.store.Close() })
	s.start()
	return s
}

func (s *scheduler) runs() (list []string) {
	s.t.Helper()
	all, _, err := s.store.Runs(context.Background(), "", history.Page{})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, r := range all {
		list = append([]string{fmt.Sprintf("%s %s %s: %s", r.Job, r.Due.Format("02 15:04"), r.Outcome, r.Problem)}, list...)
	}
	return list
}

// expect waits until the runs are these.
func (s *scheduler) expect(want ...string) {
	s.t.Helper()
	var got []string
	for range 800 {
		if got = s.runs(); strings.Join(got, "\n") == strings.Join(want, "\n") {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	s.t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
}

// A run that is due while the one before goes on is missed: the first is noted at
// once, and the others as one.
func TestRunsDoNotOverlap(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 20, 23, 30, 0, 0, time.UTC)
	s := scheduled(t, at, `history: h.db
jobs:
  net: {targets: 127.98.0.0/24, port: 11998, rate: 120, timeout: 100ms, cooldown: 100ms, cron: "0 * * * *"}
`)
	hour := func(n int) { s.clock.set(at.Add(time.Duration(n)*time.Hour - 29*time.Minute)) }
	hour(1)
	s.expect("net 21 00:00 running: ")
	hour(2)
	s.expect("net 21 00:00 running: ", "net 21 01:00 missed: the run due at 2026-11-21 00:00:00 UTC was still going")
	for n := 3; n <= 5; n++ {
		hour(n)
		time.Sleep(100 * time.Millisecond)
	}
	s.expect("net 21 00:00 complete: ", "net 21 01:00 missed: the run due at 2026-11-21 00:00:00 UTC was still going",
		"net 21 04:00 missed: the run due at 2026-11-21 00:00:00 UTC was still going; so it was at that time, and at the 2 before, since 2026-11-21 02:00:00 UTC")
	s.halt()
}

// What was missed is noted as one, and made up for where that is wanted.
func TestRunsCatchUp(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	s := scheduled(t, at, `history: h.db
parallel: 2
jobs:
  lazy: {targets: 127.98.1.1, port: 11998, timeout: 100ms, cooldown: 100ms, at: "03:00"}
  keen: {targets: 127.98.1.1, port: 11998, timeout: 100ms, cooldown: 100ms, at: "04:00", catch_up: true}
`)
	s.halt()
	s.clock.set(at.AddDate(0, 0, 10))
	s.start()
	s.expect("keen 09 04:00 missed: memsweep run was not running, or asleep, at that time, and at the 8 before, since 2026-11-01 04:00:00 UTC",
		"lazy 10 03:00 missed: memsweep run was not running, or asleep, at that time, and at the 9 before, since 2026-11-01 03:00:00 UTC",
		"keen 10 04:00 complete: ")
	s.halt()
}

// Of two who make a run of a job at once, in processes of their own, one is refused.
func TestOnceIsAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config := `history: h.db
jobs:
  net: {targets: 127.98.2.0/24, port: 11998, rate: 300, timeout: 100ms, cooldown: 100ms, every: 24h}
`
	if err := os.WriteFile(filepath.Join(dir, "run.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	codes := map[int]int{}
	first, log := programme(t, dir, "run", "--once", "net", "run.yaml")
	second, other := programme(t, dir, "run", "--once", "net", "run.yaml")
	first.Wait()
	second.Wait()
	codes[first.ProcessState.ExitCode()]++
	codes[second.ProcessState.ExitCode()]++
	said := log.String() + other.String()
	if codes[exitOK] != 1 || codes[exitUsage] != 1 || !strings.Contains(said, "job net: another process makes a run of it") {
		t.Errorf("%v\n%s", codes, said)
	}
}

// Whose turn it is was due before the others: the jobs that are first in the file
// do not keep out those behind them.
func TestRunsTakeTurns(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 20, 23, 30, 0, 0, time.UTC)
	s := scheduled(t, at, `history: h.db
jobs:
  a: {targets: 127.98.3.0/28, port: 11998, rate: 50, timeout: 100ms, cooldown: 100ms, cron: "0 * * * *"}
  b: {targets: 127.98.3.0/28, port: 11998, rate: 50, timeout: 100ms, cooldown: 100ms, cron: "1 * * * *"}
  c: {targets: 127.98.3.0/30, port: 11998, timeout: 100ms, cooldown: 100ms, cron: "2 0 * * *"}
`)
	s.clock.set(at.Add(30 * time.Minute))
	s.expect("a 21 00:00 running: ")
	s.clock.set(at.Add(32 * time.Minute)) // b and c wait
	eventually(t, func() bool { return len(s.runs()) > 1 })
	s.clock.set(at.Add(91 * time.Minute)) // b goes on, c waits, a is due again
	eventually(t, func() bool {
		list := s.runs()
		return len(list) > 3 && slices.Contains(list, "c 21 00:02 complete: ")
	})
	first := map[string]int64{}
	all, _, err := s.store.Runs(context.Background(), "", history.Page{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if r.Outcome != history.Missed {
			first[r.Job+r.Due.Format(" 15:04")] = r.ID
		}
	}
	if first["c 00:02"] > first["a 01:00"] && first["a 01:00"] > 0 {
		t.Errorf("a had two turns before c had one: %v", s.runs())
	}
	s.halt()
}

// A job that is taken out while its run stands still in a blackout leaves no run
// that goes on for ever.
func TestRunOfARemovedJobEnds(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 20, 23, 30, 0, 0, time.UTC)
	const other = "history: h.db\njobs:\n  other: {targets: 127.98.3.1, every: 366d}\n"
	s := scheduled(t, at, other+"  net: {targets: 127.98.3.0/25, port: 11998, rate: 50, timeout: 100ms, cooldown: 100ms, at: \"00:00\", blackout: \"00:01-05:00\"}\n")
	s.clock.set(at.Add(30 * time.Minute))
	eventually(t, func() bool { r := lastRun(t, s.store); return r != nil && r.Progress != nil })
	s.clock.set(at.Add(32 * time.Minute))
	s.expect("net 21 00:00 running: a blackout, until 2026-11-21 05:00 UTC")
	time.Sleep(200 * time.Millisecond) // it is booked a moment before it stands still
	s.configure(other)
	s.reload <- syscall.SIGHUP
	s.expect("net 21 00:00 failed: it was cut off, and the configuration has no such job any more, or not enabled")
	s.halt()
}

// A due time that finds the run of another process cut off is not forgotten.
func TestRunThatWasCutOffTakesAPlace(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 20, 23, 30, 0, 0, time.UTC)
	s := scheduled(t, at, "history: h.db\njobs:\n  net: {targets: 127.98.3.0/30, port: 11998, timeout: 100ms, cooldown: 100ms, catch_up: true, at: \"00:00\"}\n")
	if _, err := s.store.BeginRun(context.Background(), "net", at.Add(time.Minute), at.Add(time.Minute)); err != nil { // --once, and kill -9
		t.Fatal(err)
	}
	s.clock.set(at.Add(30 * time.Minute))
	s.expect("net 20 23:31 complete: ", "net 21 00:00 missed: the run due at 2026-11-20 23:31:00 UTC had been cut off, and went on")
	s.halt()
}

// A run that the history could not be told of, for somebody else wrote to it for
// long, is made when that is over.
func TestRunThatCannotBeBookedIsTriedAgain(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 20, 23, 30, 0, 0, time.UTC)
	s := scheduled(t, at, "history: h.db\njobs:\n  net: {targets: 127.98.3.0/30, port: 11998, timeout: 100ms, cooldown: 100ms, at: \"00:00\"}\n")
	folder := filepath.Join(filepath.Dir(s.config), "h.db.runs") // its lock cannot be made, which is quicker than to hold the history for a minute
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(folder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.clock.set(at.Add(30 * time.Minute))
	time.Sleep(300 * time.Millisecond)
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	s.clock.set(at.Add(32 * time.Minute))
	s.expect("net 21 00:00 complete: ")
	s.halt()
}

// A job that was not in the file for a while missed nothing meanwhile.
func TestJobsThatComeBackMissedNothing(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	const other = "history: h.db\njobs:\n  other: {targets: 127.98.3.1, every: 366d}\n"
	const both = other + "  net: {targets: 127.98.3.0/30, port: 11998, timeout: 100ms, cooldown: 100ms, at: \"03:00\"}\n"
	s := scheduled(t, at, both)
	s.halt()
	s.configure(other)
	s.start()
	s.halt()
	s.clock.set(at.AddDate(0, 0, 10))
	s.configure(both)
	s.start()
	s.clock.set(at.AddDate(0, 0, 10).Add(3 * time.Hour))
	s.expect("net 11 03:00 complete: ")
	s.halt()
}

// A run by hand does not hide what was missed before it.
func TestRunByHandHidesNothing(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	s := scheduled(t, at, "history: h.db\njobs:\n  net: {targets: 127.98.3.0/30, port: 11998, timeout: 100ms, cooldown: 100ms, at: \"03:00\"}\n")
	s.halt()
	if code, log := finished(t, filepath.Dir(s.config), "run", "--once", "net", "run.yaml"); code != exitOK {
		t.Fatalf("exit %d: %s", code, log)
	}
	s.clock.set(at.AddDate(0, 0, 1).Add(4 * time.Hour))
	s.start()
	eventually(t, func() bool {
		return slices.Contains(s.runs(), "net 02 03:00 missed: memsweep run was not running, or asleep, at that time, and at the one before, 2026-11-01 03:00:00 UTC")
	})
	s.halt()
}
