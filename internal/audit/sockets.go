package audit

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/memsweep/memsweep/exposure"
)

// socket is one that waits for whoever comes: TCP in LISTEN, UDP unconnected.
type socket struct {
	transport exposure.Transport
	bound     netip.AddrPort
	uid       string // of who opened it
	inode     string
}

// States in /proc/net (include/net/tcp_states.h); UDP borrows them: CLOSE is
// a socket that is bound and not connected.
const (
	stateListen = "0A"
	stateClose  = "07"
)

// parseSockets reads /proc/net/tcp, tcp6, udp or udp6 (proc_pid_net(5)).
// Addresses stand there as the words of the machine's memory: order is its
// byte order. Lines that make no sense are counted.
func parseSockets(text string, transport exposure.Transport, order binary.ByteOrder) (list []socket, bad int) {
	waiting := stateListen
	if transport == exposure.UDP {
		waiting = stateClose
	}
	first := true
	for line := range strings.Lines(text) {
		if first { // the names of the columns
			first = false
			continue
		}
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if len(f) < 10 {
			bad++
			continue
		}
		bound, err := parseEndpoint(f[1], order)
		if err != nil {
			bad++
			continue
		}
		if f[3] == waiting && bound.Port() != 0 {
			list = append(list, socket{transport, bound, f[7], f[9]})
		}
	}
	return list, bad
}

// parseEndpoint reads "0100007F:2BCB".
func parseEndpoint(text string, order binary.ByteOrder) (netip.AddrPort, error) {
	host, digits, _ := strings.Cut(text, ":")
	port, err := strconv.ParseUint(digits, 16, 16)
	if err != nil || len(digits) != 4 {
		return netip.AddrPort{}, fmt.Errorf("parse port in %q", text)
	}
	words, err := hex.DecodeString(host)
	if err != nil || len(words) != 4 && len(words) != 16 {
		return netip.AddrPort{}, fmt.Errorf("parse address in %q", text)
	}
	for i := 0; i < len(words); i += 4 { // each word is written with its highest byte first
		order.PutUint32(words[i:], binary.BigEndian.Uint32(words[i:]))
	}
	addr, _ := netip.AddrFromSlice(words) // 4 or 16 bytes
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)), nil
}
