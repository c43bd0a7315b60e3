package memtest

import (
	"encoding/binary"
	"net/netip"
)

// The frame that memcached puts around UDP (doc/protocol.txt, "UDP protocol"):
// request ID, sequence number, total, reserved, two bytes each.
const (
	frameHeader = 8
	maxDatagram = 1400 // header included (memcached.h, UDP_MAX_PAYLOAD_SIZE)
)

// Packet is one datagram that came in, as a script sees it. It is valid only
// while the script runs.
type Packet struct {
	Payload []byte
	From    netip.AddrPort // who asked
	At      netip.AddrPort // where the question went
	s       *Server
}

// Reply answers from the address that was asked. Like any UDP sender it does
// not learn whether the answer arrived.
func (p *Packet) Reply(payload []byte) {
	p.s.udp.WriteToUDPAddrPort(payload, p.From)
}

// ReplyBeside answers from the script's further address.
func (p *Packet) ReplyBeside(payload []byte) {
	p.s.beside.WriteToUDPAddrPort(payload, p.From)
}

// Closed reports whether the server is being closed, for scripts that answer
// at length.
func (p *Packet) Closed() bool {
	select {
	case <-p.s.done:
		return true
	default:
		return false
	}
}

// Request takes the frame off the question. Like memcached it ignores the
// sequence number, and takes nothing that spans more than one datagram.
func (p *Packet) Request() (id uint16, command []byte, ok bool) {
	if len(p.Payload) <= frameHeader || binary.BigEndian.Uint16(p.Payload[4:]) != 1 {
		return 0, nil, false
	}
	return binary.BigEndian.Uint16(p.Payload), p.Payload[frameHeader:], true
}

// frames cuts a reply into datagrams as memcached does.
func frames(id uint16, reply string) [][]byte {
	const room = maxDatagram - frameHeader
	total := (len(reply) + room - 1) / room
	out := make([][]byte, 0, total)
	for seq := range total {
		piece := reply[seq*room : min(len(reply), (seq+1)*room)]
		out = append(out, frame(id, seq, total, piece))
	}
	return out
}

func frame(id uint16, seq, total int, piece string) []byte {
	b := make([]byte, frameHeader, frameHeader+len(piece))
	binary.BigEndian.PutUint16(b[0:], id)
	binary.BigEndian.PutUint16(b[2:], uint16(seq))
	binary.BigEndian.PutUint16(b[4:], uint16(total))
	return append(b, piece...)
}
