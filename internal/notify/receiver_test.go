package notify_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/internal/notify"
)

const key = "a key that is long enough"

// targets reads a configuration's list; %s in it are replaced. The folder has the
// files "key" and whatever else is given as name, content.
func targets(t testing.TB, list string, files ...string) []notify.Target {
	t.Helper()
	got, err := parse(t, list, files...)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func parse(t testing.TB, list string, files ...string) ([]notify.Target, error) {
	t.Helper()
	dir := t.TempDir()
	files = append(files, "key", key+"\n", "memsweep.yaml", "jobs: {}\nnotify:\n"+list)
	for i := 0; i < len(files); i += 2 {
		if err := os.WriteFile(filepath.Join(dir, files[i]), []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return notify.Read(filepath.Join(dir, "memsweep.yaml"))
}

func open(t testing.TB) *history.Store {
	t.Helper()
	s, err := history.Open(context.Background(), filepath.Join(t.TempDir(), "h.db"), history.Create)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

var epoch = time.Date(2026, 11, 1, 3, 10, 0, 0, time.UTC)

// happen adds the n-th event, whose ID is n+1 when none is left out.
func happen(t testing.TB, s *history.Store, n int) {
	t.Helper()
	if err := s.NoteMissed(context.Background(), "job", epoch.Add(time.Duration(n)*time.Hour), "nothing ran"); err != nil {
		t.Fatal(err)
	}
}

// delivery is what a receiver got.
type delivery struct {
	id, timestamp, signature, body string
	header                         http.Header
}

// receiver is a web server that answers as it is told.
type receiver struct {
	*httptest.Server
	mu  sync.Mutex
	got []delivery
	// answer is asked for each delivery, with how many there were before it.
	answer func(n int, w http.ResponseWriter)
}

func receive(t testing.TB, answer func(n int, w http.ResponseWriter)) *receiver {
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(http.HandlerFunc(r.take))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) take(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return // it was cut off: it did not arrive
	}
	r.mu.Lock()
	n := len(r.got)
	r.got = append(r.got, delivery{q.Header.Get("Webhook-Id"), q.Header.Get("Webhook-Timestamp"), q.Header.Get("Webhook-Signature"), string(body), q.Header.Clone()})
	r.mu.Unlock()
	if r.answer != nil {
		r.answer(n, w)
	}
}

func (r *receiver) deliveries() []delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]delivery(nil), r.got...)
}

// logbook gathers what is logged.
type logbook struct {
	mu    sync.Mutex
	lines []string
}

func (l *logbook) log(level slog.Level, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, level.String()+" "+fmt.Sprintf(format, args...))
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// running runs the targets until the test ends, once they are known.
func running(t testing.TB, s *history.Store, list []notify.Target) *logbook {
	t.Helper()
	l := &logbook{}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- notify.RunFast(ctx, s, list, l.log) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(l)
		}
	})
	for _, target := range list {
		eventually(t, "the target is known", func() bool {
			_, known, err := s.Pending(context.Background(), target.Name, 1)
			return err == nil && known
		})
	}
	return l
}

func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(90 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never came: " + what)
		}
	}
}

// settled waits until a target's messages are n, all of them sent or given up.
func settled(t testing.TB, s *history.Store, target string, n int) (list []history.Message) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d messages to %s are settled", n, target), func() bool {
		var err error
		if list, _, err = s.Messages(context.Background(), target, history.Page{Limit: 1000}); err != nil {
			t.Fatal(err)
		}
		for _, m := range list {
			if m.Next != nil {
				return false
			}
		}
		return len(list) == n
	})
	return list
}
