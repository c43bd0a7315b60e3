//go:build unix

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// wasClosed reports whether a standard stream may have been closed when the
// program started: the Go runtime opens the null device in its place, for
// reading and writing. A shell that discards output opens it for writing only;
// other programs may open it as the runtime does.
func wasClosed(f *os.File) bool {
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	if err != nil {
		return true
	}
	if flags&unix.O_ACCMODE != unix.O_RDWR {
		return false
	}
	var this, null unix.Stat_t
	return unix.Fstat(int(f.Fd()), &this) == nil && unix.Stat(os.DevNull, &null) == nil && this.Rdev == null.Rdev && this.Mode == null.Mode
}
