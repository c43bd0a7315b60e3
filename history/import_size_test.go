package history_test

import (
	"os"
	"testing"

	"github.com/memsweep/memsweep/report"
)

// TestWriteReport writes a report of 100,000 exposures, to import it in a process
// of its own and see what that takes: MEMSWEEP_REPORT=FILE.
func TestWriteReport(t *testing.T) {
	path := os.Getenv("MEMSWEEP_REPORT")
	if path == "" {
		t.Skip("MEMSWEEP_REPORT names no file")
	}
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	f, err := report.ByName("jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if err := keep(t, 100_000).into(f.New(file, report.Options{})); err != nil {
		t.Fatal(err)
	}
}
