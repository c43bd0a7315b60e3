package notify_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/internal/notify"
)

// TestMain is the child that TestNothingIsLostWhenKilled kills, when it is told
// which history to tell of.
func TestMain(m *testing.M) {
	path, config := os.Getenv("NOTIFY_TEST_HISTORY"), os.Getenv("NOTIFY_TEST_CONFIG")
	if path == "" {
		os.Exit(m.Run())
	}
	ctx := context.Background()
	s, err := history.Open(ctx, path, history.Existing)
	if err != nil {
		panic(err)
	}
	list, err := notify.Read(config)
	if err != nil {
		panic(err)
	}
	panic(notify.RunFast(ctx, s, list, func(slog.Level, string, ...any) {}))
}

// TestNothingIsLostWhenKilled kills what enqueues and delivers, again and again,
// at random moments. Each event arrives, in one message; what arrives twice is
// the same message, under the same ID. LAB_FULL=1 does it for longer.
func TestNothingIsLostWhenKilled(t *testing.T) {
	t.Parallel()
	kills := 10
	if os.Getenv("LAB_FULL") != "" {
		kills = 100
	}
	random := rand.New(rand.NewPCG(5, 6))
	busy := receive(t, func(n int, w http.ResponseWriter) {
		switch n % 7 {
		case 3:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 5:
			time.Sleep(20 * time.Millisecond) // arrived, and the answer is late
		}
	})
	dir := t.TempDir()
	path, config := filepath.Join(dir, "h.db"), filepath.Join(dir, "memsweep.yaml")
	write(t, filepath.Join(dir, "key"), key)
	write(t, config, "notify:\n- {name: soc, kind: webhook, url: '"+busy.URL+"', secret_file: key, batch: 3, wait: 3ms}\n")
	s, err := history.Open(context.Background(), path, history.Create)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Enqueue(context.Background(), "soc", 1, epoch, nil); err != nil { // it begins here
		t.Fatal(err)
	}
	events := 0
	for range kills {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "NOTIFY_TEST_HISTORY="+path, "NOTIFY_TEST_CONFIG="+config)
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		end := time.Now().Add(time.Duration(20+random.IntN(180)) * time.Millisecond)
		for time.Now().Before(end) {
			happen(t, s, events)
			events++
			time.Sleep(time.Duration(random.IntN(15)) * time.Millisecond)
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		child.Wait()
	}
	list, err := notify.Read(config)
	if err != nil {
		t.Fatal(err)
	}
	running(t, s, list)
	eventually(t, "all is told", func() bool {
		rest, _, err := s.Pending(context.Background(), "soc", 1)
		_, none := s.Next(context.Background(), "soc")
		return err == nil && len(rest) == 0 && none != nil
	})
	repeated := once(t, busy.deliveries(), events)
	t.Logf("%d events in %d deliveries, %d of them repetitions, over %d kills", events, len(busy.deliveries()), repeated, kills)
	if repeated == 0 {
		t.Log("nothing was repeated: the kills did not come at the worst moment")
	}
}

// once demands that each event from 1 on is in one message, and that repetitions
// are of the same message. It counts these.
func once(t *testing.T, deliveries []delivery, events int) (repeated int) {
	t.Helper()
	bodies, in := map[string]string{}, map[int64]string{}
	for _, d := range deliveries {
		var m notify.Message
		if err := json.Unmarshal([]byte(d.body), &m); err != nil || m.ID != d.id {
			t.Fatalf("%v: %+v", err, d)
		}
		if body, ok := bodies[d.id]; ok {
			repeated++
			if body != d.body {
				t.Fatalf("%s came with two contents:\n%s\n%s", d.id, body, d.body)
			}
			continue
		}
		bodies[d.id] = d.body
		for _, e := range m.Events {
			for _, id := range e.Events {
				if other, ok := in[id]; ok {
					t.Fatalf("event %d is in %s and in %s", id, other, d.id)
				}
				in[id] = d.id
			}
		}
	}
	for id := int64(1); id <= int64(events); id++ {
		if in[id] == "" {
			t.Fatalf("event %d of %d was never told", id, events)
		}
	}
	if len(in) != events {
		t.Fatalf("%d events were told, of %d", len(in), events)
	}
	return repeated
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
