package lab_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/memsweep/memsweep/internal/lab"
)

// TestIntoAHistory: a sweep that has given up its capabilities, and may write
// into the folders of its documents alone, still takes itself into a history in
// another folder, with what SQLite keeps beside it.
func TestIntoAHistory(t *testing.T) {
	engines(t, func(t *testing.T, e engine) {
		l := lab.New(t, lab.Options{Within: within(small), Answering: few})
		path, err := program()
		if err != nil {
			t.Fatal(err)
		}
		folder := filepath.Join(t.TempDir(), "elsewhere")
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(folder, "history.db")
		for range 2 { // made, and then opened again
			s := sweep(t, l, e, small, "--probe", "udp", "--rate", "8000", "--tries", "1", "--timeout", "250ms", "--cooldown", "500ms", "--history", file)
			if s.Code != 0 || s.Stderr != "" {
				t.Fatalf("exit %d: %s", s.Code, s.Stderr)
			}
		}
		check, err := l.Run(t.Context(), path, "history", "check", "--history", file)
		if err != nil || check.Code != 0 {
			t.Errorf("check: %v, exit %d: %s", err, check.Code, check.Stderr)
		}
		listed, err := l.Run(t.Context(), path, "history", "sweeps", "--history", file, "-f", "csv")
		if err != nil || strings.Count(listed.Stdout, ",complete,") != 2 {
			t.Errorf("sweeps: %v\n%s%s", err, listed.Stdout, listed.Stderr)
		}
	})
}
