package web

import (
	"database/sql"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/history/life"
	"github.com/memsweep/memsweep/internal/pretend"
)

// text is what a page says to a request, its white space made one.
func text(t *testing.T, address string) string {
	t.Helper()
	answer, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v", address, answer.Status, err)
	}
	return strings.Join(strings.Fields(string(body)), " ")
}

// TestWarnings: what is not known is said in plain words, and nothing when all is.
func TestWarnings(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "history.db")
	if err := pretend.Write(t.Context(), path, pretend.Size{Exposures: 10, Sweeps: 3}); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	do := func(query string, args ...any) {
		t.Helper()
		if _, err := db.Exec(query, args...); err != nil {
			t.Fatal(err)
		}
	}
	do("DELETE FROM run")
	do("UPDATE sweep SET status = 'complete', started = started + ?1, finished = finished + ?1", now.Add(-time.Hour).UnixMicro()-pretend.Begin.AddDate(0, 0, 2).UnixMicro())
	do("UPDATE exposure SET last_asked = (SELECT max(started) FROM sweep WHERE vantage = exposure.vantage)")
	store, err := history.Open(t.Context(), path, history.Existing)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	server := serveStore(t, store, Options{})
	if page := text(t, server); strings.Contains(page, "What is not known") {
		t.Error("it warns of nothing")
	}
	do("UPDATE exposure SET last_asked = last_asked - 86400000000 WHERE id IN (SELECT id FROM exposure WHERE open = 1 AND vantage = 1 ORDER BY id LIMIT 2)")
	do("UPDATE sweep SET imported = imported + 1 WHERE id = (SELECT max(id) FROM sweep)") // something was imported
	page := text(t, server)
	if !strings.Contains(page, "2 exposures seen from office were not rescanned by its newest sweep") || strings.Count(page, `class="tag warn">not rescanned since`) != 2 {
		t.Errorf("it does not say what was not rescanned: %s", page)
	}
	do("UPDATE sweep SET status = 'interrupted' WHERE vantage = 2 AND started = (SELECT max(started) FROM sweep WHERE vantage = 2)")
	do("UPDATE sweep SET status = 'incomplete' WHERE vantage = 3")
	run, err := store.BeginRun(t.Context(), "nightly", now, now)
	if err == nil {
		err = store.EndRun(t.Context(), run.ID, now, history.Failed, "", "the scope does not allow it")
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range []string{text(t, server), text(t, server+"/sweeps")} {
		for _, want := range []string{"The newest sweep from partner", "was interrupted", "No sweep from internet has ever come to its end", "The newest run of job nightly", "failed: the scope does not allow it"} {
			if !strings.Contains(page, want) {
				t.Errorf("it does not say %q", want)
			}
		}
	}
}

// TestNeverSweptIsNoAllClear: a schedule whose first sweep goes on, or failed, knows
// nothing yet.
func TestNeverSweptIsNoAllClear(t *testing.T) {
	t.Parallel()
	server, store := serveSite(t, pretend.Size{}, Options{})
	now := time.Now()
	run, err := store.BeginRun(t.Context(), "nightly", now, now)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, wants ...string) {
		t.Helper()
		page := text(t, server)
		for _, want := range append(wants, "Nothing has been swept yet", "nightly") {
			if !strings.Contains(page, want) {
				t.Errorf("%s: it does not say %q", what, want)
			}
		}
		if strings.Contains(page, "Nothing is open") || strings.Contains(page, "What this means") {
			t.Errorf("%s: an all-clear: %s", what, page)
		}
	}
	check("running", "Sweeping now")
	if err := store.EndRun(t.Context(), run.ID, now, history.Failed, "", "it could not"); err != nil {
		t.Fatal(err)
	}
	check("failed", "What is not known", "failed: it could not")
}

// TestSearchForAnAddress leads to its page when there is one, and says so when it
// was never seen.
func TestSearchForAnAddress(t *testing.T) {
	t.Parallel()
	server, _ := serveSite(t, pretend.Size{Exposures: 10, Sweeps: 3}, Options{})
	for address, seen := range map[string]bool{"10.0.0.3": true, "10.0.0.3/32": true, "::ffff:10.0.0.3": true, "192.0.2.1": false, "10.0.0.0/8": false} {
		page := text(t, server+"/?state=fixed&range="+address)
		if leads := strings.Contains(page, `<p class="whole"><a href="/host/10.0.0.3">`); leads != seen {
			t.Errorf("%s: leads to the page of a host: %v", address, leads)
		}
		if unseen := strings.Contains(page, "No sweep has ever seen this address answer"); unseen != (address == "192.0.2.1") {
			t.Errorf("%s: never seen: %v", address, unseen)
		}
	}
}

// TestOneLine: whatever somebody sends is one short line of visible characters.
func TestOneLine(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := oneLine(string(rapid.SliceOfN(rapid.Byte(), 0, 4000).Draw(t, "s")))
		if n := utf8.RuneCountInString(s); n > maxWords || !utf8.ValidString(s) {
			t.Fatalf("%d characters: %q", n, s)
		}
		if strings.ContainsFunc(s, exposure.Hidden) {
			t.Fatalf("hidden characters: %q", s)
		}
	})
}

// TestServersMakeNoRowHigh: what a server says of itself takes a line or two.
func TestServersMakeNoRowHigh(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("1.6\n\u202e", 1000)
	p := (&Site{}).look()
	for _, v := range exposure.Verdicts() {
		e := history.Exposure{Seen: life.Seen{Detail: life.Detail{Verdict: v, Version: &long, Product: long, Service: long}}}
		row := p.newExposureLine(&e)
		matrix := p.newMatrixLine(&history.MatrixRow{Cells: []*history.Exposure{&e}}, nil)
		for _, words := range []string{row.Version, row.Does, matrix.Cells[0].Version, matrix.Cells[0].Text} {
			if n := utf8.RuneCountInString(words); n > 100 {
				t.Errorf("%s: %d characters: %s", v, n, words)
			}
		}
	}
}

// TestSlices: what became of the endpoints fills the bar, and adds up to the plan.
func TestSlices(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Range(0, 1<<33)
		o := exposure.Outcomes{Answered: n.Draw(t, "answered"), Closed: n.Draw(t, "closed"), Silent: n.Draw(t, "silent"), LocalError: n.Draw(t, "error"), NotScanned: n.Draw(t, "not")}
		planned := o.Sum() + n.Draw(t, "lost")
		var sum uint64
		var width float64
		for _, part := range slicesOf(planned, o) {
			if math.Abs(part.Start-width) > 1e-6 {
				t.Fatalf("it starts at %f, after %f", part.Start, width)
			}
			sum, width = sum+part.Count, width+part.Width
		}
		if sum != planned || planned > 0 && math.Abs(width-100) > 1e-6 {
			t.Fatalf("%d of %d planned, %f of the bar", sum, planned, width)
		}
	})
}

// TestSteps: an axis has a few round numbers, and reaches the largest.
func TestSteps(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 1<<30).Draw(t, "n")
		if step := niceStep(n); step*6 < n || n > 6 && step*2 > n {
			t.Fatalf("%d in steps of %d", n, step)
		}
	})
}

// TestTrendPaths: no point is drawn beside the plane.
func TestTrendPaths(t *testing.T) {
	t.Parallel()
	p := (&Site{}).look()
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(1_800_000_000, 0)
		var points []history.Point
		for range rapid.IntRange(1, 40).Draw(t, "points") {
			open := map[exposure.Severity]int{}
			for _, s := range exposure.Severities() {
				open[s] = rapid.IntRange(0, 100_000).Draw(t, "open")
			}
			points = append(points, history.Point{At: at, Open: open})
			at = at.Add(time.Duration(rapid.IntRange(0, 1e6).Draw(t, "seconds")) * time.Second)
		}
		c := p.draw(points)
		for _, l := range c.Layers {
			for _, command := range strings.FieldsFunc(l.Path, func(r rune) bool { return strings.ContainsRune("MHVZ ", r) }) {
				if strings.Contains(command, "N") || strings.HasPrefix(command, "-") || len(command) > 5 {
					t.Fatalf("%s in %s", command, l.Path)
				}
			}
		}
	})
}

// TestTheNewestIsDrawn: what the last sweep showed is in the picture, and its axis
// and its words tell two times apart.
func TestTheNewestIsDrawn(t *testing.T) {
	t.Parallel()
	p, at := (&Site{}).look(), time.Date(2026, 3, 1, 3, 10, 0, 0, time.UTC)
	points := []history.Point{{At: at, Open: map[exposure.Severity]int{exposure.Critical: 1}}, {At: at.Add(20 * time.Second), Open: map[exposure.Severity]int{exposure.Critical: 6}}}
	c := p.draw(points)
	if want := "H920.0V14.0H944.0"; !strings.Contains(c.Layers[0].Path, want) {
		t.Errorf("%s is not in %s", want, c.Layers[0].Path)
	}
	for i, tick := range c.Xs[1:] {
		if tick.Text == c.Xs[i].Text {
			t.Errorf("two times are both %s", tick.Text)
		}
	}
	if got := trendWords([]trendLine{p.newTrendLine(points[1]), p.newTrendLine(points[0])}); got != "6 open on 2026-03-01 03:10 UTC: 5 more than a moment before." {
		t.Error(got)
	}
}

func TestAge(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Hour: "0 seconds", time.Second: "1 second", 90 * time.Second: "1 minute", 47 * time.Hour: "47 hours", 48 * time.Hour: "2 days",
		59 * 24 * time.Hour: "59 days", 61 * 24 * time.Hour: "2 months", 800 * 24 * time.Hour: "2 years",
	} {
		if got := age(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

// TestDoes: each verdict is said in words, and has a fix.
func TestDoes(t *testing.T) {
	t.Parallel()
	baf := 148.4
	reflector := life.Seen{Detail: life.Detail{Verdict: exposure.Reflector, Auth: exposure.AuthNone}, BAF: &baf}
	if got := does(reflector); got != "Reflector ×148, no credentials" {
		t.Error(got)
	}
	for _, v := range exposure.Verdicts() {
		s := life.Seen{Detail: life.Detail{Verdict: v}}
		if v != exposure.Unfounded && (does(s) == string(v) || mend(s) == "Look into it") {
			t.Errorf("%s: %q, %q", v, does(s), mend(s))
		}
	}
}

// TestHalfPage: what cannot be shown whole is not shown.
func TestHalfPage(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	(&Site{}).look().write(w, http.StatusOK, "open", struct{ frame }{})
	if body := w.Body.String(); w.Code != http.StatusInternalServerError || strings.Contains(body, "<") {
		t.Errorf("%d %s", w.Code, body)
	}
}
