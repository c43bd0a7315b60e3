package report

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func write(t *testing.T, path, text string) *File {
	t.Helper()
	f, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Abort)
	if _, err := f.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return f
}

// holds checks what a folder has: names and contents, nothing else.
func holds(t *testing.T, folder string, want map[string]string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := want[e.Name()]; !ok || got != string(text) {
			t.Errorf("%s holds %q", e.Name(), text)
		}
	}
	if len(entries) != len(want) {
		t.Errorf("%d files, want %d", len(entries), len(want))
	}
}

func TestFileAppearsWhole(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "report.json")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	f := write(t, path, "new")
	if err := f.Flush(); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "old" {
		t.Errorf("before Commit it holds %q", got)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	f.Abort() // after Commit: nothing
	holds(t, folder, map[string]string{"report.json": "new"})
	if info, _ := os.Stat(path); runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestFileAbortLeavesNothing(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	f := write(t, filepath.Join(folder, "report.json"), "half")
	f.Abort()
	f.Abort()
	holds(t, folder, nil)
	if err := f.Commit(); err == nil {
		t.Error("an aborted file was committed")
	}
	holds(t, folder, nil)
}

func TestFileCommitFails(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "report.json")
	f := write(t, path, "text")
	if err := os.Mkdir(path, 0o755); err != nil { // in the way of the rename
		t.Fatal(err)
	}
	if err := f.Commit(); err == nil {
		t.Error("a folder was replaced")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	holds(t, folder, nil)
}

func TestFileRefuses(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for _, path := range []string{folder, filepath.Join(folder, "missing", "report.json"), ""} {
		if f, err := Create(path); err == nil {
			f.Abort()
			t.Errorf("%q was created", path)
		}
	}
	holds(t, folder, nil)
}
