package history_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/memsweep/memsweep/history"
)

var epoch = time.Date(2026, 11, 1, 3, 10, 0, 0, time.UTC)

func outboxStore(t interface {
	TempDir() string
	Fatal(...any)
	Cleanup(func())
}) *history.Store {
	s, err := history.Open(context.Background(), filepath.Join(t.TempDir(), "h.db"), history.Create)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// happen adds an event, the n-th: a run that was missed.
func happen(t interface{ Fatal(...any) }, s *history.Store, n int) {
	if err := s.NoteMissed(context.Background(), "job", epoch.Add(time.Duration(n)*time.Hour), "nothing ran"); err != nil {
		t.Fatal(err)
	}
}

func ids(events []history.Event) (list []int64) {
	for _, e := range events {
		list = append(list, e.ID)
	}
	return list
}

func listIDs(_ string, events []history.Event) ([]byte, error) { return json.Marshal(ids(events)) }

// TestOutboxLosesAndDoublesNothing: whatever order things happen in, each event
// after a target's first Enqueue is taken once, in order, and is in at most one
// message; a message is sent once, given up or waits.
func TestOutboxLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := 0
	rapid.Check(t, func(t *rapid.T) {
		files++
		ctx := context.Background()
		s, err := history.Open(ctx, filepath.Join(dir, fmt.Sprint(files)), history.Create)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		targets := []string{"a", "b"}
		happened, welcome := 0, map[string]int{}
		taken, settled := map[string][]int64{}, map[string]string{}
		names := map[string]bool{}
		now := epoch
		t.Repeat(map[string]func(*rapid.T){
			"happen": func(t *rapid.T) { happen(t, s, happened); happened++ },
			"enqueue": func(t *rapid.T) {
				target := rapid.SampledFrom(targets).Draw(t, "target")
				limit := rapid.IntRange(1, 4).Draw(t, "limit")
				how := rapid.SampledFrom([]string{"message", "nothing", "fail"}).Draw(t, "how")
				broken := errors.New("broken")
				var got []int64
				n, err := s.Enqueue(ctx, target, limit, now, func(id string, events []history.Event) ([]byte, error) {
					if names[id] {
						t.Fatalf("the name %s came twice", id)
					}
					names[id] = true
					switch how {
					case "fail":
						return nil, broken
					case "nothing":
						got = ids(events)
						return nil, nil
					}
					got = ids(events)
					return listIDs(id, events)
				})
				if _, known := welcome[target]; !known {
					if welcome[target] = happened; n != 0 || err != nil {
						t.Fatalf("a new target: %d, %v", n, err)
					}
					return
				}
				if err != nil && !errors.Is(err, broken) || n != len(got) || n > limit {
					t.Fatalf("%d of %v, %v", n, got, err)
				}
				taken[target] = append(taken[target], got...)
			},
			"deliver": func(t *rapid.T) {
				due, err := s.Due(ctx, now, 100)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range due {
					if settled[m.ID] != "" {
						t.Fatalf("%s is due, and was %s", m.ID, settled[m.ID])
					}
					var err error
					switch rapid.SampledFrom([]string{"ok", "later", "never"}).Draw(t, "how") {
					case "ok":
						settled[m.ID] = "sent"
						err = s.Delivered(ctx, m.ID, now)
					case "later":
						err = s.Undelivered(ctx, m.ID, now.Add(time.Minute), "busy")
					case "never":
						settled[m.ID] = "given up"
						err = s.Undelivered(ctx, m.ID, time.Time{}, "gone")
					}
					if err != nil {
						t.Fatal(err)
					}
				}
				now = now.Add(time.Duration(rapid.IntRange(0, 90).Draw(t, "seconds")) * time.Second)
			},
			"": func(t *rapid.T) {
				for target, begin := range welcome {
					for i, id := range taken[target] {
						if id != int64(begin+i+1) {
							t.Fatalf("%s, which began after %d, was given %v", target, begin, taken[target])
						}
					}
					rest, known, err := s.Pending(ctx, target, 1000)
					if err != nil || !known || len(rest) != happened-begin-len(taken[target]) {
						t.Fatalf("%s: %d wait (%v, %v), %d happened since %d, %d were taken", target, len(rest), known, err, happened, begin, len(taken[target]))
					}
				}
			},
		})
	})
}

func TestTargetsGetTheirMessagesInOrder(t *testing.T) {
	t.Parallel()
	ctx, s := context.Background(), outboxStore(t)
	enqueue := func(target string) {
		if _, err := s.Enqueue(ctx, target, 1, epoch, listIDs); err != nil {
			t.Fatal(err)
		}
	}
	enqueue("a")
	enqueue("b")
	happen(t, s, 1)
	happen(t, s, 2)
	for range 2 {
		enqueue("a")
		enqueue("b")
	}
	due := func() (list []string) {
		messages, err := s.Due(ctx, epoch.Add(time.Second), 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			list = append(list, m.Target+string(m.Payload))
		}
		return list
	}
	if got := due(); !slices.Equal(got, []string{"a[1]", "b[1]", "a[2]", "b[2]"}) {
		t.Fatal(got)
	}
	first, err := s.Next(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Undelivered(ctx, first.ID, epoch.Add(time.Hour), "busy"); err != nil {
		t.Fatal(err)
	}
	if got := due(); !slices.Equal(got, []string{"b[1]", "b[2]"}) { // a[2] waits behind a[1]
		t.Fatal(got)
	}
	if m, err := s.Next(ctx, "a"); err != nil || m.ID != first.ID || m.Attempts != 1 || m.Problem != "busy" {
		t.Fatal(m, err)
	}
	if err := s.Undelivered(ctx, first.ID, time.Time{}, "gone"); err != nil {
		t.Fatal(err)
	}
	if got := due(); !slices.Equal(got, []string{"b[1]", "a[2]", "b[2]"}) {
		t.Fatal(got)
	}
	if err := s.Retry(ctx, first.ID, epoch); err != nil {
		t.Fatal(err)
	}
	if err := s.Delivered(ctx, first.ID, epoch); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"delivered twice": s.Delivered(ctx, first.ID, epoch), "failed when delivered": s.Undelivered(ctx, first.ID, epoch, "x"),
		"retried when delivered": s.Retry(ctx, first.ID, epoch), "never there": s.Delivered(ctx, "msg_x", epoch),
	} {
		if !errors.Is(err, history.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var all []string
	for page := (history.Page{Limit: 3}); ; {
		list, next, err := s.Messages(ctx, "", page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range list {
			all = append(all, m.Target+string(m.Payload))
		}
		if page.After = next; next == "" {
			break
		}
	}
	if !slices.Equal(all, []string{"b[2]", "a[2]", "b[1]", "a[1]"}) {
		t.Fatal(all)
	}
	if _, _, err := s.Messages(ctx, "", history.Page{After: "7"}); !errors.Is(err, history.ErrCursor) {
		t.Fatal(err)
	}
}

// TestConfigurationsForgetTheirOwn: of two configurations that use one history,
// each takes leave of its own targets; one whose file is gone has none.
func TestConfigurationsForgetTheirOwn(t *testing.T) {
	t.Parallel()
	ctx, s := context.Background(), outboxStore(t)
	folder := t.TempDir()
	a, b := filepath.Join(folder, "a.yaml"), filepath.Join(folder, "b.yaml")
	for _, path := range []string{a, b} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	begin := func(configuration string, targets ...string) []string {
		t.Helper()
		s.Telling(configuration)
		forgotten, _, err := s.Forget(ctx, targets, "gone")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range targets {
			if _, known, err := s.Pending(ctx, name, 1); err != nil {
				t.Fatal(err)
			} else if !known {
				if _, err := s.Enqueue(ctx, name, 1, epoch, listIDs); err != nil {
					t.Fatal(err)
				}
			}
		}
		return forgotten
	}
	begin(a, "soc", "chat")
	happen(t, s, 1)
	for i, x := range []struct {
		configuration string
		targets, want []string
	}{
		{b, nil, nil}, // it tells nobody, and takes nobody away
		{b, []string{"chat", "post"}, nil},
		{a, []string{"soc"}, nil}, // b has chat
		{b, []string{"post"}, []string{"chat"}},
		{a, []string{"soc"}, nil},
	} {
		if got := begin(x.configuration, x.targets...); !slices.Equal(got, x.want) {
			t.Errorf("%d: %q are forgotten, want %q", i, got, x.want)
		}
	}
	if events, known, err := s.Pending(ctx, "soc", 10); err != nil || !known || len(events) != 1 {
		t.Errorf("of soc %d events wait, known %v, %v", len(events), known, err)
	}
	if err := os.Rename(a, a+".old"); err != nil {
		t.Fatal(err)
	}
	if got := begin(b, "post"); !slices.Equal(got, []string{"soc"}) {
		t.Errorf("a is gone, and %q are forgotten", got)
	}
}
