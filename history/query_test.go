package history_test

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/history/life"
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

// all reads a whole list, in parts of limit.
func all[T any](t rapid.TB, limit int, ask func(history.Page) ([]T, string, error)) (list []T) {
	t.Helper()
	for p := (history.Page{Limit: limit}); ; {
		part, next, err := ask(p)
		if err != nil {
			t.Fatal(err)
		}
		if len(part) > limit || len(part) < limit && next != "" {
			t.Fatalf("a part of %d, limit %d, next %q", len(part), limit, next)
		}
		if list = append(list, part...); next == "" {
			return list
		}
		p.After = next
	}
}

// picks is what a Filter means, said once more and plainly.
func picks(f history.Filter, e history.Exposure) bool {
	inRanges := len(f.Ranges) == 0
	for _, r := range f.Ranges {
		inRanges = inRanges || r.Contains(e.IP)
	}
	state := e.Open
	switch f.State {
	case history.OnlyFixed:
		state = !e.Open
	case history.Any:
		state = true
	}
	return state && inRanges && (f.AtLeast == "" || e.Severity.AtLeast(f.AtLeast)) && (f.Only == "" || e.Severity == f.Only) &&
		(f.Vantage == "" || e.Vantage.Name == f.Vantage) && (f.Owner == "" || e.Owner == f.Owner) && (f.Verdict == "" || e.Verdict == f.Verdict) &&
		(f.Transport == "" || e.Transport == f.Transport)
}

// filters makes some of all kinds.
func filters() *rapid.Generator[history.Filter] {
	ranges := rapid.SampledFrom([]string{"10.0.0.0/8", "10.0.0.0/24", "10.0.0.1/32", "10.0.1.0/25", "0.0.0.0/0", "::/0", "2001:db8::/32", "2001:db8::11/128", "::ffff:10.0.0.0/120", "::/64", "192.0.2.0/24"})
	return rapid.Custom(func(t *rapid.T) history.Filter {
		f := history.Filter{
			State:     rapid.SampledFrom([]history.State{"", history.OnlyOpen, history.OnlyFixed, history.Any, history.Any}).Draw(t, "state"),
			AtLeast:   rapid.SampledFrom(append(exposure.Severities(), "", "", "")).Draw(t, "at least"),
			Only:      rapid.SampledFrom(append(exposure.Severities(), "", "", "", "", "")).Draw(t, "only"),
			Vantage:   rapid.SampledFrom([]string{"", "", "office", "internet", "nowhere"}).Draw(t, "vantage"),
			Owner:     rapid.SampledFrom([]string{"", "", "", "team-03", "nobody"}).Draw(t, "owner"),
			Verdict:   rapid.SampledFrom([]exposure.Verdict{"", "", "", exposure.Reflector, exposure.OpenTCP, exposure.TLSVerdict}).Draw(t, "verdict"),
			Transport: rapid.SampledFrom([]exposure.Transport{"", "", exposure.TCP, exposure.UDP}).Draw(t, "transport"),
		}
		for _, r := range rapid.SliceOfN(ranges, 0, 3).Draw(t, "ranges") {
			f.Ranges = append(f.Ranges, netip.MustParsePrefix(r))
		}
		return f
	})
}

// unmapped: a range of addresses that IPv4 is mapped into is one of IPv4.
func unmapped(f history.Filter) history.Filter {
	f.Ranges = slices.Clone(f.Ranges)
	for i, r := range f.Ranges {
		if r.Addr().Is4In6() {
			f.Ranges[i] = netip.PrefixFrom(r.Addr().Unmap(), r.Bits()-96)
		}
	}
	return f
}

func TestFiltersPickWhatTheySay(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	// Less and more than are looked at one by one.
	for _, size := range []int{250, 2600} {
		s := pretended(t, pretend.Size{Exposures: size, Sweeps: 12})
		whole := all(t, 1000, func(p history.Page) ([]history.Exposure, string, error) {
			return s.Exposures(ctx, history.Filter{State: history.Any}, p)
		})
		if len(whole) != size {
			t.Fatalf("%d of %d", len(whole), size)
		}
		events := all(t, 1000, func(p history.Page) ([]history.Change, string, error) {
			return s.Changes(ctx, history.ChangeFilter{}, p)
		})
		rapid.Check(t, func(t *rapid.T) {
			f, limit := filters().Draw(t, "filter"), rapid.IntRange(100, 1000).Draw(t, "limit")
			var want []int64
			for _, e := range whole {
				if picks(unmapped(f), e) {
					want = append(want, e.ID)
				}
			}
			var got []int64
			for _, e := range all(t, limit, func(p history.Page) ([]history.Exposure, string, error) { return s.Exposures(ctx, f, p) }) {
				got = append(got, e.ID)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%d exposures, want %d in their order", len(got), len(want))
			}
			if n, err := s.Count(ctx, f); err != nil || n != len(want) {
				t.Fatalf("%d are counted, %v; want %d", n, err, len(want))
			}
			checkChanges(t, s, f, events, limit)
			checkMatrix(t, s, f, whole, limit)
		})
	}
}

func checkChanges(t *rapid.T, s *history.Store, f history.Filter, events []history.Change, limit int) {
	ctx := context.Background()
	c := history.ChangeFilter{Of: f, Kinds: rapid.SliceOfN(rapid.SampledFrom([]life.Kind{life.New, life.Fixed, life.Worse, life.Better, life.Changed}), 0, 2).Draw(t, "kinds")}
	if rapid.Bool().Draw(t, "since") {
		c.Since = pretend.Begin.AddDate(0, 0, rapid.IntRange(0, 12).Draw(t, "from"))
	}
	if rapid.Bool().Draw(t, "until") {
		c.Until = pretend.Begin.AddDate(0, 0, rapid.IntRange(0, 12).Draw(t, "to"))
	}
	of := unmapped(f)
	of.State, of.AtLeast, of.Only = history.Any, "", ""
	var want, got []int64
	for _, e := range events {
		if picks(of, e.Exposure) && (f.AtLeast == "" || e.Severity.AtLeast(f.AtLeast)) && (f.Only == "" || e.Severity == f.Only) &&
			(len(c.Kinds) == 0 || slices.Contains(c.Kinds, e.Kind)) && (c.Since.IsZero() || !e.At.Before(c.Since)) && (c.Until.IsZero() || !e.At.After(c.Until)) {
			want = append(want, e.ID)
		}
	}
	for _, e := range all(t, limit, func(p history.Page) ([]history.Change, string, error) { return s.Changes(ctx, c, p) }) {
		got = append(got, e.ID)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%d changes, want %d in their order", len(got), len(want))
	}
}

func checkMatrix(t *rapid.T, s *history.Store, f history.Filter, whole []history.Exposure, limit int) {
	of := unmapped(f)
	var want []history.Endpoint
	seen := map[history.Endpoint]bool{}
	cells := map[history.Endpoint]int{}
	for _, e := range whole { // in order
		if cells[e.Endpoint]++; picks(of, e) && !seen[e.Endpoint] {
			seen[e.Endpoint] = true
			want = append(want, e.Endpoint)
		}
	}
	got := all(t, limit, func(p history.Page) ([]history.MatrixRow, string, error) {
		m, next, err := s.Matrix(context.Background(), f, p)
		return m.Rows, next, err
	})
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for i, row := range got {
		filled := 0
		for _, c := range row.Cells {
			if c != nil {
				filled++
			}
		}
		if row.Endpoint != want[i] || filled != cells[want[i]] {
			t.Fatalf("row %d is %v with %d cells, want %v with %d", i, row.Endpoint, filled, want[i], cells[want[i]])
		}
	}
}

func TestWhatToFixFirstIsFirst(t *testing.T) {
	t.Parallel()
	s := pretended(t, pretend.Size{Exposures: 500, Sweeps: 12})
	list, _, err := s.Exposures(context.Background(), history.Filter{}, history.Page{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	baf := func(e history.Exposure) int64 {
		if e.BAF == nil {
			return 0
		}
		return int64(*e.BAF)
	}
	if !slices.IsSortedFunc(list, func(a, b history.Exposure) int {
		worse := slices.Index(exposure.Severities(), a.Severity) - slices.Index(exposure.Severities(), b.Severity)
		return cmp.Or(worse, cmp.Compare(baf(b), baf(a)), a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID))
	}) {
		t.Error("not in the order of urgency, age and ID")
	}
}

// TestForeignCursorsAreRefused: whatever comes as a cursor, it leads to rows or to
// one clear error.
func TestForeignCursorsAreRefused(t *testing.T) {
	t.Parallel()
	s, ctx := pretended(t, pretend.Size{Exposures: 50, Sweeps: 9}), context.Background()
	_, good, err := s.Exposures(ctx, history.Filter{}, history.Page{Limit: 1})
	if err != nil || good == "" {
		t.Fatal(good, err)
	}
	if _, _, err := s.Changes(ctx, history.ChangeFilter{}, history.Page{After: good}); !errors.Is(err, history.ErrCursor) {
		t.Errorf("a cursor of exposures in changes: %v", err)
	}
	rapid.Check(t, func(t *rapid.T) {
		cursor := rapid.OneOf(rapid.String(), rapid.StringMatching(`A[A-Za-z0-9_-]{1,60}`), rapid.Just(good+"A"), rapid.Just(good[:len(good)-1]), rapid.Just(good+"=")).Draw(t, "cursor")
		for name, ask := range map[string]func(history.Page) error{
			"exposures": func(p history.Page) error { _, _, err := s.Exposures(ctx, history.Filter{}, p); return err },
			"matrix":    func(p history.Page) error { _, _, err := s.Matrix(ctx, history.Filter{}, p); return err },
			"changes":   func(p history.Page) error { _, _, err := s.Changes(ctx, history.ChangeFilter{}, p); return err },
			"sweeps":    func(p history.Page) error { _, _, err := s.Sweeps(ctx, "", "", p); return err },
			"runs":      func(p history.Page) error { _, _, err := s.Runs(ctx, "", p); return err },
		} {
			if err := ask(history.Page{After: cursor}); err != nil && !errors.Is(err, history.ErrCursor) {
				t.Fatalf("%s: %v", name, err)
			}
		}
	})
}

func TestTrendCountsWhatWasOpen(t *testing.T) {
	t.Parallel()
	s, ctx := pretended(t, pretend.Size{Exposures: 400, Sweeps: 30}), context.Background()
	o, err := s.Overview(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, points := range []int{1, 7, 500} {
		list, err := s.Trend(ctx, "", time.Time{}, time.Time{}, points)
		if err != nil || len(list) == 0 || len(list) > points {
			t.Fatalf("%d points of %d, %v", len(list), points, err)
		}
		for severity, n := range list[len(list)-1].Open {
			if n != o.Severities[severity] {
				t.Errorf("%d points: at the end %d are %s, and %d are", points, n, severity, o.Severities[severity])
			}
		}
		if !slices.IsSortedFunc(list, func(a, b history.Point) int { return a.At.Compare(b.At) }) {
			t.Error("not in order")
		}
	}
	if list, err := s.Trend(ctx, "nowhere", time.Time{}, time.Time{}, 5); err != nil || len(list) != 0 {
		t.Errorf("of nowhere: %v, %v", list, err)
	}
	long := pretend.Begin.AddDate(3, 0, 0)
	if list, err := s.Trend(ctx, "office", long, time.Time{}, 5); err != nil || len(list) != 1 {
		t.Errorf("since long after: %v, %v", list, err)
	}
	if list, err := s.Trend(ctx, "office", time.Time{}, pretend.Begin.AddDate(-1, 0, 0), 5); err != nil || len(list) != 0 {
		t.Errorf("until long before: %v, %v", list, err)
	}
}

func TestAnEmptyHistoryAnswers(t *testing.T) {
	t.Parallel()
	s, ctx := pretended(t, pretend.Size{}), context.Background()
	if _, err := s.Host(ctx, netip.MustParseAddr("192.0.2.7")); !errors.Is(err, history.ErrNotFound) {
		t.Error(err)
	}
	if _, err := s.Sweep(ctx, "none"); !errors.Is(err, history.ErrNotFound) {
		t.Error(err)
	}
	if o, err := s.Overview(ctx); err != nil || o.Open != 0 || o.Oldest != nil {
		t.Error(o, err)
	}
	if l, err := s.Trend(ctx, "", time.Time{}, time.Time{}, 0); err != nil || len(l) != 0 {
		t.Error(l, err)
	}
	if p, err := s.Pulse(ctx); err != nil || p.Scan != "" {
		t.Error(p, err)
	}
}
