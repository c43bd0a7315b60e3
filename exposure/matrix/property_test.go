package matrix

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/memsweep/memsweep/exposure"
)

// someViews draws views of a few hosts, of every kind there is.
func someViews(t *rapid.T) []View {
	hosts := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("2001:db8::1")}
	states := []exposure.State{exposure.Open, exposure.AuthRequired, exposure.TLS, exposure.Full, exposure.Foreign, exposure.Mute, exposure.Closed, exposure.Silent, exposure.LocalError, exposure.NotScanned, "of a newer version"}
	unfound := []exposure.State{exposure.Closed, exposure.Silent, exposure.LocalError, exposure.NotScanned, NotInPlan, NoAnswer, Unknown, ""}
	var views []View
	for i := range rapid.IntRange(1, 5).Draw(t, "views") {
		name := fmt.Sprintf("v%d", i)
		v := view(name, rapid.SampledFrom([]exposure.Trust{in, dmz, inter, "strange"}).Draw(t, "trust"))
		v.Status = rapid.SampledFrom([]exposure.Status{exposure.Complete, exposure.Complete, exposure.Interrupted}).Draw(t, "status")
		v.Started = day.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "hours")) * time.Hour)
		v.Finished = v.Started.Add(time.Minute)
		known := map[endpoint]exposure.State{}
		for _, h := range hosts {
			var seen []exposure.Observation
			for _, o := range []exposure.Observation{tcp(""), udp("")} {
				known[endpoint{netip.AddrPortFrom(h, o.Port), o.Transport}] = rapid.SampledFrom(unfound).Draw(t, "fate")
				if !rapid.Bool().Draw(t, "found") {
					continue
				}
				if o.State = rapid.SampledFrom(states).Draw(t, "state"); rapid.Bool().Draw(t, "stats") {
					o.Stats = &exposure.Stats{
						PID: ptr(rapid.Uint64Range(1, 3).Draw(t, "pid")), Uptime: ptr(rapid.Uint64().Draw(t, "uptime")), Time: ptr(rapid.Int64().Draw(t, "time")),
					}
				}
				seen = append(seen, o)
			}
			if len(seen) > 0 {
				v.Findings = append(v.Findings, exposure.Judge(exposure.Host{Addr: h, Observations: seen}, v.Vantage))
			}
		}
		v.Fate = func(at netip.AddrPort, transport exposure.Transport) exposure.State {
			return known[endpoint{at, transport}]
		}
		if rapid.IntRange(0, 4).Draw(t, "cut") == 0 {
			v.Fate, v.Status, v.Outcomes = nil, exposure.Incomplete, nil
		}
		views = append(views, v)
	}
	return views
}

func compared(t *rapid.T, views []View) Matrix {
	m, err := Compare(views, Options{Partial: true, Unfinished: true})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// meaning is all of a matrix that the order of its columns must not change.
func meaning(m Matrix) string {
	rows := slices.Clone(m.Rows)
	for i := range rows {
		rows[i].Cells = nil
	}
	text, err := json.Marshal([]any{rows, m.Patterns})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestOrderOfColumnsDoesNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		views := someViews(t)
		shuffled := slices.Clone(views)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		r.Shuffle(len(shuffled), func(i, k int) { shuffled[i], shuffled[k] = shuffled[k], shuffled[i] })
		if a, b := meaning(compared(t, views)), meaning(compared(t, shuffled)); a != b {
			t.Fatalf("%s\nafter shuffling:\n%s", a, b)
		}
	})
}

// TestAnotherVantageTurnsNoCell: what a vantage saw does not depend on others,
// and no row gets better, or lost, for one more.
func TestAnotherVantageTurnsNoCell(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		views := someViews(t)
		if len(views) == 1 {
			return
		}
		fewer, all := compared(t, views[:len(views)-1]), compared(t, views)
		byPlace := map[string]Row{}
		for _, r := range all.Rows {
			byPlace[r.String()] = r
		}
		for _, r := range fewer.Rows {
			more, ok := byPlace[r.String()]
			if !ok {
				t.Fatalf("%s is gone", r)
			}
			for i, c := range r.Cells {
				if got := more.Cells[i]; got.String() != c.String() || got.Severity != c.Severity {
					t.Fatalf("%s: column %d was %s, and is %s", r, i, c, got)
				}
			}
			if r.Severity != "" && !more.Severity.AtLeast(r.Severity) {
				t.Fatalf("%s was %s, and is %s", r, r.Severity, more.Severity)
			}
		}
	})
}

// TestNeverAGuess: a cell says closed or silent only if the vantage did, and
// no pattern calls an endpoint shut off from where nobody is known to have
// asked.
func TestNeverAGuess(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		views := someViews(t)
		m := compared(t, views)
		for _, r := range m.Rows {
			for i, c := range r.Cells {
				if views[i].Fate == nil && c.Observation == nil && c.State != Unknown {
					t.Fatalf("%s: a report that says nothing of it makes it %s", r, c)
				}
				if c.Unfinished != (views[i].Status != exposure.Complete) {
					t.Fatalf("%s: column %d: unfinished is %v", r, i, c.Unfinished)
				}
			}
			if len(views) < 2 {
				continue
			}
			unasked := slices.ContainsFunc(r.Cells, func(c Cell) bool { return !c.Asked() })
			if k := r.Patterns[0].Kind; unasked && (k == Everywhere || k == Nowhere) {
				t.Fatalf("%s: %s, although somebody did not ask: %v", r, k, r.Cells)
			}
			if k := r.Patterns[0].Kind; k == InsideOnly {
				for i, c := range r.Cells {
					worst := 0
					for j, d := range r.Cells {
						if d.Answered() {
							worst = max(worst, distrust(views[j].Vantage.Trust))
						}
					}
					if !c.Asked() && distrust(views[i].Vantage.Trust) > worst {
						t.Fatalf("%s: called inside only, although %s did not ask", r, views[i].Vantage.Name)
					}
				}
			}
		}
	})
}
