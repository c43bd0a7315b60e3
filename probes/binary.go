package probes

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// The binary protocol (doc/protocol-binary.txt, "Packet Structure"): a header
// of 24 bytes, then extras, key and value.
const (
	binaryHeaderLen = 24
	// maxBinaryBody bounds what is read of one answer: a version or a list of
	// mechanisms is some ten bytes long.
	maxBinaryBody = 4096

	magicRequest  = 0x80
	magicResponse = 0x81

	opVersion  = 0x0b
	opSASLList = 0x20

	statusOK             = 0x0000
	statusAuthError      = 0x0020
	statusUnknownCommand = 0x0081
)

// The questions of the binary protocol, chosen so that no byte is 0x0a: to a
// server that reads them as text they are part of a line that never ends, and
// it stays silent. That is why NOOP (opcode 0x0a) is not asked. The opaque is
// "mem1", and comes back in the answer.
const (
	binaryOpaque      = "mem1"
	askBinaryVersion  = "\x80\x0b\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00mem1\x00\x00\x00\x00\x00\x00\x00\x00"
	askBinarySASLList = "\x80\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00mem1\x00\x00\x00\x00\x00\x00\x00\x00"
)

// binaryAnswer is one response packet.
type binaryAnswer struct {
	status uint16
	value  []byte
}

var errShortBinary = errors.New("binary answer: cut short")

// parseBinary reads the answer to the request with the given opcode.
func parseBinary(reply []byte, opcode byte) (binaryAnswer, error) {
	if len(reply) < binaryHeaderLen {
		return binaryAnswer{}, errShortBinary
	}
	var (
		keyLen   = int(binary.BigEndian.Uint16(reply[2:]))
		extraLen = int(reply[4])
		bodyLen  = binary.BigEndian.Uint32(reply[8:])
	)
	switch {
	case reply[0] != magicResponse:
		return binaryAnswer{}, fmt.Errorf("binary answer: magic %#02x", reply[0])
	case reply[1] != opcode || string(reply[12:16]) != binaryOpaque:
		return binaryAnswer{}, errors.New("binary answer: to another question")
	case bodyLen > maxBinaryBody:
		return binaryAnswer{}, fmt.Errorf("binary answer: body of %d bytes", bodyLen)
	case uint32(keyLen+extraLen) > bodyLen:
		return binaryAnswer{}, errors.New("binary answer: key and extras longer than the body")
	case len(reply) < binaryHeaderLen+int(bodyLen):
		return binaryAnswer{}, errShortBinary
	}
	body := reply[binaryHeaderLen:][:bodyLen]
	return binaryAnswer{
		status: binary.BigEndian.Uint16(reply[6:]),
		value:  body[keyLen+extraLen:],
	}, nil
}

// enoughBinary has enough of a reply when it is one whole packet, can never
// become one, or is a line of text.
func enoughBinary(opcode byte) func(reply []byte) bool {
	line := enoughLine()
	return func(reply []byte) bool {
		if len(reply) > 0 && reply[0] != magicResponse {
			return line(reply)
		}
		_, err := parseBinary(reply, opcode)
		return !errors.Is(err, errShortBinary)
	}
}

// Bounds of a list of SASL mechanisms; RFC 4422 section 3.1 allows a name 20 bytes.
const (
	maxMechanisms   = 32
	maxMechanismLen = 64
)

// mechanisms reads the blank-separated value of a SASL_LIST_MECHS answer.
func mechanisms(value []byte) []string {
	var list []string
	for name := range strings.FieldsSeq(string(value)) {
		if len(list) == maxMechanisms {
			break
		}
		list = append(list, name[:min(len(name), maxMechanismLen)])
	}
	return list
}
