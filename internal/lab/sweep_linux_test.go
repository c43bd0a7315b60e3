package lab_test

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/internal/lab"
	"github.com/memsweep/memsweep/report"
)

// full reports whether the long tests were asked for too.
func full() bool { return os.Getenv("LAB_FULL") != "" }

// program is the memsweep under test, built once.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "memsweep")
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", path, "github.com/memsweep/memsweep/cmd/memsweep")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build memsweep: %w\n%s", err, said)
	}
	return path, nil
})

var scratch string

// TestMain leaves these tests to scripts/lab-test: they need root, take minutes,
// and some measure time, so that nothing may run beside them.
func TestMain(m *testing.M) {
	if os.Getenv("LAB") == "" && os.Getenv("LAB_FULL") == "" && os.Getenv("LAB_HOLD") == "" {
		fmt.Println("internal/lab: left out: scripts/lab-test runs these tests")
		os.Exit(0)
	}
	os.Exit(func() int {
		var err error
		if scratch, err = os.MkdirTemp("", "lab"); err != nil {
			panic(err)
		}
		defer os.RemoveAll(scratch)
		return m.Run()
	}())
}

// engine is a way to run memsweep.
type engine struct {
	name  string
	flags []string
}

var offersRaw = sync.OnceValues(func() (bool, error) {
	path, err := program()
	if err != nil {
		return false, err
	}
	help, err := exec.Command(path, "scan", "--help").Output()
	return regexp.MustCompile(`(?m)^\s*--engine\b.*\braw\b|^\s*--sender\b`).Match(help), err
})

// engines runs a test with each engine that there is, and in raw with each of
// its senders, all at the same time: most of it is waiting.
func engines(t *testing.T, body func(t *testing.T, e engine)) {
	t.Helper()
	oneByOne(t, func(t *testing.T, e engine) {
		t.Parallel()
		body(t, e)
	})
}

// oneByOne is engines for a test that measures time.
func oneByOne(t *testing.T, body func(t *testing.T, e engine)) {
	t.Helper()
	if err := lab.Possible(); err != nil {
		t.Skipf("no lab: %v", err)
	}
	t.Run("socket", func(t *testing.T) { body(t, engine{"socket", []string{"--engine", "socket"}}) })
	built, err := offersRaw()
	if err != nil {
		t.Fatal(err)
	}
	for _, sender := range []string{"packet", "afxdp", "xdp"} {
		t.Run("raw-"+sender, func(t *testing.T) {
			if !built {
				t.Skip("engine raw is not built")
			}
			body(t, engine{"raw", []string{"--engine", "raw", "--sender", sender}})
		})
	}
}

// swept is a report read back, and how the program ended.
type swept struct {
	lab.Result
	header   report.Header
	findings map[netip.Addr]exposure.Finding
	summary  report.Summary
}

func (s swept) outcomes() exposure.Outcomes { return s.summary.Coverage.Outcomes }

// arguments is the command line of a sweep that writes its report to a file.
func arguments(e engine, out string, args ...string) []string {
	all := append([]string{"scan", "-q", "--fail-on", "never", "-o", out, "--format", "json"}, e.flags...)
	return append(all, args...)
}

// sweep runs memsweep in the lab and reads its report.
func sweep(t *testing.T, l *lab.Lab, e engine, args ...string) swept {
	t.Helper()
	return start(t, l, e, args...)()
}

// start starts a sweep; what it returns waits for the end.
func start(t *testing.T, l *lab.Lab, e engine, args ...string) (wait func() swept) {
	t.Helper()
	_, wait = process(t, l, e, args...)
	return wait
}

func process(t *testing.T, l *lab.Lab, e engine, args ...string) (*lab.Process, func() swept) {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "report.json")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	p, err := l.Start(ctx, path, arguments(e, out, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return p, func() swept {
		t.Helper()
		defer cancel()
		r, err := p.Wait()
		if err != nil {
			t.Fatal(err)
		}
		return read(t, r, out)
	}
}

func read(t *testing.T, r lab.Result, path string) swept {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("memsweep ended with %d and no report: %s", r.Code, r.Stderr)
	}
	stored, err := report.Read(bytes.NewReader(text), path)
	if err != nil {
		t.Fatal(err)
	}
	s := swept{Result: r, header: stored.Header, findings: map[netip.Addr]exposure.Finding{}}
	for f, err := range stored.Findings() {
		if err != nil {
			t.Fatal(err)
		}
		s.findings[f.IP] = f
	}
	s.summary = stored.Summary()
	if planned := s.summary.Coverage.Planned; s.outcomes().Sum() != planned {
		t.Errorf("outcomes %+v do not add up to the %d planned", s.outcomes(), planned)
	}
	return s
}

// found checks who was found: at least so many of those that answer, and
// nobody else.
func (s swept) found(t *testing.T, l *lab.Lab, atLeast int) {
	t.Helper()
	n := 0
	for _, a := range l.Answering() {
		if _, ok := s.findings[a]; ok {
			n++
		}
	}
	if n < atLeast {
		t.Errorf("found %d of %d, want at least %d; %+v, %v, exit %d: %s",
			n, len(l.Answering()), atLeast, s.summary.Coverage, s.summary.Problems, s.Code, s.Stderr)
	}
	for a, f := range s.findings {
		if !slices.Contains(l.Answering(), a) {
			t.Errorf("found %s as %s, which does not answer", a, f.Verdict)
		}
	}
}

// complete checks that the sweep says it missed nothing.
func (s swept) complete(t *testing.T) {
	t.Helper()
	if s.Code != 0 || s.summary.Status != exposure.Complete {
		t.Errorf("exit %d, %s: %v: %s", s.Code, s.summary.Status, s.summary.Problems, s.Stderr)
	}
}
