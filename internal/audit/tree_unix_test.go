//go:build unix

package audit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestNoSpecialFileIsOpened: a FIFO that nobody writes to would hold us for
// ever, and to open a device may do something.
func TestNoSpecialFileIsOpened(t *testing.T) {
	t.Parallel()
	for name, mode := range map[string]uint32{"FIFO": unix.S_IFIFO, "device": unix.S_IFCHR} {
		root := t.TempDir()
		files{unitAt: debianUnit, programAt: program, "etc/x": ""}.write(t, root)
		err := unix.Mknod(filepath.Join(root, confAt), mode|0o644, int(unix.Mkdev(1, 5))) // /dev/zero
		if name == "device" && os.Geteuid() != 0 && err != nil {
			continue // only root makes devices
		}
		if err != nil {
			t.Fatal(err)
		}
		r, err := Run(t.Context(), Options{Root: root})
		if err != nil {
			t.Fatal(err)
		}
		if got := summary(t, r); got != "incomplete" || !strings.Contains(strings.Join(r.Problems, "\n"), "no regular file") {
			t.Errorf("%s: %s, %q", name, got, r.Problems)
		}
	}
}
