package realtest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// await returns when a memcached answers, or is known not to.
func await(p *plan, at netip.AddrPort, exited <-chan struct{}) error {
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		if answers(p, at) {
			return nil
		}
		select {
		case <-exited:
			return errors.New("exited")
		case <-time.After(10 * time.Millisecond):
		}
	}
	return fmt.Errorf("no answer within %v", patience)
}

// answers tries each way in that a memcached has: it may listen on one before
// it listens on the next.
func answers(p *plan, at netip.AddrPort) bool {
	switch {
	case p.socket != "":
		return connects("unix", p.socket)
	case !p.noTCP && !connects("tcp", at.String()):
		return false
	case p.udp:
		return answersUDP(at)
	}
	return true
}

func connects(network, address string) bool {
	c, err := net.DialTimeout(network, address, time.Second)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// answersUDP asks for the version. The socket is not connected, for the
// answer may come from another address.
func answersUDP(at netip.AddrPort) bool {
	local := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}
	if at.Addr().Is6() {
		local = &net.UDPAddr{IP: net.IPv6loopback}
	}
	c, err := net.ListenUDP("udp", local)
	if err != nil {
		return false
	}
	defer c.Close()
	const version = "\x5e\xed\x00\x00\x00\x01\x00\x00version\r\n"
	if _, err := c.WriteToUDPAddrPort([]byte(version), at); err != nil {
		return false
	}
	c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	_, _, err = c.ReadFromUDPAddrPort(make([]byte, 1500))
	return err == nil
}
