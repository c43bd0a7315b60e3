//go:build unix

package report

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// syncFolder makes a rename in path durable. A folder may be writable and not
// readable, and some file systems cannot sync a folder (EINVAL, ENOTSUP): the
// document is in its place then, and there is nothing more to do.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}
