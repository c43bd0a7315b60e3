package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/internal/memtest"
)

// bell is a receiver that is there or not, and keeps what it took.
type bell struct {
	*httptest.Server
	mu    sync.Mutex
	there bool
	took  []string
}

func (b *bell) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil || !b.there {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	b.took = append(b.took, string(body))
}

func (b *bell) set(there bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.there = there
}

func (b *bell) messages() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.took...)
}

// finished runs the program to its end.
func finished(t *testing.T, dir string, args ...string) (code int, log string) {
	t.Helper()
	cmd, said := programme(t, dir, args...)
	if err := cmd.Wait(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), said.String()
}

// TestOnceTells: a single run tells what it brought, even its first one; what does
// not arrive stays for the next start, and is no reason for another exit code. A
// schedule of the same history is left to tell.
func TestOnceTells(t *testing.T) {
	t.Parallel()
	w := &world{t: t, first: netip.MustParseAddr("127.98.1.0")}
	defer w.close()
	w.put(3, memtest.Open)
	b := &bell{there: true}
	b.Server = httptest.NewServer(b)
	defer b.Close()
	dir := t.TempDir()
	config := fmt.Sprintf(`history: h.db
notify:
- {name: soc, kind: webhook, url: '%s', secret_file: key, wait: 1h}
jobs:
  net: {targets: 127.98.1.0/29, port: %d, probes: [tcp], timeout: 300ms, cooldown: 100ms, vantage: {name: lab, trust: untrusted}, every: 366d}
`, b.URL, w.port)
	quiet := "history: h.db\n" + strings.Replace(config[strings.Index(config, "jobs:"):], "  net:", "  other:", 1)
	for name, text := range map[string]string{"run.yaml": config, "quiet.yaml": quiet, "key": strings.Repeat("k", 32)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	once := func(messages int, want ...string) {
		t.Helper()
		code, log := finished(t, dir, "run", "--once", "net", "run.yaml")
		if got := b.messages(); code != exitFindings || len(got) != messages {
			t.Fatalf("exit %d, told %q\n%s", code, got, log)
		}
		for _, text := range want {
			if !strings.Contains(log, text) {
				t.Errorf("the log lacks %q:\n%s", text, log)
			}
		}
	}
	once(1, "is delivered")
	if got := b.messages()[0]; !strings.Contains(got, `"kind":"new"`) || !strings.Contains(got, "127.98.1.3") {
		t.Errorf("told %s", got)
	}
	b.set(false)
	w.put(4, memtest.Open)
	once(1, "level=WARN msg=notify", "messages are left in the outbox, for the next start", "messages=1")
	// Another configuration, which tells nobody, takes nothing from this one.
	if code, log := finished(t, dir, "run", "--once", "other", "quiet.yaml"); code != exitFindings || strings.Contains(log, "forgotten") {
		t.Errorf("exit %d\n%s", code, log)
	}
	b.set(true)
	once(2)
	if got := b.messages()[1]; !strings.Contains(got, "127.98.1.4") {
		t.Errorf("told %s", got)
	}

	store, err := history.Open(context.Background(), filepath.Join(dir, "h.db"), history.Existing)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	always, said := programme(t, dir, "run", "run.yaml")
	defer stopProcess(t, always)
	eventually(t, func() bool { return alone(dir) })
	w.put(5, memtest.Open)
	once(2, "another memsweep run works on the history, and tells of it")
	if waiting, known, err := store.Pending(context.Background(), "soc", 10); err != nil || !known || len(waiting) == 0 {
		t.Errorf("the schedule has nothing to tell: %v, %v, %v\n%s", waiting, known, err, said)
	}
}

// alone: a schedule has its lock.
func alone(dir string) bool {
	f, err := os.Open(filepath.Join(dir, "h.db.lock"))
	if err != nil {
		return false
	}
	defer f.Close()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) != nil
}

func stopProcess(t *testing.T, cmd *exec.Cmd) {
	cmd.Process.Kill()
	cmd.Wait()
}
