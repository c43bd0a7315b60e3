package history_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
)

// TestAFileThatWasReplaced is neither read nor written any more: it would be the
// old one, which nobody sees again.
func TestAFileThatWasReplaced(t *testing.T) {
	t.Parallel()
	for name, replace := range map[string]func(path string) error{
		"another file": func(path string) error {
			other, err := history.Open(context.Background(), path+".new", history.Create)
			if err != nil {
				return err
			}
			return errors.Join(other.Close(), os.Rename(path+".new", path))
		},
		"deleted": os.Remove,
	} {
		s, path := newStore(t)
		x := swept{id: "s1", vantage: "inet", at: day(1), plan: planOf(29), tcp: map[int]what{1: {state: exposure.Open}}}
		take(t, s, x)
		ctx := context.Background()
		if _, err := s.Overview(ctx); err != nil {
			t.Fatal(err)
		}
		if err := replace(path); err != nil {
			t.Fatal(err)
		}
		x.id, x.at = "s2", day(2)
		_, pulse := s.Pulse(ctx)
		_, overview := s.Overview(ctx)
		_, readings := s.Readings(ctx, time.Now())
		_, imported := importing(t, s, x, "json")
		_, run := s.BeginRun(ctx, "nightly", day(2), day(2))
		for what, err := range map[string]error{"pulse": pulse, "overview": overview, "readings": readings, "import": imported, "run": run} {
			if !errors.Is(err, history.ErrReplaced) {
				t.Errorf("%s: %s: %v", name, what, err)
			}
		}
	}
}
