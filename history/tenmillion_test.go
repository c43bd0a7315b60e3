package history_test

import (
	"context"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/memsweep/memsweep/history"
)

// TestTenMillion imports 100 sweeps of 100,000 exposures, and says how fast that
// was, how large the file is, and what a report costs that comes late: one of all
// of them, and one of a few. HISTORY_SWEEPS=100 asks for it: it takes minutes.
func TestTenMillion(t *testing.T) {
	sweeps, err := strconv.Atoi(os.Getenv("HISTORY_SWEEPS"))
	if err != nil {
		t.Skip("HISTORY_SWEEPS=100 asks for it")
	}
	const exposures = 100_000
	s, path := newStore(t)
	k := keep(t, exposures)
	var first, spent time.Duration
	for i := range sweeps {
		d := record(t, s, i, k)
		if spent += d; i == 0 {
			first = d
		}
	}
	late := func(what string, k *kept) {
		k.header.Sweep.ID, k.header.Sweep.Started = "late "+what, day(sweeps/2).Add(12*time.Hour)
		k.summary.Finished = k.header.Sweep.Started.Add(time.Hour)
		t.Logf("a late report of %s: %s", what, recorded(t, s, k).Round(10*time.Millisecond))
	}
	late("all", k)
	k = keep(t, 20)
	late("few", k)
	k = nil
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d observations in %s: %.0f/s; the first sweep %s, each that followed %s; %d MB, and %d MB of memory from the system",
		sweeps*exposures, spent.Round(time.Second), float64(sweeps*exposures)/spent.Seconds(), first.Round(10*time.Millisecond),
		((spent - first) / time.Duration(max(1, sweeps-1))).Round(10*time.Millisecond), info.Size()>>20, m.Sys>>20)
	start := time.Now()
	if s, err = history.Open(context.Background(), path, history.Existing); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	clean(t, s)
	t.Logf("check: %s", time.Since(start).Round(time.Second))
}
