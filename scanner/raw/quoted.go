package raw

import (
	"encoding/binary"
	"net/netip"

	"github.com/google/gopacket/layers"
)

// readQuoted reads the beginning of a packet of ours that an ICMP message
// quotes: RFC 792 promises the IP header and 8 bytes. The lengths in it are
// believed only where they make sense, because some hosts quote them in their
// own byte order, or less the header.
func readQuoted(quoted []byte, p *Packet) bool {
	protocol, src, dst, body, ok := quotedNetwork(quoted)
	if !ok || len(body) < 8 {
		return false
	}
	p.Protocol = protocol
	p.To = netip.AddrPortFrom(src, binary.BigEndian.Uint16(body))
	p.Asked = netip.AddrPortFrom(dst, binary.BigEndian.Uint16(body[2:]))
	switch layers.IPProtocol(protocol) {
	case layers.IPProtocolTCP:
		p.Seq = binary.BigEndian.Uint32(body[4:])
		return true
	case layers.IPProtocolUDP:
		if n := int(binary.BigEndian.Uint16(body[4:])); n >= 8 {
			body = cut(body, n)
		}
		p.Sum, p.Payload = binary.BigEndian.Uint16(body[6:]), body[8:]
		return true
	}
	return false
}

func quotedNetwork(b []byte) (protocol uint8, src, dst netip.Addr, body []byte, ok bool) {
	const v4, v6 = 20, 40 // RFC 791, section 3.1; RFC 8200, section 3
	switch {
	case len(b) >= v4 && b[0]>>4 == 4:
		header := int(b[0]&0xf) * 4
		fragment := binary.BigEndian.Uint16(b[6:])&fragmentBits != 0
		if header < v4 || header > len(b) || fragment {
			return 0, src, dst, nil, false
		}
		if n := ipv4Length(b); n >= header+8 {
			b = cut(b, n)
		}
		return b[9], netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:])), b[header:], true
	case len(b) >= v6 && b[0]>>4 == 6:
		body = b[v6:]
		if n := int(binary.BigEndian.Uint16(b[4:])); n >= 8 {
			body = cut(body, n)
		}
		return b[6], netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:])), body, true
	}
	return 0, src, dst, nil, false
}

// fragmentBits are "more fragments" and the offset: RFC 791, section 3.1. A
// host may set the former's neighbour, "don't fragment", as it likes.
const fragmentBits = 0x3fff

// ipv4Length is the total length that an IPv4 header of at least 4 bytes
// claims: RFC 791, section 3.1.
func ipv4Length(header []byte) int { return int(binary.BigEndian.Uint16(header[2:])) }

// cut shortens b to n bytes, if it is longer and n is not 0.
func cut(b []byte, n int) []byte {
	if n == 0 || n >= len(b) {
		return b
	}
	return b[:n]
}
