package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
)

// configure writes another configuration.
func (s *scheduler) configure(config string) {
	s.t.Helper()
	if err := os.WriteFile(s.config, []byte(config), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// TestChangedJobsBeginAnew: a sweep that was cut off does not go on when its job asks
// for something else by now: nothing is swept, and nowhere as fast, as only the file
// of before had it.
func TestChangedJobsBeginAnew(t *testing.T) {
	t.Parallel()
	const job = "history: h.db\njobs:\n  net: {targets: %s, port: 11998, rate: %d, timeout: 100ms, cooldown: 100ms, cron: \"0 * * * *\"}\n"
	at := time.Date(2026, 11, 20, 23, 30, 0, 0, time.UTC)
	for _, c := range []struct {
		name, targets string
		rate          int
		sweeps        []exposure.Status // the latest first
	}{
		{"nothing", "127.98.4.0/25", 120, []exposure.Status{exposure.Complete}},
		{"targets", "127.98.5.0/30", 120, []exposure.Status{exposure.Complete, exposure.Interrupted}},
		{"rate", "127.98.4.0/25", 400, []exposure.Status{exposure.Complete, exposure.Interrupted}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := scheduled(t, at, fmt.Sprintf(job, "127.98.4.0/25", 120))
			s.clock.set(at.Add(30 * time.Minute))
			eventually(t, func() bool { r := lastRun(t, s.store); return r != nil && r.Progress != nil })
			s.halt()
			if found, err := filepath.Glob(filepath.Join(filepath.Dir(s.config), "h.db.runs", "*", checkpointGlob)); err != nil || len(found) != 1 {
				t.Errorf("checkpoints: %v, %v", found, err)
			}
			s.configure(fmt.Sprintf(job, c.targets, c.rate))
			s.start()
			s.expect("net 21 00:00 complete: ")
			s.halt()
			sweeps, _, err := s.store.Sweeps(context.Background(), "", "net", history.Page{})
			if err != nil || len(sweeps) != len(c.sweeps) {
				t.Fatalf("%+v, %v", sweeps, err)
			}
			for i, status := range c.sweeps {
				if sweeps[i].Status != status {
					t.Errorf("sweep %d: %s, not %s", i, sweeps[i].Status, status)
				}
			}
			if got := sweeps[0].RateAsked; got != float64(c.rate) {
				t.Errorf("swept at %v, not %d", got, c.rate)
			}
		})
	}
}
