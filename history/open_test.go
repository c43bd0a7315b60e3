package history_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/memsweep/memsweep/history"
)

func TestOpenMakesAPrivateFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a ?#%.db")
	if _, err := history.Open(context.Background(), path, history.Existing); err == nil {
		t.Fatal("a file that is not there was opened")
	}
	for range 2 { // made, and opened again
		s, err := history.Open(context.Background(), path, history.Create)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	s, err := history.Open(context.Background(), path, history.ReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	bad := filepath.Join(t.TempDir(), "notes.txt")
	os.WriteFile(bad, []byte("this is not a database, and it stays as it is"), 0o600)
	if _, err := history.Open(context.Background(), bad, history.Create); err == nil {
		t.Fatal("a text was opened as a database")
	}
}
