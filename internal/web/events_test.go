package web

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"

	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/internal/pretend"
)

// listener reads a stream of events.
type listener struct {
	t    *testing.T
	body *http.Response
	all  chan map[string]string // fields of each event; closed at the end
}

func listen(t *testing.T, url string, header ...string) *listener {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{Transport: &http.Transport{}}
	a, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{t, a, make(chan map[string]string, 100)}
	t.Cleanup(func() { cancel(); a.Body.Close(); client.CloseIdleConnections() })
	go func() {
		defer close(l.all)
		event := map[string]string{}
		for lines := bufio.NewScanner(a.Body); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			if lines.Text() != "" {
				event[name] = value
				continue
			}
			l.all <- event
			event = map[string]string{}
		}
	}()
	return l
}

// next is the next event of a kind.
func (l *listener) next(kind string) map[string]string {
	l.t.Helper()
	for wait := time.After(10 * time.Second); ; {
		select {
		case e, more := <-l.all:
			if !more {
				l.t.Fatalf("the stream ended before %q", kind)
			}
			if e["event"] == kind {
				return e
			}
		case <-wait:
			l.t.Fatalf("no %q came", kind)
		}
	}
}

// living is a history that changes while it is shown.
func living(t *testing.T) (path string, store *history.Store, db *sql.DB) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "history.db")
	if err := pretend.Write(context.Background(), path, pretend.Size{Exposures: 20, Sweeps: 9}); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)") // another process
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return path, opened(t, path, history.Existing), db
}

func TestEventsTellWhatHappens(t *testing.T) {
	t.Parallel()
	_, store, db := living(t)
	_, compile := described(t)
	at := "http://" + served(t, store, Options{}) + "/api/v1/events"
	l := listen(t, at)
	if kind := l.body.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Fatal(kind)
	}
	first := <-l.all
	if e := l.next("progress"); e["data"] != `{"running":[]}` {
		t.Errorf("at first: %v", e)
	}
	ctx := context.Background()
	run, err := store.BeginRun(ctx, "nightly", time.Now(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := store.NoteProgress(ctx, run.ID, "scan-x", history.Progress{At: time.Now().UTC(), Done: 0.25, Pass: 1, Tries: 2, Answered: 3, Rate: 4}); err != nil {
		t.Fatal(err)
	}
	for {
		e := l.next("progress")
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(e["data"]))
		if err != nil {
			t.Fatal(err)
		}
		if err := compile("/components/schemas/RunningList").Validate(v); err != nil {
			t.Errorf("%v\n%s", err, e["data"])
		}
		if strings.Contains(e["data"], `"done":0.25`) {
			break
		}
	}
	if err := store.EndRun(ctx, run.ID, time.Now(), history.Complete, "scan-x", ""); err != nil {
		t.Fatal(err)
	}
	if e := l.next("progress"); e["data"] != `{"running":[]}` {
		t.Errorf("at the end: %v", e)
	}
	if _, err := db.Exec("UPDATE sweep SET imported = imported + 1 WHERE id = (SELECT max(id) FROM sweep)"); err != nil {
		t.Fatal(err)
	}
	e := l.next("imported")
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(e["data"]))
	if err != nil {
		t.Fatal(err)
	}
	if err := compile("/components/schemas/Imported").Validate(v); err != nil || e["id"] == "" || e["id"] == first["id"] {
		t.Errorf("%v %v, first %v", err, e, first)
	}
	// Who comes back is told what they missed, and nothing else.
	if got := listen(t, at, "Last-Event-ID", first["id"]).next("imported"); got["id"] != e["id"] {
		t.Errorf("back with an old ID: %v", got)
	}
	back := listen(t, at, "Last-Event-ID", e["id"])
	back.next("progress")
	select {
	case e := <-back.all:
		t.Errorf("back with the newest ID: %v", e)
	case <-time.After(1500 * time.Millisecond):
	}
}

func TestListenersAreBounded(t *testing.T) {
	t.Parallel()
	_, store, _ := living(t)
	at := "http://" + served(t, store, Options{}) + "/api/v1/events"
	for range maxStreams {
		listen(t, at).next("progress")
	}
	if a, body := get(t, at); a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" {
		t.Errorf("%s %s", a.Status, body)
	}
}

// TestAStreamEndsWithItsSession: who signed out hears no more.
func TestAStreamEndsWithItsSession(t *testing.T) {
	t.Parallel()
	_, store, _ := living(t)
	site := New(store, Options{Token: []byte(secret)})
	r, _ := http.NewRequest(http.MethodGet, "http://localhost/api/v1/events", nil)
	r.AddCookie(&http.Cookie{Name: "memsweep", Value: site.door.begin()})
	if err := site.admit(r); err != nil {
		t.Fatal(err)
	}
	c, _ := r.Cookie("memsweep")
	site.door.end(c.Value)
	if err := site.admit(r); err == nil {
		t.Error("it is let in")
	}
}

func TestFeedEndsWithItsLastListener(t *testing.T) {
	t.Parallel()
	_, store, _ := living(t)
	f := newFeed(store, t.Logf, func(context.Context) {})
	one, _, ok, err := f.join(context.Background())
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	two, _, _, _ := f.join(context.Background())
	f.leave(one)
	if f.stop == nil {
		t.Error("nobody asks, and somebody listens")
	}
	f.leave(two)
	f.leave(two)
	if f.stop != nil {
		t.Error("somebody asks, and nobody listens")
	}
	f.close()
	if _, _, ok, _ := f.join(context.Background()); ok {
		t.Error("somebody joined what has ended")
	}
}

func TestExportsAreWhole(t *testing.T) {
	t.Parallel()
	at := "http://" + served(t, pretended(t, pretend.Size{Exposures: 1500, Sweeps: 3, Hostile: true}), Options{}) + "/api/v1/"
	count := func(path string) int {
		_, body := get(t, at+path)
		return strings.Count(body, "\n") - 1
	}
	if n := count("exposures?state=any&format=csv"); n != 1500 {
		t.Errorf("%d rows of 1500", n)
	}
	if n := count("exposures?state=any&format=csv&limit=7"); n != 7 {
		t.Errorf("%d rows of 7", n)
	}
	a, body := get(t, at+"exposures?state=any&format=csv")
	if d := a.Header.Get("Content-Disposition"); d != `attachment; filename="memsweep-exposures.csv"` {
		t.Error(d)
	}
	for _, wrong := range []string{"\x1b", "\u202e", ",=", ",\"=", ",+", ",@"} {
		if strings.Contains(body, wrong) {
			t.Errorf("the CSV has %q", wrong)
		}
	}
	_, body = get(t, at+"changes?format=markdown&limit=300")
	var page bytes.Buffer
	if err := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe())).Convert([]byte(body), &page); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{"<script", "<img", "\x1b", "\u202e", "href"} {
		if strings.Contains(page.String(), wrong) {
			t.Errorf("the Markdown becomes %q", wrong)
		}
	}
	if !strings.Contains(page.String(), "<td>") || !strings.Contains(page.String(), "&lt;script&gt;") {
		t.Error("the Markdown has no table, or nothing hostile in it")
	}
	_, body = get(t, at+"exposures?limit=1000")
	var found struct{ Exposures []json.RawMessage }
	if err := json.Unmarshal([]byte(body), &found); err != nil || len(found.Exposures) != 1000 {
		t.Errorf("%d, %v", len(found.Exposures), err)
	}
	if bytes.Contains([]byte(body), []byte("<script")) {
		t.Error("the JSON has <script as it is: a browser that sniffs would run it")
	}
	if kind := a.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/csv;") {
		t.Error(kind)
	}
}

// TestAStreamLasts: what a client may take for its request does not bound how
// long it may listen.
func TestAStreamLasts(t *testing.T) {
	t.Parallel()
	_, store, _ := living(t)
	l := listen(t, "http://"+served(t, store, Options{})+"/api/v1/events")
	l.next("progress")
	begin, beats := time.Now(), 0
	for wait := time.After(requestWithin + 4*time.Second); ; {
		select {
		case _, more := <-l.all:
			if beats++; !more {
				t.Fatalf("the stream ended after %s", time.Since(begin))
			}
		case <-wait:
			if beats == 0 {
				t.Error("nothing showed that the server is still there")
			}
			return
		}
	}
}
