package probes

import "encoding/binary"

// FrameHeaderLen is the size of the header that every memcached datagram
// starts with (doc/protocol.txt, "UDP protocol").
const FrameHeaderLen = 8

// Frame is one memcached datagram: four 16-bit fields in network order, then
// part of a reply.
type Frame struct {
	ID       uint16 // of the request
	Sequence uint16 // from 0
	Total    uint16 // datagrams of this reply, as the server counts them
	Reserved uint16 // 0
	Payload  []byte // aliases the datagram
}

// ParseFrame reads a datagram; ok is false when it is shorter than a header.
func ParseFrame(datagram []byte) (f Frame, ok bool) {
	if len(datagram) < FrameHeaderLen {
		return Frame{}, false
	}
	return Frame{
		ID:       binary.BigEndian.Uint16(datagram[0:]),
		Sequence: binary.BigEndian.Uint16(datagram[2:]),
		Total:    binary.BigEndian.Uint16(datagram[4:]),
		Reserved: binary.BigEndian.Uint16(datagram[6:]),
		Payload:  datagram[FrameHeaderLen:],
	}, true
}

// Plausible reports whether the fields are such as a memcached server sends.
// The sequence is not held against the total, which 1.6.0 to 1.6.9 get wrong.
func (f Frame) Plausible() bool { return f.Total > 0 && f.Reserved == 0 }

// Append appends the datagram to dst.
func (f Frame) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, f.ID)
	dst = binary.BigEndian.AppendUint16(dst, f.Sequence)
	dst = binary.BigEndian.AppendUint16(dst, f.Total)
	dst = binary.BigEndian.AppendUint16(dst, f.Reserved)
	return append(dst, f.Payload...)
}

// appendRequest appends the datagram that asks one question. Its total is the
// constant 1: any other value, and so any unframed datagram, crashes memcached
// 1.6.0 to 1.6.7 (CVE-2022-48571).
func appendRequest(dst []byte, id uint16, question string) []byte {
	dst = append(dst, byte(id>>8), byte(id), 0, 0, 0, 1, 0, 0)
	return append(dst, question...)
}

// datagramID is the request ID that a datagram carries, if it is long enough.
func datagramID(datagram []byte) (id uint16, ok bool) {
	if len(datagram) < 2 {
		return 0, false
	}
	return binary.BigEndian.Uint16(datagram), true
}
