//go:build unix

package report

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

func TestFileReplacesALink(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	target, link := filepath.Join(folder, "precious"), filepath.Join(folder, "report.json")
	if err := os.WriteFile(target, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if err := write(t, link, "report").Commit(); err != nil {
		t.Fatal(err)
	}
	holds(t, folder, map[string]string{"precious": "precious", "report.json": "report"})
	if info, err := os.Lstat(link); err != nil || !info.Mode().IsRegular() {
		t.Errorf("still a link: %v, %v", info.Mode(), err)
	}
}

func TestFileWritesDevicesStraight(t *testing.T) {
	t.Parallel()
	link := filepath.Join(t.TempDir(), "null")
	if err := os.Symlink(os.DevNull, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{os.DevNull, link} {
		if err := write(t, path, "text").Commit(); err != nil {
			t.Error(err)
		}
		write(t, path, "text").Abort()
		if info, err := os.Stat(path); err != nil || info.Mode()&os.ModeDevice == 0 {
			t.Errorf("%s is no device any more: %v", path, err)
		}
	}
	if _, err := Create("/dev/no-such-device"); err == nil {
		t.Error("a file was made among the devices")
	}
}

func TestFileWritesPipesStraight(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := os.OpenFile(path, os.O_RDWR, 0) // does not wait for a writer
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := write(t, path, "report").Commit(); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len("report"))
	if _, err := io.ReadFull(r, got); err != nil || string(got) != "report" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestFileNamedByDescriptor: /dev/fd/N may lead to a regular file, which is
// written where it is and not replaced.
func TestFileNamedByDescriptor(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(path, []byte("before "), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	name := filepath.Join("/dev/fd", strconv.Itoa(int(out.Fd())))
	if _, err := os.Stat(name); err != nil {
		t.Skipf("no /dev/fd here: %v", err)
	}
	if err := write(t, name, "after").Commit(); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "before after" {
		t.Errorf("%q", got)
	}
}
