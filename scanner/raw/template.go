package raw

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"net"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// Template is a frame that was serialised once. What differs from one target
// to the next is patched into copies of it.
type Template struct {
	frame []byte
	v4    bool
	udp   bool
	mac   [6]byte // of the path's next hop

	// Offsets into frame. Those of the Ethernet header are 0 and only hold
	// when link is not 0.
	link    int // length of the link header
	dst     int
	ports   int // source port, then destination port
	sum     int // checksum of UDP or TCP
	token   int
	swapped bool // the token lies across two words of the checksum

	// Sums over everything that the two checksums cover, with the fields that
	// Patch fills in taken as zero. A checksum is then HC' = ~(~HC + m'), which
	// is equation 3 of RFC 1624, section 3, for m = 0.
	ipRest, rest uint64
}

// Sizes and offsets of headers.
const (
	etherLen = 14 // IEEE 802.3, 3.1.1: two addresses and the type
	ip4Len   = 20 // RFC 791, section 3.1, without options
	ip6Len   = 40 // RFC 8200, section 3
	udpLen   = 8  // RFC 768
	tcpLen   = 20 // RFC 9293, section 3.1, without options

	ip4LenAt = 2  // RFC 791, section 3.1: total length
	ip4SumAt = 10 // RFC 791, section 3.1
	ip4DstAt = 16 // RFC 791, section 3.1
	ip6LenAt = 4  // RFC 8200, section 3: length of what follows the header
	ip6DstAt = 24 // RFC 8200, section 3
	udpSumAt = 6  // RFC 768
	tcpSeqAt = 4  // RFC 9293, section 3.1
	tcpSumAt = 16 // RFC 9293, section 3.1
)

// NewUDPTemplate returns the template of a datagram to dstPort. The first two
// bytes at idOffset of the payload are the request ID.
func NewUDPTemplate(path Path, dstPort uint16, payload []byte, idOffset int) (*Template, error) {
	if idOffset < 0 || idOffset+2 > len(payload) {
		return nil, fmt.Errorf("build udp template: no room for a request id at byte %d of %d", idOffset, len(payload))
	}
	udp := &layers.UDP{DstPort: layers.UDPPort(dstPort)}
	t, err := newTemplate(path, layers.IPProtocolUDP, udp, gopacket.Payload(payload))
	if err != nil {
		return nil, fmt.Errorf("build udp template: %w", err)
	}
	t.udp = true
	t.sum = t.ports + udpSumAt
	t.token = t.ports + udpLen + idOffset
	t.swapped = idOffset%2 == 1
	clear(t.frame[t.token : t.token+2])
	t.sumUp(layers.IPProtocolUDP)
	return t, nil
}

// NewSYNTemplate returns the template of a TCP SYN to dstPort, its options and
// window as current Linux sends them: bare SYNs are filtered by some
// middleboxes.
func NewSYNTemplate(path Path, dstPort uint16) (*Template, error) {
	syn, err := linuxSYN(path, dstPort)
	if err != nil {
		return nil, fmt.Errorf("build syn template: %w", err)
	}
	t, err := newTemplate(path, layers.IPProtocolTCP, syn, nil)
	if err != nil {
		return nil, fmt.Errorf("build syn template: %w", err)
	}
	t.sum = t.ports + tcpSumAt
	t.token = t.ports + tcpSeqAt
	t.sumUp(layers.IPProtocolTCP)
	return t, nil
}

// newTemplate serialises the frame, addressed to nobody yet, and finds the
// fields of the link and network headers.
func newTemplate(path Path, proto layers.IPProtocol, transport gopacket.SerializableLayer, payload gopacket.Payload) (*Template, error) {
	if !path.Source.IsValid() {
		return nil, errors.New("the path has no source address")
	}
	t := &Template{v4: path.Source.Is4()}
	stack := make([]gopacket.SerializableLayer, 0, 4)
	if path.SourceMAC != nil {
		eth, err := linkHeader(path)
		if err != nil {
			return nil, err
		}
		copy(t.mac[:], eth.DstMAC)
		t.link = etherLen
		stack = append(stack, eth)
	}
	if t.v4 {
		t.dst, t.ports = t.link+ip4DstAt, t.link+ip4Len
	} else {
		t.dst, t.ports = t.link+ip6DstAt, t.link+ip6Len
	}
	stack = append(stack, networkHeader(path, proto), transport, payload)
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true}, stack...); err != nil {
		return nil, err
	}
	t.frame = buf.Bytes()
	if size := t.end() - t.link; path.MTU > 0 && size > path.MTU {
		return nil, fmt.Errorf("packet of %d bytes is larger than the mtu of %d: choose others with --probe", size, path.MTU)
	}
	return t, nil
}

func linkHeader(path Path) (*layers.Ethernet, error) {
	next := path.NextMAC
	if next == nil {
		next = make(net.HardwareAddr, 6) // loopback, or one for each target
	}
	if len(path.SourceMAC) != 6 || len(next) != 6 {
		return nil, fmt.Errorf("%q to %q: not Ethernet addresses", path.SourceMAC, next)
	}
	eth := &layers.Ethernet{SrcMAC: path.SourceMAC, DstMAC: next, EthernetType: layers.EthernetTypeIPv6}
	if path.Source.Is4() {
		eth.EthernetType = layers.EthernetTypeIPv4
	}
	return eth, nil
}

// hopLimit is the initial TTL that RFC 1700 recommends and Linux uses.
const hopLimit = 64

// networkHeader is an IP header without destination. An IPv4 packet that is
// never fragmented needs no ID (RFC 6864, section 4.1).
func networkHeader(path Path, proto layers.IPProtocol) gopacket.SerializableLayer {
	if path.Source.Is4() {
		return &layers.IPv4{
			Version: 4, IHL: ip4Len / 4, TTL: hopLimit, Flags: layers.IPv4DontFragment,
			Protocol: proto, SrcIP: path.Source.AsSlice(), DstIP: net.IPv4zero.To4(),
		}
	}
	return &layers.IPv6{
		Version: 6, HopLimit: hopLimit,
		NextHeader: proto, SrcIP: path.Source.WithZone("").AsSlice(), DstIP: net.IPv6zero,
	}
}

// sumUp computes what both checksums start from: the header of IPv4, and the
// segment with its pseudo-header (RFC 9293, section 3.1; RFC 8200, section
// 8.1), whose addresses stand next to each other before the ports.
func (t *Template) sumUp(proto layers.IPProtocol) {
	segment := t.frame[t.ports:t.end()]
	addrs := 2 * 16
	if t.v4 {
		addrs = 2 * 4
		t.ipRest = onesSum(t.frame[t.link:t.ports])
	}
	pseudo := uint64(len(segment)) + uint64(proto)
	t.rest = onesSum(t.frame[t.ports-addrs:t.ports]) + pseudo + onesSum(segment)
}

// end is where the packet ends: after it, gopacket fills an Ethernet frame up
// to its smallest length (IEEE 802.3, 3.2.8), which not every driver does.
func (t *Template) end() int {
	if t.v4 {
		return t.link + int(binary.BigEndian.Uint16(t.frame[t.link+ip4LenAt:]))
	}
	return t.ports + int(binary.BigEndian.Uint16(t.frame[t.link+ip6LenAt:]))
}

// Len is the length of a frame.
func (t *Template) Len() int { return len(t.frame) }

// Append appends the unpatched frame to buf.
func (t *Template) Append(buf []byte) []byte { return append(buf, t.frame...) }

// Takes reports whether the template can be addressed to that target.
func (t *Template) Takes(f Frame) bool {
	return f.Dst.IsValid() && f.Dst.Is4() == t.v4
}

// Patch addresses buf, which holds the frame or an earlier patch of it, to the
// target of f, which the template must take. It changes destination address,
// source port, token and checksums and allocates nothing.
func (t *Template) Patch(buf []byte, f Frame) { t.patch(buf, &f) }

func (t *Template) patch(buf []byte, f *Frame) {
	buf = buf[:len(t.frame)]
	var dst uint64
	if t.v4 {
		a := f.Dst.As4()
		copy(buf[t.dst:], a[:])
		dst = uint64(binary.BigEndian.Uint32(a[:]))
		binary.BigEndian.PutUint16(buf[t.link+ip4SumAt:], ^fold(t.ipRest+dst))
	} else {
		a := f.Dst.As16()
		copy(buf[t.dst:], a[:])
		dst = addrSum(&a)
	}
	binary.BigEndian.PutUint16(buf[t.ports:], f.SrcPort)
	sum := t.rest + dst + uint64(f.SrcPort)
	if !t.udp {
		binary.BigEndian.PutUint32(buf[t.token:], f.Token)
		binary.BigEndian.PutUint16(buf[t.sum:], ^fold(sum+uint64(f.Token)))
		return
	}
	id := uint16(f.Token)
	binary.BigEndian.PutUint16(buf[t.token:], id)
	if t.swapped {
		id = bits.ReverseBytes16(id) // RFC 1071, section 2: byte order independence
	}
	check := ^fold(sum + uint64(id))
	if check == 0 {
		check = 0xffff // RFC 768: zero would say that there is no checksum
	}
	binary.BigEndian.PutUint16(buf[t.sum:], check)
}

// PatchMAC sets the Ethernet address of the next hop in buf; the zero address
// stands for the path's. Without a link header it does nothing.
func (t *Template) PatchMAC(buf []byte, next [6]byte) {
	if t.link == 0 {
		return
	}
	if next == ([6]byte{}) {
		next = t.mac
	}
	copy(buf[:6], next[:]) // IEEE 802.3, 3.1.1: the destination comes first
}

// put makes buf the frame to the target of f.
func (t *Template) put(buf []byte, f *Frame) {
	t.PatchMAC(buf, f.NextMAC)
	t.patch(buf, f)
}
