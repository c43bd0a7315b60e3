package raw

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"github.com/google/gopacket/layers"
)

// synOptions is the length of the options of linuxSYN, padded to whole words.
const synOptions = 20

// windowScale is what Linux asks for with its default tcp_rmem.
const windowScale = 7

// minMSS is what every host must be able to receive (RFC 9293, section 3.7.1).
const minMSS = 536

// linuxSYN is the header of a SYN as current Linux (net/ipv4/tcp_output.c,
// tcp_syn_options and tcp_options_write) sends it: the same options in the same
// order, and as window the largest multiple of the MSS below 64 KiB.
func linuxSYN(path Path, dstPort uint16) (*layers.TCP, error) {
	header := ip4Len + tcpLen
	if !path.Source.Is4() {
		header = ip6Len + tcpLen
	}
	mss := min(path.MTU-header, 0xffff) // RFC 9293, section 3.7.1
	if mss < minMSS {
		return nil, fmt.Errorf("mtu of %d is too small", path.MTU)
	}
	option := func(kind layers.TCPOptionKind, data ...byte) layers.TCPOption {
		return layers.TCPOption{OptionType: kind, OptionLength: uint8(2 + len(data)), OptionData: data}
	}
	stamps := make([]byte, 8)
	binary.BigEndian.PutUint32(stamps, rand.Uint32()|1) // the echo reply is 0 (RFC 7323, section 3.2)
	return &layers.TCP{
		DstPort:    layers.TCPPort(dstPort),
		SYN:        true,
		DataOffset: (tcpLen + synOptions) / 4,
		Window:     uint16(0xffff / mss * mss),
		Options: []layers.TCPOption{
			option(layers.TCPOptionKindMSS, byte(mss>>8), byte(mss)),
			option(layers.TCPOptionKindSACKPermitted),
			option(layers.TCPOptionKindTimestamps, stamps...),
			{OptionType: layers.TCPOptionKindNop},
			option(layers.TCPOptionKindWindowScale, windowScale),
		},
	}, nil
}
