package schedule

import (
	"net"
	"os"
)

// ServiceManager returns how to tell systemd, or whoever else listens, what state
// the program is in, by the protocol of sd_notify(3): datagrams of NAME=VALUE
// lines. Without a listener it does nothing.
func ServiceManager() func(state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return func(string) {}
	}
	watchdog := os.Getenv("WATCHDOG_USEC") != ""
	return func(state string) {
		if state == "WATCHDOG=1" && !watchdog {
			return
		}
		c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
		if err != nil {
			return // there is nobody to tell it to
		}
		defer c.Close()
		c.Write([]byte(state))
	}
}
