package schedule

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// monotonic is the clock that systemd compares with, in microseconds.
func monotonic() string {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return "0"
	}
	return strconv.FormatInt(t.Nano()/1000, 10)
}
