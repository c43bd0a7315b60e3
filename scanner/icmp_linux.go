package scanner

import (
	"net"

	"golang.org/x/sys/unix"
)

// reportICMP makes the kernel hand ICMP errors to an unconnected socket, and
// report a full local queue as ENOBUFS instead of dropping in silence
// (ip(7), IP_RECVERR).
func reportICMP(conn *net.UDPConn, v4 bool) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	level, option := unix.IPPROTO_IPV6, unix.IPV6_RECVERR
	if v4 {
		level, option = unix.IPPROTO_IP, unix.IP_RECVERR
	}
	var failed error
	if err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), level, option, 1)
	}); err != nil {
		return err
	}
	return failed
}
