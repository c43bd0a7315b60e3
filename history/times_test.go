package history_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/history/life"
	"github.com/memsweep/memsweep/internal/pretend"
)

// TestQueryTimes measures each question of a big history: MEMSWEEP_HISTORY=FILE,
// made by TestWriteBig of internal/pretend.
func TestQueryTimes(t *testing.T) {
	path := os.Getenv("MEMSWEEP_HISTORY")
	if path == "" {
		t.Skip("MEMSWEEP_HISTORY names no file")
	}
	s, err := history.Open(context.Background(), path, history.ReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, q := range questions(s) {
		var times []time.Duration
		for range 30 {
			begin := time.Now()
			if err := q.ask(context.Background()); err != nil {
				t.Fatalf("%s: %v", q.name, err)
			}
			times = append(times, time.Since(begin))
		}
		slices.Sort(times)
		t.Logf("%-40s p50 %7.2f ms  p95 %7.2f ms", q.name, ms(times[15]), ms(times[28]))
		if times[28] > 100*time.Millisecond {
			t.Errorf("%s: p95 is %s", q.name, times[28])
		}
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// question is one that a page asks.
type question struct {
	name string
	ask  func(context.Context) error
}

func questions(s *history.Store) []question {
	var list []question
	add := func(name string, ask func(context.Context) error) { list = append(list, question{name, ask}) }
	wide, narrow := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/9")}, []netip.Prefix{netip.MustParsePrefix("10.0.3.0/24")}
	filters := []history.Filter{
		{}, {State: history.Any}, {State: history.OnlyFixed}, {AtLeast: "high"}, {Only: "low"}, {Vantage: "partner"}, {Vantage: "nowhere"}, {Owner: "team-07"}, {Owner: "nobody"},
		{Verdict: "tls"}, {Verdict: "none"}, {Transport: "udp"}, {Ranges: wide}, {Ranges: narrow}, {Ranges: wide, Verdict: "none", State: history.Any},
		{Ranges: []netip.Prefix{netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("10.1.0.0/16")}, Only: "critical", Vantage: "internet", Transport: "tcp", State: history.Any},
	}
	for _, f := range filters {
		add(fmt.Sprintf("exposures %v", f), func(ctx context.Context) error {
			return deep(func(p history.Page) (string, error) { _, n, err := s.Exposures(ctx, f, p); return n, err })
		})
		add(fmt.Sprintf("count %v", f), func(ctx context.Context) error { _, err := s.Count(ctx, f); return err })
		add(fmt.Sprintf("matrix %v", f), func(ctx context.Context) error { _, _, err := s.Matrix(ctx, f, history.Page{}); return err })
		add(fmt.Sprintf("changes %v", f), func(ctx context.Context) error {
			_, _, err := s.Changes(ctx, history.ChangeFilter{Of: f}, history.Page{})
			return err
		})
	}
	add("changes worse", func(ctx context.Context) error {
		_, _, err := s.Changes(ctx, history.ChangeFilter{Kinds: []life.Kind{life.Worse}, Since: pretend.Begin}, history.Page{})
		return err
	})
	add("changes of no kind", func(ctx context.Context) error {
		_, _, err := s.Changes(ctx, history.ChangeFilter{Kinds: []life.Kind{"none"}}, history.Page{})
		return err
	})
	add("overview", func(ctx context.Context) error { _, err := s.Overview(ctx); return err })
	add("not rescanned", func(ctx context.Context) error { _, err := s.Unasked(ctx); return err })
	add("owners", func(ctx context.Context) error { _, err := s.Owners(ctx); return err })
	add("host", func(ctx context.Context) error {
		_, err := s.Host(ctx, netip.MustParseAddr(pretend.HostIPv4))
		return err
	})
	add("sweeps", func(ctx context.Context) error { _, _, err := s.Sweeps(ctx, "", "", history.Page{}); return err })
	add("sweeps of a job", func(ctx context.Context) error {
		_, _, err := s.Sweeps(ctx, "partner", "partner-daily", history.Page{})
		return err
	})
	add("trend", func(ctx context.Context) error { _, err := s.Trend(ctx, "", time.Time{}, time.Time{}, 120); return err })
	add("trend, 500 points", func(ctx context.Context) error { _, err := s.Trend(ctx, "", time.Time{}, time.Time{}, 500); return err })
	add("events", func(ctx context.Context) error { _, err := s.Events(ctx, 100000, 1000); return err })
	return list
}

// deep asks for a page far in, when there is one: the cost must not grow.
func deep(ask func(history.Page) (string, error)) error {
	_, err := ask(history.Page{})
	return err
}
