// Package raw is the engine for large networks: it builds whole frames, hands
// them to the interface many at a time, and reads what comes back from a ring,
// so that it also sees what sockets hide: ICMP and who sent it, TTLs, true
// frame sizes. It needs CAP_NET_RAW on Linux.
package raw

import (
	"errors"
	"net"
	"net/netip"
	"time"
)

// ErrUnsupported means that this system has no raw engine.
var ErrUnsupported = errors.New("the raw engine needs Linux: use --engine socket")

// Path is how packets to an address leave this machine.
type Path struct {
	Index     int    // of the interface
	Interface string // its name
	MTU       int
	Source    netip.Addr       // our address on it
	SourceMAC net.HardwareAddr // nil: the link has no Ethernet header (point to point)
	// NextMAC is the Ethernet address of the next hop; nil together with
	// SourceMAC, and for loopback.
	NextMAC net.HardwareAddr
	// Gateway is the next hop; the zero Addr means that targets are on the
	// link, and each has a NextMAC of its own.
	Gateway netip.Addr
	// Prefix is a range of addresses for which all of this holds.
	Prefix netip.Prefix
}

// Frame is what differs from one frame of a template to the next.
type Frame struct {
	Dst     netip.Addr
	SrcPort uint16
	// Token is the UDP request ID (16 bits), or the TCP sequence number.
	Token uint32
	// NextMAC is the Ethernet address of the next hop where the path has none
	// of its own: targets on the link. Zero stands for the path's.
	NextMAC [6]byte
	port    uint8 // which of its verifier's ports SrcPort is
}

// Sender puts frames of one template on one interface. It is used by one
// goroutine.
type Sender interface {
	// Name is what the report says: "xdp", "afxdp", "packet".
	Name() string
	// Send transmits frames and returns how many the interface took; an error
	// is about the next one. It allocates nothing.
	Send(frames []Frame) (int, error)
	// Drops is what is known of frames that were lost on this machine. Any
	// goroutine may ask. An interface that is down, or has lost its carrier,
	// is an error that wraps syscall.ENETDOWN.
	Drops() (Drops, error)
	Close() error
}

// Drops are frames that did not leave this machine.
type Drops struct {
	Counted uint64 // by the interface, since the sender was opened, whoever sent them
	Seen    uint64 // by the sender, of its own
	Told    uint64 // of both: those that Send said it had not sent
}

// Lost is how many frames Send took all the same. Not every driver counts what
// it does not take, and a sender does not see what is lost later: the larger
// number is the least that was lost.
func (d Drops) Lost() uint64 {
	most := max(d.Counted, d.Seen)
	return most - min(most, d.Told)
}

// beside is what two senders on one interface know together.
func (d Drops) beside(o Drops) Drops {
	return Drops{Counted: max(d.Counted, o.Counted), Seen: d.Seen + o.Seen, Told: d.Told + o.Told}
}

// Kind says what a received packet is.
type Kind int

// The kinds of packets that can answer a question.
const (
	UDPReply Kind = iota
	SYNACK
	RST
	Unreachable // ICMP type 3, or ICMPv6 type 1
)

// Packet is one packet that may be an answer. Slices are valid until the next
// packet is read.
type Packet struct {
	Kind Kind
	At   time.Time
	From netip.AddrPort // who sent it
	To   netip.AddrPort // our side of it
	// Asked is the endpoint that the question went to: for Unreachable that of
	// the quoted header, else From.
	Asked netip.AddrPort
	// Protocol is the IP protocol of the question: 6 TCP, 17 UDP.
	Protocol uint8
	TTL      uint8  // or hop limit
	Ack      uint32 // TCP: the acknowledgement number
	Seq      uint32 // Unreachable of TCP: the quoted sequence number
	Sum      uint16 // Unreachable of UDP: the quoted checksum
	Code     uint8  // Unreachable: the ICMP code
	Payload  []byte // UDP payload, or the quoted one as far as it is quoted
	Frame    []byte // the whole frame, link header included
	Wire     int    // its length on the wire
}
