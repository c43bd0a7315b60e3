package history_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
)

// childFolder names the folder of reports for a process that only imports them.
const childFolder = "MEMSWEEP_TEST_IMPORT"

// TestImportingChild is that process: it imports all reports, in an order of its
// own, into the history beside them.
func TestImportingChild(t *testing.T) {
	folder := os.Getenv(childFolder)
	if folder == "" {
		t.Skip("it is started by others")
	}
	s, err := history.Open(context.Background(), filepath.Join(folder, "history.db"), history.Create)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	reports, err := filepath.Glob(filepath.Join(folder, "*.jsonl"))
	if err != nil || len(reports) == 0 {
		t.Fatal(reports, err)
	}
	rand.Shuffle(len(reports), func(i, j int) { reports[i], reports[j] = reports[j], reports[i] })
	for _, path := range reports {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Import(context.Background(), f, path, exposure.Vantage{}, "")
		f.Close()
		if err != nil && !strings.Contains(err.Error(), "import the report of the sweep that was resumed") &&
			!strings.Contains(err.Error(), "complete, and this report of it says something else") {
			t.Fatal(err)
		}
	}
}

func child(folder string) *exec.Cmd {
	c := exec.Command(os.Args[0], "-test.run=^TestImportingChild$", "-test.timeout=10m")
	c.Env = append(os.Environ(), childFolder+"="+folder)
	return c
}

// TestKilledWhileImporting kills a process that imports, again and again, at
// random moments. Each report is in whole or not at all, and in the end every
// change is told once, as had nobody been killed. LAB_FULL=1 does it for longer.
func TestKilledWhileImporting(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a while")
	}
	rounds := 8
	if long() {
		rounds = 300
	}
	folder := t.TempDir()
	path := filepath.Join(folder, "history.db")
	right, rightPath := newStore(t)
	sizes := map[string]int{}
	for i := range 10 {
		x := swept{id: fmt.Sprintf("s%02d", i), vantage: "inet", at: day(i), plan: planOf(24), tcp: map[int]what{}, udp: map[int]what{}}
		for k := range 60 {
			if (k*7+i*3)%11 > 2 {
				x.tcp[k] = what{state: exposure.Open, version: strconv.Itoa((k + i/4) % 5)}
			}
			if (k*5+i)%7 > 1 {
				x.udp[k] = what{state: exposure.Open, baf: float64(10 + (k*i)%30)}
			}
		}
		if i == 5 {
			x.status = exposure.Interrupted
		}
		sizes[x.id] = len(x.tcp) + len(x.udp)
		if err := os.WriteFile(filepath.Join(folder, x.id+".jsonl"), x.document(t, "jsonl"), 0o600); err != nil {
			t.Fatal(err)
		}
		take(t, right, x)
	}
	killed := 0
	for round := range rounds {
		c := child(folder)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		wait := make(chan error, 1)
		go func() { wait <- c.Wait() }()
		select {
		case <-time.After(time.Duration(50+rand.IntN(1200)) * time.Millisecond):
			c.Process.Kill()
			killed++
			<-wait
		case err := <-wait:
			if err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			os.Remove(path) // it was done: from the beginning
			os.Remove(path + "-wal")
			os.Remove(path + "-shm")
			continue
		}
		wholeOrNotAtAll(t, path, sizes)
	}
	if out, err := child(folder).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	wholeOrNotAtAll(t, path, sizes)
	if whatItKnows(t, path) != whatItKnows(t, rightPath) {
		t.Error("it knows something else than a history whose imports nobody killed")
	}
	t.Logf("killed %d times in %d rounds", killed, rounds)
}

// wholeOrNotAtAll looks at a history after its writer was killed.
func wholeOrNotAtAll(t *testing.T, path string, sizes map[string]int) {
	t.Helper()
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return // killed before it began
	}
	s, err := history.Open(context.Background(), path, history.Existing)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	clean(t, s)
	for _, line := range query(t, path, "SELECT scan, (SELECT count(*) FROM observation WHERE sweep = sweep.id) FROM sweep") {
		scan, n, _ := strings.Cut(line, " ")
		if n != strconv.Itoa(sizes[scan]) {
			t.Errorf("of %s %s observations are there, of %d", scan, n, sizes[scan])
		}
	}
}
