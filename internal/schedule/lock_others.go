//go:build !unix

package schedule

import (
	"fmt"
	"os"
)

// lock: here, nothing but the history keeps two processes apart.
func lock(path string) (f *os.File, ok bool, err error) {
	f, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, false, fmt.Errorf("lock: %w", err)
	}
	return f, true, nil
}
