package web

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/internal/chromium"
	"github.com/memsweep/memsweep/internal/pretend"
)

// TestLive: a run that begins, goes on and ends shows in a page that is open.
func TestLive(t *testing.T) {
	t.Parallel()
	server, store := serveSite(t, pretend.Size{Exposures: 10, Sweeps: 3}, Options{})
	ctx, journal := chromium.Open(t)
	visit(t, ctx, server+"/")
	if chromium.Evaluate[bool](t, ctx, `!document.getElementById("running").hidden`) {
		t.Fatal("something is running already")
	}
	now := time.Now()
	run, err := store.BeginRun(t.Context(), `<b>"evil" job`, now, now)
	if err != nil {
		t.Fatal(err)
	}
	until(t, ctx, `!document.getElementById("running").hidden`)
	if err := store.NoteProgress(t.Context(), run.ID, "s1", history.Progress{At: now, Done: .42, Pass: 1, Tries: 2, Answered: 7, Rate: 1234, Left: 60}); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, `document.getElementById("running").textContent.includes("42%, pass 1 of 2, 7 answered, 1,234 packets a second, 60 seconds left")`)
	if words := chromium.Evaluate[string](t, ctx, `document.querySelector("#running b").textContent`); words != `<b>"evil" job` {
		t.Errorf("it says %q", words)
	}
	visit(t, ctx, server+"/")
	if err := store.EndRun(t.Context(), run.ID, now, history.Failed, "", "it could not"); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, `document.getElementById("running").hidden && document.getElementById("news").textContent !== ""`)
	click(t, ctx, "#news a")
	if text := chromium.Evaluate[string](t, ctx, `document.querySelector(".alarm").textContent`); !strings.Contains(text, "failed: it could not") {
		t.Errorf("the page does not say that it failed: %s", text)
	}
	if complaints, _ := journal.Take(); len(complaints) > 0 {
		t.Errorf("the browser complains: %q", complaints)
	}
}

// TestLiveAfterARefusal: a page that was not let in to listen, for too many did,
// comes back.
func TestLiveAfterARefusal(t *testing.T) {
	t.Parallel()
	server, store := serveSite(t, pretend.Size{}, Options{})
	others := make([]*listener, maxStreams)
	for i := range others {
		others[i] = listen(t, server+"/api/v1/events")
		others[i].next("progress")
	}
	ctx, journal := chromium.Open(t)
	visit(t, ctx, server+"/")
	until(t, ctx, `performance.getEntriesByName(location.origin + "/api/v1/events").length > 0`)
	if complaints, _ := journal.Take(); len(complaints) != 1 || !strings.Contains(complaints[0], "503") {
		t.Errorf("it was not refused: %q", complaints)
	}
	for _, l := range others {
		l.body.Body.Close()
	}
	now := time.Now()
	if _, err := store.BeginRun(t.Context(), "nightly", now, now); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, `document.getElementById("running").textContent.includes("nightly")`)
}

// TestWithoutScript: everything but the live part works.
func TestWithoutScript(t *testing.T) {
	t.Parallel()
	server, store := serveSite(t, pretend.Size{Exposures: 10, Sweeps: 3}, Options{})
	now := time.Now()
	run, err := store.BeginRun(t.Context(), "nightly", now, now)
	if err == nil {
		err = store.NoteProgress(t.Context(), run.ID, "s1", history.Progress{At: now, Done: .5, Pass: 1, Tries: 1})
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, _ := chromium.Open(t)
	chromium.Call(t, ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	visit(t, ctx, server+"/sweeps")
	chromium.Ask(t, ctx, chromedp.Click(chromedp.CSS(".filter summary")))
	chromium.Ask(t, ctx, chromedp.SetValue(chromedp.CSS("#f-vantage"), "internet"))
	chromium.Ask(t, ctx, chromedp.Click(chromedp.CSS(".filter button")))
	time.Sleep(time.Second)
	chromium.Call(t, ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{})
	if got := chromium.Evaluate[string](t, ctx, here); got != "/sweeps?vantage=internet&job=" {
		t.Errorf("the form leads to %s", got)
	}
	if text := chromium.Evaluate[string](t, ctx, `document.getElementById("running").innerText`); !strings.Contains(text, "50%, pass 1 of 1") {
		t.Errorf("it does not say what is running: %q", text)
	}
}
