package history_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
)

// TestPruneForgetsNoOpenExposure: whatever is pruned, what is open stays open
// since the same time, and what comes later means the same.
func TestPruneForgetsNoOpenExposure(t *testing.T) {
	t.Parallel()
	folder, count := t.TempDir(), 0
	const openOnes = `SELECT v.name, hex(e.ip), e.transport, e.first_seen, e.since, e.last_seen, e.last_asked, e.misses, e.baf, e.told_baf, hex(d.digest), hex(told.digest), e.finding IS NULL
		FROM exposure e JOIN vantage v ON v.id = e.vantage JOIN detail d ON d.id = e.detail JOIN detail told ON told.id = e.told WHERE e.open ORDER BY 1, 2, 3`
	const lately = `SELECT v.name, hex(e.ip), e.transport, x.kind, x.at FROM event x JOIN exposure e ON e.id = x.exposure JOIN vantage v ON v.id = e.vantage WHERE x.at >= ? ORDER BY 1, 2, 3, 4, 5`
	rapid.Check(t, func(rt *rapid.T) {
		ctx := context.Background()
		stores, paths := [2]*history.Store{}, [2]string{}
		for i := range stores {
			count++
			paths[i] = filepath.Join(folder, fmt.Sprintf("%d.db", count))
			var err error
			if stores[i], err = history.Open(ctx, paths[i], history.Create); err != nil {
				rt.Fatal(err)
			}
			defer stores[i].Close()
		}
		pruned := stores[1]
		add := func(x swept) {
			for _, s := range stores {
				if _, err := s.Import(ctx, bytes.NewReader(x.document(t, "jsonl")), x.id, exposure.Vantage{}, ""); err != nil {
					rt.Fatalf("import %s: %v", x.id, err)
				}
			}
		}
		checked := func() {
			if problems, err := pruned.Check(ctx); err != nil || len(problems) > 0 {
				rt.Fatalf("%v\n%s", err, strings.Join(problems, "\n"))
			}
		}
		sweeps := drawSweeps(rt)
		horizon := dayOne.Add(time.Duration(rapid.IntRange(0, 12).Draw(rt, "horizon")) * time.Hour)
		late := func(x swept) bool { return !x.at.Before(horizon) }
		for _, x := range sweeps {
			if !late(x) || rapid.Bool().Draw(rt, "early") {
				add(x)
			}
		}
		before := query(t, paths[1], openOnes)
		done, err := pruned.Prune(ctx, horizon)
		if err != nil {
			rt.Fatal(err)
		}
		checked()
		if after := query(t, paths[1], openOnes); !slices.Equal(before, after) {
			rt.Fatalf("pruned %+v\nbefore %v\nafter %v", done, before, after)
		}
		forgotten := query(t, paths[1], "SELECT count(*) FROM sweep WHERE started < ?", horizon.UnixMicro())
		if forgotten[0] != "0" {
			rt.Fatal("sweeps from before are still there")
		}
		for _, x := range sweeps { // those that are there already are there
			if late(x) {
				add(x)
				checked()
			} else if _, err := pruned.Import(ctx, bytes.NewReader(x.document(t, "jsonl")), x.id, exposure.Vantage{}, ""); err == nil || !strings.Contains(err.Error(), "was pruned") {
				rt.Fatalf("%s is from before: %v", x.id, err)
			}
		}
		if a, b := query(t, paths[0], lately, horizon.UnixMicro()), query(t, paths[1], lately, horizon.UnixMicro()); !slices.Equal(a, b) {
			rt.Fatalf("the whole %v\npruned %v", a, b)
		}
		if done2, err := pruned.Prune(ctx, horizon.Add(-time.Hour)); err != nil || done2 != (history.Pruned{}) {
			rt.Fatalf("pruned less: %+v, %v", done2, err)
		}
	})
}

// TestPruneKeepsWhatIsStillToBeTold: while a target has not been told of an event,
// nothing from its time on is forgotten.
func TestPruneKeepsWhatIsStillToBeTold(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, path := newStore(t)
	tell := func(limit int) (n int) {
		t.Helper()
		n, err := s.Enqueue(ctx, "soc", limit, day(9), listIDs)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	take(t, s, swept{id: "s0", vantage: "inet", at: day(0), plan: planOf(29), tcp: map[int]what{1: {state: exposure.Open}}})
	tell(1) // it begins here
	take(t, s, swept{id: "s1", vantage: "inet", at: day(1), plan: planOf(29), tcp: map[int]what{2: {state: exposure.Open}}})
	if err := s.NoteMissed(ctx, "nightly", day(2), "nothing ran"); err != nil {
		t.Fatal(err)
	}
	done, err := s.Prune(ctx, day(8))
	if err != nil || done.Sweeps != 1 || done.Untold != 3 || !done.Held.Equal(day(1)) {
		t.Fatalf("%+v, %v", done, err)
	}
	clean(t, s)
	if n := tell(2); n != 2 { // 2 is new, and 1 is fixed
		t.Fatalf("%d events are told", n)
	}
	if done, err = s.Prune(ctx, day(8)); err != nil || done.Sweeps != 1 || done.Exposures != 1 || done.Untold != 1 || !done.Held.Equal(day(2)) {
		t.Fatalf("%+v, %v", done, err)
	}
	if n := tell(9); n != 1 {
		t.Fatalf("%d events are told", n)
	}
	if done, err = s.Prune(ctx, day(8)); err != nil || done.Runs != 1 || done.Untold != 0 || !done.Held.IsZero() {
		t.Fatalf("%+v, %v", done, err)
	}
	clean(t, s)
	if n := query(t, path, "SELECT count(*) FROM outbox"); n[0] != "2" {
		t.Errorf("%s messages", n)
	}
}
