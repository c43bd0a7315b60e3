package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/history/life"
	"github.com/memsweep/memsweep/internal/memtest"
)

const killed = `history: h.db
parallel: 2
jobs:
  all:
    targets: [127.94.1.0/28]
    port: %[1]d
    rate: 250
    timeout: 1s
    cooldown: 100ms
    vantage: {name: inside, trust: untrusted}
    every: 1s
  half:
    targets: [127.94.1.0/29]
    port: %[1]d
    rate: 150
    timeout: 1s
    cooldown: 100ms
    vantage: {name: outside, trust: untrusted}
    every: 2s
`

// programme starts the program itself, as `memsweep ARGUMENT...`.
func programme(t *testing.T, dir string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	log := &bytes.Buffer{}
	cmd := &exec.Cmd{Path: program, Args: append([]string{"memsweep"}, args...), Dir: dir, Stderr: log}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, log
}

// sweepsBelow are the processes that write below a folder, whoever started them.
func sweepsBelow(folder string) (list []int) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		cwd, _ := os.Readlink(filepath.Join("/proc", e.Name(), "cwd")) // it may have ended
		command, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if cwd == folder && bytes.HasPrefix(command, []byte("memsweep\x00scan\x00")) {
			list = append(list, pid)
		}
	}
	return list
}

// TestRunIsKilled kills the scheduler at random moments, while servers come and
// go. Afterwards no sweep is left over, the history is sound, each exposure's
// events alternate, and what is open is what is there. LAB_FULL=1 does it for longer.
func TestRunIsKilled(t *testing.T) {
	t.Parallel()
	rounds := 8
	if os.Getenv("LAB_FULL") != "" {
		rounds = 60
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	w := &world{t: t, first: netip.MustParseAddr("127.94.1.0")}
	defer w.close()
	w.put(8, memtest.Reflector)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "run.yaml"), fmt.Appendf(nil, killed, w.port), 0o600); err != nil {
		t.Fatal(err)
	}
	for range rounds {
		run, _ := programme(t, dir, "run", "run.yaml")
		time.Sleep(time.Duration(r.IntN(2500)) * time.Millisecond)
		if r.IntN(2) == 0 {
			w.stir(r)
		}
		run.Process.Kill()
		run.Wait()
	}
	began := time.Now()
	run, log := programme(t, dir, "run", "run.yaml")
	defer run.Process.Kill() // without effect once it ended
	store := openWhenThere(t, filepath.Join(dir, "h.db"))
	defer store.Close()
	settled(t, store, began)
	if err := run.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := run.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	for end := time.Now().Add(5 * time.Second); len(sweepsBelow(dir)) > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("sweeps are left over: %v", sweepsBelow(dir))
		}
	}
	if t.Failed() {
		return
	}
	alternate(t, w, store)
	problems, err := store.Check(context.Background())
	if err != nil || len(problems) > 0 {
		t.Errorf("the history: %v, %v", problems, err)
	}
}

func openWhenThere(t *testing.T, path string) *history.Store {
	t.Helper()
	for range 200 {
		if store, err := history.Open(context.Background(), path, history.ReadOnly); err == nil {
			return store
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("there is no history")
	return nil
}

// settled waits until each job had three complete runs that began after a moment.
func settled(t *testing.T, store *history.Store, since time.Time) {
	t.Helper()
	for range 1200 {
		enough := true
		for _, job := range []string{"all", "half"} {
			list, _, err := store.Runs(context.Background(), job, history.Page{Limit: 50})
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, r := range list {
				if r.Outcome == history.Complete && r.Due.After(since) {
					n++
				}
			}
			enough = enough && n >= 3
		}
		if enough {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the runs do not come to an end")
}

// alternate: an exposure that is new was not open, one that is fixed was; and in
// the end those are open that are there.
func alternate(t *testing.T, w *world, store *history.Store) {
	t.Helper()
	open := map[string]bool{}
	outcomes := map[history.Outcome]int{}
	n := 0
	for after := int64(0); ; {
		list, err := store.Events(context.Background(), after, 500)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			break
		}
		for _, e := range list {
			after = e.ID
			n++
			if e.Run != nil {
				outcomes[e.Run.Outcome]++
				continue
			}
			c := e.Change
			key := fmt.Sprintf("%s %s %s", c.Exposure.Vantage.Name, c.Exposure.Transport, c.Exposure.IP)
			switch c.Kind {
			case life.New:
				if open[key] {
					t.Errorf("%s is new, and was open (event %d)", key, e.ID)
				}
				open[key] = true
			case life.Fixed:
				if !open[key] {
					t.Errorf("%s is fixed, and was not open (event %d)", key, e.ID)
				}
				delete(open, key)
			default:
				if !open[key] {
					t.Errorf("%s is %s, and was not open (event %d)", key, c.Kind, e.ID)
				}
			}
		}
	}
	var want []string
	for i, p := range w.posture {
		for _, transport := range []string{"tcp", "udp"} {
			for _, vantage := range []string{"inside", "outside"} {
				if p != "" && (transport == "tcp" || p == memtest.Reflector) && (vantage == "inside" || i < 8) {
					want = append(want, fmt.Sprintf("%s %s %s", vantage, transport, w.addr(i)))
				}
			}
		}
	}
	for _, key := range want {
		if !open[key] {
			t.Errorf("%s is there, and not open", key)
		}
		delete(open, key)
	}
	for key := range open {
		t.Errorf("%s is open, and not there", key)
	}
	t.Logf("%d events; runs: %v; %s", n, outcomes, strings.Repeat("·", len(want)))
}
