package raw

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// Decoder reads frames of one link type. It is used by one goroutine.
//
// It takes what can answer a question and nothing else: no fragments, no
// tunnels, no IPv6 extension headers, no frame that is cut off. Checksums are
// not looked at, since of packets from this machine (lo, veth) they may not be
// computed yet; that an answer is one is proved by its cookie.
type Decoder struct {
	link, v4, v6 *gopacket.DecodingLayerParser // link is nil when there is no link header
	decoded      []gopacket.LayerType

	eth   layers.Ethernet
	bsd   layers.Loopback
	tag   layers.Dot1Q
	ip4   layers.IPv4
	ip6   layers.IPv6
	tcp   tcpHeader
	udp   layers.UDP
	icmp4 layers.ICMPv4
	icmp6 layers.ICMPv6
}

// maxTags is how many VLAN tags a frame may have: IEEE 802.1Q-2018, 9.5, a
// customer's inside a service provider's.
const maxTags = 2

// NewDecoder returns a decoder for frames of a link type: Ethernet, raw IP, or
// the loopback of the BSDs.
func NewDecoder(link layers.LinkType) (*Decoder, error) {
	d := &Decoder{decoded: make([]gopacket.LayerType, 0, 16)}
	switch link {
	case layers.LinkTypeEthernet:
		d.link = d.parser(layers.LayerTypeEthernet)
	case layers.LinkTypeNull, layers.LinkTypeLoop:
		d.link = d.parser(layers.LayerTypeLoopback)
	case layers.LinkTypeRaw, layers.LinkTypeIPv4, layers.LinkTypeIPv6:
		d.v4, d.v6 = d.parser(layers.LayerTypeIPv4), d.parser(layers.LayerTypeIPv6)
	default:
		return nil, fmt.Errorf("decode frames of link type %d (%s): not supported", link, link)
	}
	return d, nil
}

func (d *Decoder) parser(first gopacket.LayerType) *gopacket.DecodingLayerParser {
	p := gopacket.NewDecodingLayerParser(first)
	p.IgnoreUnsupported = true // what follows UDP is none of its business
	var known gopacket.DecodingLayerContainer = gopacket.DecodingLayerSparse(nil)
	for _, layer := range []gopacket.DecodingLayer{
		&d.eth, &d.bsd, &d.tag, &d.ip4, &d.ip6, &d.tcp, &d.udp, &d.icmp4, &d.icmp6,
	} {
		known = known.Put(layer)
	}
	p.SetDecodingLayerContainer(known)
	return p
}

// Decode fills p from a frame, and reports whether it can be an answer. The
// slices of p share the frame's memory. Whether it came to a port of ours is
// the filter's business. It allocates nothing for a frame that is well formed.
func (d *Decoder) Decode(frame []byte, at time.Time, p *Packet) bool {
	parser := d.link
	if parser == nil {
		if parser = d.v4; len(frame) > 0 && frame[0]>>4 == 6 {
			parser = d.v6
		}
	}
	if err := parser.DecodeLayers(frame, &d.decoded); err != nil || parser.Truncated {
		return false
	}
	*p = Packet{At: at, Frame: frame, Wire: len(frame)}
	from, to, ok := d.network(p)
	if !ok {
		return false
	}
	switch d.decoded[len(d.decoded)-1] {
	case layers.LayerTypeTCP:
		return d.readTCP(from, to, p)
	case layers.LayerTypeUDP:
		return d.readUDP(from, to, p)
	case layers.LayerTypeICMPv4:
		return d.readICMP(from, p)
	case layers.LayerTypeICMPv6:
		return d.readICMPv6(from, p)
	}
	return false
}

// network reads the one IP header, and checks that the layers are in order: at
// most a link header and tags, IP, and what IP carries.
func (d *Decoder) network(p *Packet) (from, to netip.Addr, ok bool) {
	last := len(d.decoded) - 1
	if last < 1 || last > 2+maxTags {
		return from, to, false
	}
	for _, layer := range d.decoded[:last-1] {
		if layer == layers.LayerTypeIPv4 || layer == layers.LayerTypeIPv6 {
			return from, to, false // a tunnel
		}
	}
	switch d.decoded[last-1] {
	case layers.LayerTypeIPv4:
		p.TTL = d.ip4.TTL
		from, _ = netip.AddrFromSlice(d.ip4.SrcIP)
		to, _ = netip.AddrFromSlice(d.ip4.DstIP)
		// gopacket fills a length of 0 in.
		return from, to, d.ip4.Version == 4 && ipv4Length(d.ip4.Contents) > 0
	case layers.LayerTypeIPv6:
		p.TTL = d.ip6.HopLimit
		from, _ = netip.AddrFromSlice(d.ip6.SrcIP)
		to, _ = netip.AddrFromSlice(d.ip6.DstIP)
		return from, to, d.ip6.Version == 6 && d.ip6.HopByHop == nil
	}
	return from, to, false
}

func (d *Decoder) readTCP(from, to netip.Addr, p *Packet) bool {
	switch {
	case d.tcp.flags&flagRST != 0:
		p.Kind = RST
	case d.tcp.flags&(flagFIN|flagSYN|flagACK) == flagSYN|flagACK:
		p.Kind = SYNACK
	default:
		return false
	}
	p.Protocol = uint8(layers.IPProtocolTCP)
	p.From, p.To = netip.AddrPortFrom(from, d.tcp.src), netip.AddrPortFrom(to, d.tcp.dst)
	p.Asked, p.Ack = p.From, d.tcp.ack
	return true
}

func (d *Decoder) readUDP(from, to netip.Addr, p *Packet) bool {
	p.Kind = UDPReply
	p.Protocol = uint8(layers.IPProtocolUDP)
	p.From = netip.AddrPortFrom(from, uint16(d.udp.SrcPort))
	p.To = netip.AddrPortFrom(to, uint16(d.udp.DstPort))
	p.Asked, p.Payload = p.From, d.udp.Payload
	return d.udp.Length > 0 // 0 is a jumbogram, RFC 2675, section 4: not ours
}

// readICMP reads destination unreachable: RFC 792, page 4. RFC 4884, section
// 4.1: the second byte after the checksum may say how many 32-bit words of the
// datagram are quoted before extensions begin.
func (d *Decoder) readICMP(from netip.Addr, p *Packet) bool {
	if d.icmp4.TypeCode.Type() != layers.ICMPv4TypeDestinationUnreachable {
		return false
	}
	words := int(d.icmp4.Contents[5])
	p.Kind, p.Code = Unreachable, d.icmp4.TypeCode.Code()
	p.From = netip.AddrPortFrom(from, 0)
	return d.decodedOver(layers.LayerTypeIPv4) && readQuoted(cut(d.icmp4.Payload, 4*words), p)
}

// readICMPv6 reads destination unreachable: RFC 4443, section 3.1. RFC 4884,
// section 4.2: the first byte after the checksum may say how many 64-bit words
// are quoted.
func (d *Decoder) readICMPv6(from netip.Addr, p *Packet) bool {
	if d.icmp6.TypeCode.Type() != layers.ICMPv6TypeDestinationUnreachable || len(d.icmp6.Payload) < 4 {
		return false
	}
	words := int(d.icmp6.Payload[0])
	p.Kind, p.Code = Unreachable, d.icmp6.TypeCode.Code()
	p.From = netip.AddrPortFrom(from, 0)
	return d.decodedOver(layers.LayerTypeIPv6) && readQuoted(cut(d.icmp6.Payload[4:], 8*words), p)
}

// decodedOver reports whether the last layer was carried by that one: ICMPv6
// inside IPv4 is nothing.
func (d *Decoder) decodedOver(network gopacket.LayerType) bool {
	return d.decoded[len(d.decoded)-2] == network
}

// The flags of RFC 9293, section 3.1, that matter here.
const (
	flagFIN = 1 << 0
	flagSYN = 1 << 1
	flagRST = 1 << 2
	flagACK = 1 << 4
)

// tcpHeader is the fixed part of a TCP header: layers.TCP also reads the
// options, and takes a header for none when they are malformed.
type tcpHeader struct {
	src, dst uint16
	ack      uint32
	flags    uint8
}

var errTCPHeader = errors.New("malformed tcp header")

func (t *tcpHeader) DecodeFromBytes(data []byte, df gopacket.DecodeFeedback) error {
	if len(data) < 20 {
		df.SetTruncated()
		return errTCPHeader
	}
	if header := int(data[12]>>4) * 4; header < 20 || header > len(data) {
		return errTCPHeader
	}
	t.src, t.dst = binary.BigEndian.Uint16(data), binary.BigEndian.Uint16(data[2:])
	t.ack, t.flags = binary.BigEndian.Uint32(data[8:]), data[13]
	return nil
}

func (*tcpHeader) CanDecode() gopacket.LayerClass    { return layers.LayerTypeTCP }
func (*tcpHeader) NextLayerType() gopacket.LayerType { return gopacket.LayerTypeZero }
func (*tcpHeader) LayerPayload() []byte              { return nil }
