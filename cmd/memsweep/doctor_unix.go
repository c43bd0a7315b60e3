//go:build unix

package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// fileDescriptors is the soft and the hard limit of this process.
func fileDescriptors() string {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return ""
	}
	return fmt.Sprintf("%d of %d", r.Cur, r.Max)
}
