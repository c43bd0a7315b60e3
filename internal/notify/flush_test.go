package notify_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/internal/notify"
)

// TestFlushTellsAll: who does not stay brings everything at once, in batches, and
// waits for nothing more.
func TestFlushTellsAll(t *testing.T) {
	t.Parallel()
	ctx, s, l := context.Background(), open(t), &logbook{}
	r := receive(t, nil)
	list := targets(t, fmt.Sprintf("- {name: soc, kind: webhook, url: '%s', secret_file: key, batch: 2, wait: 1h}\n", r.URL))
	happen(t, s, 0)
	if err := notify.Begin(ctx, s, list, l.log); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 5; n++ {
		happen(t, s, n)
	}
	for range 2 { // the second one has nothing to tell
		left, err := notify.Flush(ctx, s, list, l.log, 30*time.Second)
		if err != nil || left != 0 || len(r.deliveries()) != 3 {
			t.Fatalf("%d left, %v, %d deliveries\n%s", left, err, len(r.deliveries()), l)
		}
	}
	for _, d := range r.deliveries() {
		if strings.Contains(d.body, `"events":[1]`) {
			t.Error("it was told what was there before it")
		}
	}
}

// TestFlushLeavesTheRest: what does not arrive is left, counted and said; the
// others are told; and the next one brings it under the same ID.
func TestFlushLeavesTheRest(t *testing.T) {
	t.Parallel()
	ctx, s, l := context.Background(), open(t), &logbook{}
	var well atomic.Bool
	bad := receive(t, func(_ int, w http.ResponseWriter) {
		if !well.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	good := receive(t, nil)
	list := targets(t, fmt.Sprintf("- {name: bad, kind: webhook, url: '%s', secret_file: key, batch: 1}\n- {name: good, kind: webhook, url: '%s', secret_file: key, batch: 1}\n", bad.URL, good.URL))
	if err := notify.Begin(ctx, s, list, l.log); err != nil {
		t.Fatal(err)
	}
	happen(t, s, 0)
	happen(t, s, 1)
	left, err := notify.FlushFast(ctx, s, list, l.log, 30*time.Second)
	if err != nil || left != 2 || len(bad.deliveries()) != 1 || len(good.deliveries()) != 2 || !strings.Contains(l.String(), "WARN notify bad: message ") {
		t.Fatalf("%d left, %v, %d and %d deliveries\n%s", left, err, len(bad.deliveries()), len(good.deliveries()), l)
	}
	well.Store(true)
	left, err = notify.FlushFast(ctx, s, list, l.log, 30*time.Second)
	got := bad.deliveries()
	if err != nil || left != 0 || len(got) != 3 || got[0].id != got[1].id || got[1].id == got[2].id || len(good.deliveries()) != 2 {
		t.Fatalf("%d left, %v, %+v\n%s", left, err, got, l)
	}
}

// TestFlushKeepsToItsTime: a receiver that never answers is cut off with the
// budget, which counts as an attempt; one that wants to be left alone is.
func TestFlushKeepsToItsTime(t *testing.T) {
	t.Parallel()
	ctx, s, l := context.Background(), open(t), &logbook{}
	release := make(chan struct{})
	mute := receive(t, func(int, http.ResponseWriter) { <-release })
	defer close(release)
	later := receive(t, func(_ int, w http.ResponseWriter) {
		w.Header().Set("Retry-After", "600")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	list := targets(t, fmt.Sprintf("- {name: mute, kind: webhook, url: '%s', secret_file: key}\n- {name: later, kind: webhook, url: '%s', secret_file: key}\n", mute.URL, later.URL))
	if err := notify.Begin(ctx, s, list, l.log); err != nil {
		t.Fatal(err)
	}
	happen(t, s, 0)
	began := time.Now()
	left, err := notify.FlushFast(ctx, s, list, l.log, 7*time.Second) // two more than an attempt takes
	if took := time.Since(began); err != nil || left != 2 || took > 15*time.Second {
		t.Fatalf("%d left after %s, %v\n%s", left, took, err, l)
	}
	if m, err := s.Next(ctx, "mute"); err != nil || m.Attempts != 1 || !strings.Contains(m.Problem, "in time") {
		t.Errorf("%+v, %v", m, err)
	}
	left, err = notify.FlushFast(ctx, s, list, l.log, time.Second) // not enough for anything
	if err != nil || left != 2 || len(later.deliveries()) != 1 || len(mute.deliveries()) != 1 {
		t.Errorf("%d left, %v, %d and %d deliveries", left, err, len(later.deliveries()), len(mute.deliveries()))
	}
}

// TestTargetsThatAreGoneAreForgotten: one that comes back is not told of years at
// once, and what waited for it is given up, with a reason.
func TestTargetsThatAreGoneAreForgotten(t *testing.T) {
	t.Parallel()
	ctx, s := context.Background(), open(t)
	var good atomic.Bool
	r := receive(t, func(_ int, w http.ResponseWriter) {
		if !good.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	soc, other := webhook(t, r.URL, ", timeout: 1s"), webhook(t, r.URL, "")
	other.Name = "other"
	flush := func(list ...notify.Target) *logbook {
		t.Helper()
		l := &logbook{}
		if _, err := notify.FlushFast(ctx, s, list, l.log, 10*time.Second); err != nil {
			t.Fatal(err)
		}
		return l
	}
	flush(soc, other)
	happen(t, s, 0)
	flush(soc)
	happen(t, s, 1)
	l := flush()
	for _, want := range []string{"WARN notify: soc is not in the configuration any more", "ERROR notify: 1 messages to who is forgotten are GIVEN UP"} {
		if !strings.Contains(l.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, l)
		}
	}
	list, _, err := s.Messages(ctx, "soc", history.Page{})
	if err != nil || len(list) != 1 || list[0].Next != nil || list[0].Sent != nil || !strings.Contains(list[0].Problem, "not in the configuration any more") {
		t.Fatalf("%+v, %v", list, err)
	}
	if _, known, err := s.Pending(ctx, "soc", 1); known || err != nil {
		t.Fatalf("it is still known: %v", err)
	}
	if again := flush(); again.String() != "" {
		t.Errorf("it is said twice:\n%s", again)
	}
	good.Store(true)
	before := len(r.deliveries())
	running(t, s, []notify.Target{soc})
	happen(t, s, 2)
	eventually(t, "what came after it came back", func() bool { return len(r.deliveries()) > before })
	if got := r.deliveries()[before:]; len(got) != 1 || !strings.Contains(got[0].body, `"events":[3]`) {
		t.Errorf("%+v", got)
	}
}

// TestLevels: what is tried again is a warning, what is not is an error.
func TestLevels(t *testing.T) {
	t.Parallel()
	s := open(t)
	r := receive(t, func(n int, w http.ResponseWriter) { w.WriteHeader([]int{500, 200, 410}[min(n, 2)]) })
	l := running(t, s, []notify.Target{webhook(t, r.URL, "")})
	happen(t, s, 0)
	settled(t, s, "soc", 1)
	happen(t, s, 1)
	settled(t, s, "soc", 2)
	eventually(t, "it is logged", func() bool { return strings.Contains(l.String(), "GIVEN UP") })
	var levels []string
	for line := range strings.Lines(l.String()) {
		levels = append(levels, strings.Fields(line)[0])
	}
	if strings.Join(levels, " ") != "WARN INFO ERROR" {
		t.Errorf("%s\n%s", levels, l)
	}
}
