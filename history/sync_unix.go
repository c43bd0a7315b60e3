//go:build unix

package history

import (
	"errors"
	"os"
	"syscall"
)

// syncFolder makes that a file is in it outlast a power cut.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) { // a file system that cannot
		return err
	}
	return nil
}
