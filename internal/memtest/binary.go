package memtest

import (
	"encoding/binary"
	"io"
	"net/netip"
	"strings"
)

// The binary protocol (protocol_binary.h).
const (
	magicRequest  = 0x80
	magicResponse = 0x81
	binaryHeader  = 24
	maxBody       = 1 << 20

	opQuit     = 0x07
	opNoop     = 0x0a
	opVersion  = 0x0b
	opStat     = 0x10
	opSASLList = 0x20

	statusOK             = 0x00
	statusAuthError      = 0x20
	statusUnknownCommand = 0x81
)

// binaryRequest is the part of a request that an answer depends on.
type binaryRequest struct {
	op     byte
	opaque [4]byte
	key    string
}

// parseBinary reads one request; false when it is cut short or is none.
func parseBinary(b []byte) (q binaryRequest, ok bool) {
	if len(b) < binaryHeader || b[0] != magicRequest {
		return q, false
	}
	keyLen := int(binary.BigEndian.Uint16(b[2:]))
	extras := int(b[4])
	body := int(binary.BigEndian.Uint32(b[8:]))
	if extras+keyLen > body || binaryHeader+body > len(b) {
		return q, false
	}
	q.op = b[1]
	copy(q.opaque[:], b[12:])
	q.key = string(b[binaryHeader+extras:][:keyLen])
	return q, true
}

// converseBinary answers requests. Like memcached it waits for a whole header
// before it looks at the magic byte, and hangs up when that is wrong.
func (d *daemon) converseBinary(c *Conn) {
	for {
		head := make([]byte, binaryHeader)
		if _, err := io.ReadFull(c, head); err != nil || head[0] != magicRequest {
			return
		}
		n := binary.BigEndian.Uint32(head[8:])
		if n > maxBody {
			return
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(c, body); err != nil {
			return
		}
		q, ok := parseBinary(append(head, body...))
		if !ok {
			return
		}
		reply, end := d.answerBinary(q, c.At())
		if !c.Say(reply) || end {
			return
		}
	}
}

// answerBinary is the reply to one request; end means that the server hangs
// up after it. Version and the SASL list need no authentication.
func (d *daemon) answerBinary(q binaryRequest, at netip.AddrPort) (reply string, end bool) {
	switch q.op {
	case opVersion:
		return q.reply(statusOK, "", d.version), false
	case opSASLList:
		if d.sasl {
			return q.reply(statusOK, "", "PLAIN"), false
		}
		return q.reply(statusUnknownCommand, "", "Unknown command"), false
	}
	if d.sasl {
		return q.reply(statusAuthError, "", "Auth failure."), true
	}
	switch q.op {
	case opNoop:
		return q.reply(statusOK, "", ""), false
	case opQuit:
		return q.reply(statusOK, "", ""), true
	case opStat:
		switch q.key {
		case "":
			return q.stats(d.stats), false
		case "settings":
			return q.stats(d.settingsAt(at)), false
		}
	}
	return q.reply(statusUnknownCommand, "", "Unknown command"), false
}

func (q binaryRequest) reply(status uint16, key, value string) string {
	b := make([]byte, binaryHeader, binaryHeader+len(key)+len(value))
	b[0], b[1] = magicResponse, q.op
	binary.BigEndian.PutUint16(b[2:], uint16(len(key)))
	binary.BigEndian.PutUint16(b[6:], status)
	binary.BigEndian.PutUint32(b[8:], uint32(len(key)+len(value)))
	copy(b[12:], q.opaque[:])
	return string(append(append(b, key...), value...))
}

// stats is a packet a stat, and an empty one at the end.
func (q binaryRequest) stats(all stats) string {
	var b strings.Builder
	for _, st := range all {
		b.WriteString(q.reply(statusOK, st.name, st.value))
	}
	return b.String() + q.reply(statusOK, "", "")
}
