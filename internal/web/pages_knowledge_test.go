package web

import (
	"testing"
	"time"

	"github.com/memsweep/memsweep/history"
)

// TestWhatTakesLongIsCountedOnce: before anybody asks, then when something became
// known; not each second in which a sweep goes on.
func TestWhatTakesLongIsCountedOnce(t *testing.T) {
	t.Parallel()
	_, store, db := living(t)
	site := New(store, Options{Listen: "127.0.0.1:0", Log: t.Output()})
	l, err := site.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	counted := func() string {
		t.Helper()
		site.warm(t.Context())
		return site.shown.counted
	}
	last := site.shown.counted
	if last == "" {
		t.Error("whoever asks first waits for it")
	}
	step := func(what string, anew bool, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if now := counted(); (now != last) != anew {
			t.Errorf("%s: counted as of %q, then of %q", what, last, now)
		} else {
			last = now
		}
	}
	ctx, now := t.Context(), time.Now()
	run, err := store.BeginRun(ctx, "nightly", now, now)
	step("a run begins", true, err)
	overview := &site.shown.known.Vantages[0]
	for n := range 3 {
		step("it goes on", false, store.NoteProgress(ctx, run.ID, "scan-x", history.Progress{At: now, Done: float64(n) / 3, Pass: 1, Tries: 1}))
	}
	if overview != &site.shown.known.Vantages[0] {
		t.Error("everything is counted again each second")
	}
	step("it ends", true, store.EndRun(ctx, run.ID, now, history.Complete, "scan-x", ""))
	_, err = db.Exec("UPDATE sweep SET imported = imported + 1 WHERE id = (SELECT max(id) FROM sweep)")
	step("a sweep was imported", true, err)
}
