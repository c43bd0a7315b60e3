package pretend_test

import (
	"context"
	"os"
	"testing"

	"github.com/memsweep/memsweep/internal/pretend"
)

// TestWriteBig keeps a big history for measurements: MEMSWEEP_PRETEND=FILE.
func TestWriteBig(t *testing.T) {
	path := os.Getenv("MEMSWEEP_PRETEND")
	if path == "" {
		t.Skip("MEMSWEEP_PRETEND names no file")
	}
	if err := pretend.Write(context.Background(), path, pretend.Big); err != nil {
		t.Fatal(err)
	}
}
