//go:build unix

package scanner

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// fileLimit is how many file descriptors this process may have.
func fileLimit() int {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return 256 // the least that any current system gives
	}
	return int(min(r.Cur, 1<<20))
}

// openFiles is how many file descriptors this process has now.
func openFiles() int {
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		return 8
	}
	return len(entries)
}

// ephemeralPorts is how many source ports the kernel chooses from.
func ephemeralPorts() int {
	var low, high int
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err == nil {
		_, err = fmt.Sscan(string(text), &low, &high)
	}
	if err != nil || high < low {
		return 16384 // RFC 6335, section 6: 49152 to 65535
	}
	return high - low + 1
}
