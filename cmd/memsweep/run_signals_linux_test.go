package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/internal/memtest"
)

// told waits until the service manager is told something.
func told(t *testing.T, l *net.UnixConn, want string) {
	t.Helper()
	l.SetReadDeadline(time.Now().Add(20 * time.Second))
	for b := make([]byte, 4096); ; {
		n, err := l.Read(b)
		if err != nil {
			t.Fatalf("never told %s: %v", want, err)
		}
		if strings.HasPrefix(string(b[:n]), want) {
			return
		}
	}
}

// SIGHUP reads the file again, and a bad one changes nothing; a second scheduler
// of the same history is refused; the service manager is told of all of it.
func TestRunIsReloaded(t *testing.T) {
	dir := t.TempDir()
	configure := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "run.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	socket := filepath.Join(dir, "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", "30000000")
	configure("history: h.db\njobs:\n  first: {targets: 127.0.0.1, every: 366d}\n")
	run, log := programme(t, dir, "run", "--log", "json", "run.yaml")
	defer run.Process.Kill() // without effect once it ended
	told(t, manager, "READY=1")
	told(t, manager, "WATCHDOG=1")
	second, said := programme(t, dir, "run", "run.yaml")
	second.Wait()
	if code := second.ProcessState.ExitCode(); code != exitUsage || !strings.Contains(said.String(), "another memsweep run works on h.db") {
		t.Errorf("a second one: exit %d, %s", code, said)
	}
	for _, text := range []string{
		"history: h.db\njobs:\n  worse: {targets: 127.0.0.300, every: 366d}\n",
		"history: h.db\njobs:\n  other: {targets: 127.0.0.1, every: 366d}\n",
		"history: other.db\nretention: 30d\nserve: {listen: 127.0.0.1:0}\nmetrics: {listen: 127.0.0.1:0}\njobs:\n  other: {targets: 127.0.0.1, every: 366d}\n",
	} {
		configure(text)
		if err := run.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		told(t, manager, "RELOADING=1\nMONOTONIC_USEC=")
		told(t, manager, "READY=1")
	}
	if err := run.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	told(t, manager, "STOPPING=1")
	if err := run.Wait(); err != nil {
		t.Errorf("%v", err)
	}
	if n := strings.Count(log.String(), "needs a new start"); n != 3 {
		t.Errorf("%d keys are said to need a new start, not 3", n)
	}
	for _, want := range []string{
		`"level":"ERROR","msg":"the configuration was not reloaded, and the old one holds","error":"run.yaml:3: target \"127.0.0.300\"`,
		`"msg":"job","job":"other"`, `"msg":"the configuration was reloaded","jobs":1`, `"msg":"memsweep run ends"`,
		`"level":"WARN","msg":"history changed in the configuration, and needs a new start`, `"msg":"serve changed in`, `"msg":"metrics changed in`,
		`pruned"`, // or that it was stopped amid it: the retention is taken over
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, log)
		}
	}
}

// A sweep that runs into a blackout stops with a checkpoint, and goes on after it.
func TestRunLeavesBlackouts(t *testing.T) {
	t.Parallel()
	w := &world{t: t, first: netip.MustParseAddr("127.96.1.0")}
	defer w.close()
	w.put(3, memtest.Reflector)
	dir := t.TempDir()
	config := fmt.Sprintf(`history: h.db
jobs:
  other: {targets: 127.96.2.1, port: 11998, timeout: 100ms, cooldown: 100ms, at: "04:00"}
  net: {targets: 127.96.1.0/25, port: %d, rate: 200, timeout: 200ms, cooldown: 100ms, at: "03:00", blackout: ["03:01-05:00"]}
`, w.port)
	clock := &clockwork{now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	s := &scheduler{t: t, config: filepath.Join(dir, "run.yaml"), clock: clock}
	if err := os.WriteFile(s.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.store, err = history.Open(context.Background(), filepath.Join(dir, "h.db"), history.Create); err != nil {
		t.Fatal(err)
	}
	defer s.store.Close()
	s.start()
	due := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	clock.set(due)
	eventually(t, func() bool { r := lastRun(t, s.store); return r != nil && r.Progress != nil })
	clock.set(due.Add(90 * time.Second))
	eventually(t, func() bool {
		r := lastRun(t, s.store)
		return r.Problem == "a blackout, until 2026-11-21 05:00 UTC" && len(children(t, dir)) == 0
	})
	if found, err := filepath.Glob(filepath.Join(dir, "h.db.runs", "*", checkpointGlob)); err != nil || len(found) != 1 {
		t.Errorf("checkpoints: %v, %v", found, err)
	}
	// Meanwhile others have its place.
	clock.set(due.Add(time.Hour))
	s.await(due.Add(time.Hour))
	clock.set(due.Add(2 * time.Hour))
	run := s.await(due)
	s.halt()
	sweeps, _, err := s.store.Sweeps(context.Background(), "", "net", history.Page{})
	if err != nil || run.Outcome != history.Complete || len(sweeps) != 1 || sweeps[0].Outcomes.Answered != 2 || sweeps[0].Status != exposure.Complete {
		t.Errorf("%+v, %+v, %v", run, sweeps, err)
	}
}

const checkpointGlob = "*.checkpoint"

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for range 800 {
		if ok() {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatal("it does not happen")
}

func lastRun(t *testing.T, store *history.Store) *history.Run {
	t.Helper()
	list, _, err := store.Runs(context.Background(), "", history.Page{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		return nil
	}
	return &list[0]
}

// Each line of --progress json is as its schema says, and a sweep whose starter is
// gone stops as if it were told to.
func TestProgressJSON(t *testing.T) {
	t.Parallel()
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	schema, err := compiler.Compile("../../docs/progress.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := &exec.Cmd{Path: program, Dir: dir, Args: []string{
		"memsweep", "scan", "127.97.0.0/22", "--port", "11998", "--rate", "300", "-q", "--progress", "json", "-o", "r.json",
	}}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	for n := 0; n < 3 && lines.Scan(); n++ {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(lines.Bytes()))
		if err != nil {
			t.Fatalf("%v: %s", err, lines.Bytes())
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%v: %s", err, lines.Bytes())
		}
		var p progressLine
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil || p.Planned != 2048 || p.Done < 0 || n > 0 && p.Done == 0 {
			t.Errorf("%v: %s", err, lines.Bytes())
		}
	}
	stderr.Close() // nobody listens any more
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitSIGINT {
		t.Errorf("exit %d, want %d", code, exitSIGINT)
	}
	for _, name := range []string{"r.json", "r.json.checkpoint"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}
