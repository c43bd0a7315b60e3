package history_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/history/life"
	"github.com/memsweep/memsweep/scanner"
)

// someSweeps are what a place might see over time: servers come, change and go,
// plans are smaller now and then, and some sweeps do not finish.
func someSweeps(r *rand.Rand) (list []swept) {
	for i := range 3 + r.IntN(5) {
		s := swept{id: fmt.Sprintf("s%d", i), vantage: "inet", at: day(i), plan: planOf(28 + r.IntN(2)), tcp: map[int]what{}, udp: map[int]what{}}
		if r.IntN(4) == 0 {
			s.cut = true
		}
		for host := range 8 {
			if r.IntN(2) == 0 {
				s.tcp[host] = what{state: []exposure.State{exposure.Open, exposure.AuthRequired}[r.IntN(2)], version: []string{"1.4.25", "1.6.39"}[r.IntN(2)]}
			}
			if r.IntN(3) == 0 {
				s.udp[host] = what{state: exposure.Open, baf: float64(10 * (1 + r.IntN(3)))}
			}
		}
		list = append(list, s)
	}
	return list
}

// TestDifferencesAreThoseOfTheirTimes: what a whole history says of two points in
// time is what one that ended there would know, and each exposure that either
// knows to be open is in exactly one class.
func TestDifferencesAreThoseOfTheirTimes(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	kinds := map[life.Kind]int{}
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 5))
		sweeps := someSweeps(r)
		whole, _ := newStore(t)
		var known []map[string]history.Exposure // after each sweep
		for _, s := range sweeps {
			take(t, whole, s)
			known = append(known, exposuresOf(t, whole))
		}
		for range 6 {
			a := r.IntN(len(sweeps))
			b := a + r.IntN(len(sweeps)-a)
			found := map[string]bool{}
			for d, err := range whole.Differences(ctx, sweeps[a].at, sweeps[b].at, history.Filter{}) {
				if err != nil {
					t.Fatal(err)
				}
				key := fmt.Sprint(d.Exposure.Endpoint)
				if found[key] {
					t.Fatalf("seed %d: %s twice", seed, key)
				}
				found[key] = true
				kinds[d.Kind]++
				was, now := known[a][key], known[b][key]
				if want := classOf(was, now, sweeps[a].at, sweeps[b].at); d.Kind != want {
					t.Errorf("seed %d, sweeps %d to %d: %s is %s, want %s (%+v)", seed, a, b, key, d.Kind, want, d)
				}
				if (d.Kind == life.NotRescanned) != (d.Why != "") {
					t.Errorf("seed %d: %s is %s, because %q", seed, key, d.Kind, d.Why)
				}
				if d.Was != nil && d.Was.Severity != was.Severity || d.Now != nil && d.Kind != life.NotRescanned && d.Now.Severity != now.Severity {
					t.Errorf("seed %d, sweeps %d to %d: %s was %+v and is %+v, want %s and %s", seed, a, b, key, d.Was, d.Now, was.Severity, now.Severity)
				}
			}
			for _, end := range []map[string]history.Exposure{known[a], known[b]} {
				for key, e := range end {
					if e.Open && !found[key] {
						t.Errorf("seed %d, sweeps %d to %d: %s is lost", seed, a, b, key)
					}
				}
			}
		}
	}
	for _, k := range life.Kinds() {
		if kinds[k] == 0 {
			t.Errorf("nothing was %s", k)
		}
	}
}

func exposuresOf(t *testing.T, s *history.Store) map[string]history.Exposure {
	t.Helper()
	list, next, err := s.Exposures(context.Background(), history.Filter{State: history.Any}, history.Page{Limit: history.MaxLimit})
	if err != nil || next != "" {
		t.Fatal(next, err)
	}
	all := map[string]history.Exposure{}
	for _, e := range list {
		all[fmt.Sprint(e.Endpoint)] = e
	}
	return all
}

// classOf is the class by two states of one exposure, told from its severities
// and amplifications alone.
func classOf(was, now history.Exposure, a, b time.Time) life.Kind {
	switch {
	case was.Open && !now.Open:
		return life.Fixed
	case !was.Open && now.Open:
		return life.New
	case !now.LastSeen.After(a) && !now.LastSeen.Equal(b):
		return life.NotRescanned
	case was.Severity == now.Severity && was.Transport == exposure.TCP:
		return life.Still
	case was.Severity != now.Severity && now.Severity.AtLeast(was.Severity):
		return life.Worse
	case was.Severity != now.Severity:
		return life.Better
	case life.Amplified(was.BAF, now.BAF):
		return life.Worse
	case life.Amplified(now.BAF, was.BAF):
		return life.Better
	}
	return life.Still
}

// TestReasonsForNotRescanned spells out why it may not be known whether an
// exposure is open still.
func TestReasonsForNotRescanned(t *testing.T) {
	t.Parallel()
	open, reflecting := map[int]what{5: {state: exposure.Open}}, map[int]what{5: {state: exposure.Open, baf: 50}}
	for name, c := range map[string]struct {
		next     *swept
		tcp, udp string // "": it is fixed
	}{
		"gone":         {&swept{plan: planOf(24)}, "", "silent once; over UDP two complete sweeps in a row are wanted"},
		"another plan": {&swept{plan: planOf(30)}, "not in the plan of the last sweep", "not in the plan of the last sweep"},
		"cut off":      {&swept{plan: planOf(24), cut: true}, "the sweep did not finish (incomplete)", "the sweep did not finish (incomplete)"},
		"one over TCP": {&swept{plan: func() (p scanner.Plan) { p = planOf(24); p.Probes = p.Probes[:1]; return p }()}, "", "not in the plan of the last sweep"},
		"none":         {nil, "no sweep from inet since", "no sweep from inet since"},
	} {
		s, _ := newStore(t)
		take(t, s, swept{id: "first", vantage: "inet", at: day(0), plan: planOf(24), tcp: open, udp: reflecting})
		if c.next != nil {
			c.next.id, c.next.vantage, c.next.at = "next", "inet", day(1)
			take(t, s, *c.next)
		}
		got := map[exposure.Transport]string{}
		for d, err := range s.Differences(context.Background(), day(0), day(2), history.Filter{}) {
			if err != nil {
				t.Fatal(err)
			}
			if got[d.Exposure.Transport] = d.Why; d.Kind != life.Fixed && d.Kind != life.NotRescanned {
				t.Errorf("%s: %s", name, d.Kind)
			}
		}
		if got[exposure.TCP] != c.tcp || got[exposure.UDP] != c.udp {
			t.Errorf("%s: %q", name, got)
		}
	}
}
