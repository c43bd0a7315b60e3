package raw

import (
	"net"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// What the frames of these tests have in common: they answer asked from us.
var (
	us4, us6       = netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	asked4, asked6 = netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("2001:db8:1::7")
	router4        = netip.MustParseAddr("203.0.113.9")
	router6        = netip.MustParseAddr("2001:db8:2::9")
)

const ourPort, askedPort, ourSeq = 40000, 11211, 0xcafe0001

func of(addr netip.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(addr, port) }

func bytesOf(t testing.TB, parts ...gopacket.SerializableLayer) []byte {
	t.Helper()
	for _, part := range parts { // checksums need to know the addresses
		if network, ok := part.(gopacket.NetworkLayer); ok {
			for _, above := range parts {
				if sums, ok := above.(interface {
					SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
				}); ok {
					if err := sums.SetNetworkLayerForChecksum(network); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, parts...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func ether(of layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, EthernetType: of}
}

// linkOver is the Ethernet header for an IP header.
func linkOver(ip gopacket.SerializableLayer) *layers.Ethernet {
	if _, ok := ip.(*layers.IPv6); ok {
		return ether(layers.EthernetTypeIPv6)
	}
	return ether(layers.EthernetTypeIPv4)
}

// carrying is an IP header between two addresses.
func carrying(protocol layers.IPProtocol, from, to netip.Addr) gopacket.SerializableLayer {
	if from.Is4() {
		return &layers.IPv4{Version: 4, TTL: 57, Protocol: protocol, SrcIP: from.AsSlice(), DstIP: to.AsSlice()}
	}
	return &layers.IPv6{Version: 6, HopLimit: 57, NextHeader: protocol, SrcIP: from.AsSlice(), DstIP: to.AsSlice()}
}

func udp(from, to uint16) *layers.UDP {
	return &layers.UDP{SrcPort: layers.UDPPort(from), DstPort: layers.UDPPort(to)}
}

func tcp(from, to uint16) *layers.TCP {
	return &layers.TCP{SrcPort: layers.TCPPort(from), DstPort: layers.TCPPort(to), Seq: 1, Ack: ourSeq + 1, Window: 1024}
}

func synAck(from, to uint16) *layers.TCP {
	h := tcp(from, to)
	h.SYN, h.ACK = true, true
	h.Options = []layers.TCPOption{
		{OptionType: layers.TCPOptionKindMSS, OptionLength: 4, OptionData: []byte{5, 180}},
		{OptionType: layers.TCPOptionKindNop},
	}
	return h
}

func rst(from, to uint16) *layers.TCP {
	h := tcp(from, to)
	h.RST, h.ACK = true, true
	return h
}

var reply = gopacket.Payload("\x12\x34\x00\x00\x00\x01\x00\x00VERSION 1.6.18\r\n")

// questionTo is a UDP datagram of ours, as an ICMP message quotes it.
func questionTo(t testing.TB, from, to netip.Addr) []byte {
	return bytesOf(t, carrying(layers.IPProtocolUDP, from, to), udp(ourPort, askedPort), gopacket.Payload("\x12\x34\x00\x00\x00\x01\x00\x00version\r\n"))
}

// synTo is a SYN of ours.
func synTo(t testing.TB, from, to netip.Addr) []byte {
	h := tcp(ourPort, askedPort)
	h.SYN, h.Seq = true, ourSeq
	return bytesOf(t, carrying(layers.IPProtocolTCP, from, to), h)
}

// unreachable4 is an ICMP message that quotes some bytes.
func unreachable4(t testing.TB, code uint8, quoted []byte) []byte {
	ip := carrying(layers.IPProtocolICMPv4, router4, us4)
	return bytesOf(t, linkOver(ip), ip, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, code)}, gopacket.Payload(quoted))
}

// unreachable6 is the same for ICMPv6; the first 4 bytes are not used.
func unreachable6(t testing.TB, code uint8, quoted []byte) []byte {
	ip := carrying(layers.IPProtocolICMPv6, router6, us6)
	return bytesOf(t, linkOver(ip), ip, &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(1, code)}, gopacket.Payload(append(make([]byte, 4), quoted...)))
}

// frameCase is a frame, and what it is read as; nil is no answer.
type frameCase struct {
	name  string
	link  layers.LinkType
	frame []byte
	want  *Packet
}

func answering(kind Kind, protocol uint8, from, to netip.AddrPort) *Packet {
	p := &Packet{Kind: kind, Protocol: protocol, From: from, To: to, Asked: from, TTL: 57}
	if kind == UDPReply {
		p.Payload = reply
	} else {
		p.Ack = ourSeq + 1
	}
	return p
}

func quotedAnswer(protocol uint8, code uint8, from, to, asked netip.Addr, payload string) *Packet {
	p := &Packet{Kind: Unreachable, Protocol: protocol, From: of(from, 0), To: of(to, ourPort), Asked: of(asked, askedPort), TTL: 57, Code: code}
	if protocol == 6 {
		p.Seq = ourSeq
	} else {
		p.Payload = []byte(payload)
	}
	return p
}

// frames is every kind of frame that is told from others.
func frames(t testing.TB) []frameCase {
	return append(append(answers(t), quotes(t)...), strangers(t)...)
}

func answers(t testing.TB) []frameCase {
	const eth = layers.LinkTypeEthernet
	ip4 := func(p layers.IPProtocol) gopacket.SerializableLayer { return carrying(p, asked4, us4) }
	ip6 := func(p layers.IPProtocol) gopacket.SerializableLayer { return carrying(p, asked6, us6) }
	options := ip4(layers.IPProtocolUDP).(*layers.IPv4)
	options.Options = []layers.IPv4Option{{OptionType: 7, OptionLength: 7, OptionData: []byte{4, 0, 0, 0, 0}}}
	u4, u6 := ip4(layers.IPProtocolUDP), ip6(layers.IPProtocolUDP)
	t4, t6 := ip4(layers.IPProtocolTCP), ip6(layers.IPProtocolTCP)
	from4, to4, from6, to6 := of(asked4, askedPort), of(us4, ourPort), of(asked6, askedPort), of(us6, ourPort)
	back := func() gopacket.SerializableLayer { return udp(askedPort, ourPort) }
	tags := func(n int, inner layers.EthernetType) (list []gopacket.SerializableLayer) {
		for i := range n {
			next := layers.EthernetTypeDot1Q
			if i == n-1 {
				next = inner
			}
			list = append(list, &layers.Dot1Q{VLANIdentifier: uint16(i + 5), Type: next})
		}
		return list
	}
	tagged := func(n int, first layers.EthernetType, ip gopacket.SerializableLayer, rest ...gopacket.SerializableLayer) []byte {
		parts := append([]gopacket.SerializableLayer{ether(first)}, tags(n, linkOver(ip).EthernetType)...)
		return bytesOf(t, append(append(parts, ip), rest...)...)
	}
	malformed := bytesOf(t, linkOver(t4), t4, synAck(askedPort, ourPort))
	malformed[len(malformed)-3] = 9 // the length of an option
	return []frameCase{
		{"udp", eth, bytesOf(t, linkOver(u4), u4, back(), reply), answering(UDPReply, 17, from4, to4)},
		{"udp with padding", eth, append(bytesOf(t, linkOver(u4), u4, back(), reply), "trailer"...), answering(UDPReply, 17, from4, to4)},
		{"udp with ip options", eth, bytesOf(t, linkOver(options), options, back(), reply), answering(UDPReply, 17, from4, to4)},
		{"udp from another port", eth, bytesOf(t, linkOver(u4), u4, udp(53, ourPort), reply), answering(UDPReply, 17, of(asked4, 53), to4)},
		{"udp v6", eth, bytesOf(t, linkOver(u6), u6, back(), reply), answering(UDPReply, 17, from6, to6)},
		{"udp v6 with padding", eth, append(bytesOf(t, linkOver(u6), u6, back(), reply), 1, 2), answering(UDPReply, 17, from6, to6)},
		{"udp with a tag", eth, tagged(1, layers.EthernetTypeDot1Q, u4, back(), reply), answering(UDPReply, 17, from4, to4)},
		{"udp v6 with two tags", eth, tagged(2, layers.EthernetTypeQinQ, u6, back(), reply), answering(UDPReply, 17, from6, to6)},
		{"udp with three tags", eth, tagged(3, layers.EthernetTypeQinQ, u4, back(), reply), nil},
		{"udp without link header", layers.LinkTypeRaw, bytesOf(t, u4, back(), reply), answering(UDPReply, 17, from4, to4)},
		{"udp v6 without link header", layers.LinkTypeRaw, bytesOf(t, u6, back(), reply), answering(UDPReply, 17, from6, to6)},
		{"syn-ack", eth, bytesOf(t, linkOver(t4), t4, synAck(askedPort, ourPort)), answering(SYNACK, 6, from4, to4)},
		{"syn-ack with malformed options", eth, malformed, answering(SYNACK, 6, from4, to4)},
		{"syn-ack v6", eth, bytesOf(t, linkOver(t6), t6, synAck(askedPort, ourPort)), answering(SYNACK, 6, from6, to6)},
		{"syn-ack with a tag", eth, tagged(1, layers.EthernetTypeDot1Q, t4, synAck(askedPort, ourPort)), answering(SYNACK, 6, from4, to4)},
		{"rst", eth, append(bytesOf(t, linkOver(t4), t4, rst(askedPort, ourPort)), 0, 0, 0, 0, 0, 0), answering(RST, 6, from4, to4)},
		{"rst v6 without link header", layers.LinkTypeRaw, bytesOf(t, t6, rst(askedPort, ourPort)), answering(RST, 6, from6, to6)},
	}
}

func quotes(t testing.TB) []frameCase {
	const eth = layers.LinkTypeEthernet
	const asking = "\x12\x34\x00\x00\x00\x01\x00\x00version\r\n"
	q4, q6, s4, s6 := questionTo(t, us4, asked4), questionTo(t, us6, asked6), synTo(t, us4, asked4), synTo(t, us6, asked6)
	udp4 := func(payload string) *Packet { return quotedAnswer(17, 3, router4, us4, asked4, payload) }
	wrongOrder := append([]byte{}, q4...)
	wrongOrder[2], wrongOrder[3] = wrongOrder[3], wrongOrder[2]
	lessHeader := append([]byte{}, q4...)
	lessHeader[3] -= 20
	// RFC 4884: 128 bytes of datagram, padded, then an extension.
	extended := unreachable4(t, 3, append(append(append([]byte{}, s4...), make([]byte, 128-len(s4))...), 0x20, 0, 0, 0, 0, 8, 1, 1))
	extended[14+20+5] = 128 / 4
	shortened := unreachable4(t, 3, q4)
	shortened[14+20+5] = 32 / 4
	shortened6 := unreachable6(t, 4, q6)
	shortened6[14+40+4] = 56 / 8
	fragment := append([]byte{}, q4...)
	fragment[7] = 1
	return []frameCase{
		{"unreachable of udp", eth, unreachable4(t, 3, q4), udp4(asking)},
		{"unreachable of udp, quoted least", eth, unreachable4(t, 3, q4[:28]), udp4("")},
		{"unreachable of udp, quoted in part", eth, unreachable4(t, 3, q4[:30]), udp4(asking[:2])},
		{"unreachable of udp, quoted too little", eth, unreachable4(t, 3, q4[:27]), nil},
		{"unreachable of udp, and more", eth, unreachable4(t, 3, append(append([]byte{}, q4...), "more"...)), udp4(asking)},
		{"unreachable of udp, length in the wrong order", eth, unreachable4(t, 3, wrongOrder), udp4(asking)},
		{"unreachable of udp, length less the header", eth, unreachable4(t, 3, lessHeader), udp4(asking)},
		{"unreachable of udp, quoted length", eth, shortened, udp4(asking[:4])},
		{"unreachable of a fragment", eth, unreachable4(t, 3, fragment), nil},
		{"unreachable of a syn", eth, unreachable4(t, 13, s4[:28]), quotedAnswer(6, 13, router4, us4, asked4, "")},
		{"unreachable of a syn, extended", eth, extended, quotedAnswer(6, 3, router4, us4, asked4, "")},
		{"unreachable of icmp", eth, unreachable4(t, 3, bytesOf(t, carrying(layers.IPProtocolICMPv4, us4, asked4), &layers.ICMPv4{TypeCode: 0x0800}, reply)), nil},
		{"unreachable of nothing", eth, unreachable4(t, 3, nil), nil},
		{"unreachable of noise", eth, unreachable4(t, 3, []byte("noise, and enough of it to be an IP header")), nil},
		{"unreachable of udp v6", eth, unreachable6(t, 4, q6), quotedAnswer(17, 4, router6, us6, asked6, asking)},
		{"unreachable of udp v6, quoted length", eth, shortened6, quotedAnswer(17, 4, router6, us6, asked6, asking[:8])},
		{"unreachable of a syn v6", eth, unreachable6(t, 1, s6), quotedAnswer(6, 1, router6, us6, asked6, "")},
		{"unreachable v6 of nothing", eth, unreachable6(t, 1, q6[:40]), nil},
	}
}

func strangers(t testing.TB) []frameCase {
	const eth = layers.LinkTypeEthernet
	u4, t4 := carrying(layers.IPProtocolUDP, asked4, us4), carrying(layers.IPProtocolTCP, asked4, us4)
	u6 := carrying(layers.IPProtocolUDP, asked6, us6)
	plain := bytesOf(t, linkOver(u4), u4, udp(askedPort, ourPort), reply)
	changed := func(at int, value byte) []byte {
		b := append([]byte{}, plain...)
		b[at] = value
		return b
	}
	syn, ack := tcp(askedPort, ourPort), tcp(askedPort, ourPort)
	syn.SYN, ack.ACK = true, true
	fin := synAck(askedPort, ourPort)
	fin.FIN = true
	outer := carrying(layers.IPProtocolIPv4, asked4, us4)
	crossed := carrying(layers.IPProtocolICMPv6, router4, us4)
	icmp6 := append([]byte{1, 4, 0, 0, 0, 0, 0, 0}, questionTo(t, us6, asked6)...)
	hopByHop := carrying(layers.IPProtocolIPv6HopByHop, asked6, us6)
	fragment6 := carrying(layers.IPProtocolIPv6Fragment, asked6, us6)
	datagram := bytesOf(t, u6, udp(askedPort, ourPort), reply)[40:]
	echo := carrying(layers.IPProtocolICMPv4, asked4, us4)
	return []frameCase{
		{"nothing", eth, nil, nil},
		{"nothing, without link header", layers.LinkTypeRaw, nil, nil},
		{"a header only", eth, plain[:14+20], nil},
		{"udp cut off", eth, plain[:len(plain)-1], nil},
		{"udp cut off in its header", eth, plain[:14+20+7], nil},
		{"udp without length", eth, append(changed(14+20+4, 0)[:14+20+5], append([]byte{0}, plain[14+20+6:]...)...), nil},
		{"ip without length", eth, append(changed(14+2, 0)[:14+3], append([]byte{0}, plain[14+4:]...)...), nil},
		{"ip of another version", eth, changed(14, 0x55), nil},
		{"first fragment", eth, changed(14+6, 0x20), nil},
		{"later fragment", eth, changed(14+7, 1), nil},
		{"first fragment v6", eth, bytesOf(t, linkOver(u6), fragment6, gopacket.Payload(append([]byte{17, 0, 0, 1, 0, 0, 0, 1}, datagram...))), nil},
		{"hop-by-hop options", eth, bytesOf(t, linkOver(u6), hopByHop, gopacket.Payload(append([]byte{17, 0, 1, 4, 0, 0, 0, 0}, datagram...))), nil},
		{"syn", eth, bytesOf(t, linkOver(t4), t4, syn), nil},
		{"ack", eth, bytesOf(t, linkOver(t4), t4, ack), nil},
		{"syn-ack-fin", eth, bytesOf(t, linkOver(t4), t4, fin), nil},
		{"ping", eth, bytesOf(t, linkOver(echo), echo, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0)}, reply), nil},
		{"a tunnel", eth, bytesOf(t, linkOver(outer), outer, u4, udp(askedPort, ourPort), reply), nil},
		{"icmpv6 inside ipv4", eth, bytesOf(t, linkOver(crossed), crossed, gopacket.Payload(icmp6)), nil},
		{"arp", eth, bytesOf(t, ether(layers.EthernetTypeARP), gopacket.Payload(make([]byte, 46))), nil},
		{"llc", eth, append(changed(12, 0)[:13], append([]byte{20}, plain[14:]...)...), nil},
	}
}
