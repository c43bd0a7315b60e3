package schedule

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/memsweep/memsweep/history"
)

// TestWhatCannotBeNotedCounts: due times that pass while the history takes nothing,
// on a full disk say, are among those that are noted later.
func TestWhatCannotBeNotedCounts(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "h.db")
	full, err := history.Open(ctx, path, history.Create)
	if err != nil {
		t.Fatal(err)
	}
	full.Close()
	store, err := history.Open(ctx, path, history.Existing)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	at := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	hour := func(n int) time.Time { return at.Add(time.Duration(n) * time.Hour) }
	w := &watched{job: Job{Name: "net", When: When{Zone: time.UTC}}, of: at}
	r := &Runner{Sweeper: Sweeper{Store: full, Log: slog.New(slog.DiscardHandler)}}
	r.overtaken(ctx, w, passed{n: 1, first: hour(1), last: hour(1)})
	r.overtaken(ctx, w, passed{n: 2, first: hour(2), last: hour(3)})
	r.Store = store
	r.overtaken(ctx, w, passed{n: 1, first: hour(4), last: hour(4)})
	r.overtaken(ctx, w, passed{n: 1, first: hour(5), last: hour(5)})
	if !w.noted || w.missed != 4 || !w.first.Equal(hour(1)) || !w.last.Equal(hour(5)) {
		t.Errorf("noted %v, %d missed from %s to %s", w.noted, w.missed, w.first, w.last)
	}
}
