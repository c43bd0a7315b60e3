package exposure

import "math"

// Sizes of the headers around a UDP payload, in bytes.
const (
	ethernetHeader   = 14
	ethernetMinFrame = 60 // without FCS; shorter frames are padded (IEEE 802.3)
	ipv4UDPHeaders   = 20 + 8
	ipv6UDPHeaders   = 40 + 8
)

// Ratios says how much more came back than was sent, at four layers, each
// rounded to two decimals. BAF and PAF are the bandwidth and the packet
// amplification factor of Rossow, "Amplification Hell", NDSS 2014.
type Ratios struct {
	BAF  float64 // UDP payload bytes out ÷ in
	PAF  float64 // packets out ÷ in
	IP   float64 // IP packet bytes out ÷ in
	Wire float64 // Ethernet frame bytes out ÷ in, frames of at least 60 bytes, without FCS
}

// Amplify computes the ratios of one request to the datagrams that answered
// it; all sizes are UDP payload bytes. A datagram counts as one packet:
// memcached sends at most 1400 bytes, so nothing is fragmented.
func Amplify(request int, replies []int, overIPv6 bool) Ratios {
	headers := ipv4UDPHeaders
	if overIPv6 {
		headers = ipv6UDPHeaders
	}
	frame := func(payload int) int { return max(ethernetMinFrame, ethernetHeader+headers+payload) }
	var payload, ip, wire int
	for _, size := range replies {
		payload += size
		ip += headers + size
		wire += frame(size)
	}
	return Ratios{
		BAF:  ratio(payload, request),
		PAF:  ratio(len(replies), 1),
		IP:   ratio(ip, headers+request),
		Wire: ratio(wire, frame(request)),
	}
}

func ratio(out, in int) float64 {
	if in <= 0 {
		return 0
	}
	return hundredths(float64(out) / float64(in))
}

func hundredths(f float64) float64 { return math.Round(f*100) / 100 }

// CeilingBAF estimates the BAF of `get a` over UDP, 15 bytes with the frame
// header, for the largest value that a server with this item_size_max stores:
// about 60 bytes less, wrapped in 26 bytes of "VALUE a 0 N" and "END", and cut
// into datagrams of 1392 bytes with a header of 8 bytes each. For the default
// of 1 MiB that is 70,305. It is computed, never tried.
func CeilingBAF(itemSizeMax uint64) float64 {
	const (
		overhead, envelope = 60, 26
		chunk, frameHeader = 1392, 8
		request            = 15
	)
	reply := max(0, float64(itemSizeMax)-overhead) + envelope
	datagrams := math.Ceil(reply / chunk)
	return hundredths((reply + frameHeader*datagrams) / request)
}
