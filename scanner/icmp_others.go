//go:build !linux

package scanner

import "net"

// reportICMP is for Linux; elsewhere an unconnected socket never learns of
// ICMP errors, and what refuses looks silent.
func reportICMP(*net.UDPConn, bool) error { return nil }
