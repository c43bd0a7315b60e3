//go:build unix

package scanner

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// decided reports whether the kernel knows what became of a connection attempt,
// whatever that is. Of one that has not begun it says so too.
func decided(c syscall.RawConn) (yes bool) {
	c.Control(func(fd uintptr) {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, 0)
		yes = n > 0 && err == nil
	})
	return yes
}
