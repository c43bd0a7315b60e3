package history_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/internal/pretend"
)

// pretended opens a history that never was.
func pretended(t testing.TB, size pretend.Size) *history.Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "history.db")
	if err := pretend.Write(context.Background(), path, size); err != nil {
		t.Fatal(err)
	}
	s, err := history.Open(context.Background(), path, history.ReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestEveryExposureIsListedOnce(t *testing.T) {
	t.Parallel()
	s, ctx := pretended(t, pretend.Size{Exposures: 700, Sweeps: 12}), context.Background()
	for _, f := range []history.Filter{{}, {State: history.Any}, {State: history.OnlyFixed}, {AtLeast: "high"}, {Only: "medium", State: history.Any}, {Vantage: "partner"}, {Owner: "team-03"}, {Transport: "udp", Verdict: "reflector"}} {
		want, err := s.Count(ctx, f)
		if err != nil {
			t.Fatal(err)
		}
		seen, after := map[int64]bool{}, ""
		for pages := 0; ; pages++ {
			list, next, err := s.Exposures(ctx, f, history.Page{After: after, Limit: 37})
			if err != nil || pages > 100 {
				t.Fatal(pages, err)
			}
			for _, e := range list {
				if seen[e.ID] {
					t.Fatalf("%+v: exposure %d twice", f, e.ID)
				}
				seen[e.ID] = true
			}
			if after = next; after == "" {
				break
			}
		}
		if len(seen) != want || want == 0 {
			t.Errorf("%+v: %d listed, %d counted", f, len(seen), want)
		}
	}
}
