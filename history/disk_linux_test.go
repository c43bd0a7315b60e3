package history_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
)

const childLimit = "MEMSWEEP_TEST_FILE_SIZE"

// TestImportOnFullDiskChild imports a report in a process that cannot make a file
// longer than so many bytes.
func TestImportOnFullDiskChild(t *testing.T) {
	limit, err := strconv.ParseUint(os.Getenv(childLimit), 10, 64)
	if err != nil {
		t.Skip("it is started by others")
	}
	signal.Ignore(syscall.SIGXFSZ) // so that it is an error
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
		t.Fatal(err)
	}
	folder := os.Getenv(childFolder)
	s, err := history.Open(context.Background(), filepath.Join(folder, "history.db"), history.Existing)
	if err != nil {
		t.Fatal("full:", err)
	}
	defer s.Close()
	doc, err := os.ReadFile(filepath.Join(folder, "large.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Import(context.Background(), bytes.NewReader(doc), "large", exposure.Vantage{}, ""); err != nil {
		t.Fatal("full:", err)
	}
}

// TestFullDisk: a report that does not fit changes nothing, and goes in when
// there is room.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	s, path := newStore(t)
	take(t, s, crowd(0, 200))
	large := crowd(1, 800)
	doc := large.document(t, "jsonl")
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "large.jsonl"), doc, 0o600); err != nil {
		t.Fatal(err)
	}
	before := whatItKnows(t, path)
	for _, more := range []int{0, 10_000, 100_000} {
		c := exec.Command(os.Args[0], "-test.run=^TestImportOnFullDiskChild$")
		c.Env = append(os.Environ(), childFolder+"="+filepath.Dir(path), childLimit+"="+strconv.Itoa(100_000+more))
		out, err := c.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "full:") {
			t.Errorf("%d bytes more: %v\n%s", more, err, out)
		}
		clean(t, s)
		if after := whatItKnows(t, path); after != before {
			t.Fatalf("%d bytes more: it knows something else now", more)
		}
	}
	take(t, s, large)
	clean(t, s)
}
