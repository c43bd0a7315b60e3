package raw

import (
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"golang.org/x/net/bpf"
	"pgregory.net/rapid"
)

// virtual runs a filter as the kernel would.
func virtual(t testing.TB, link layers.LinkType, ports PortRange, families ...Family) func(testing.TB, []byte) bool {
	t.Helper()
	program, err := Filter(link, ports, families...)
	if err != nil {
		t.Fatal(err)
	}
	code, all := bpf.Disassemble(program)
	if !all {
		t.Fatal("not every instruction is known")
	}
	machine, err := bpf.NewVM(code)
	if err != nil {
		t.Fatal(err)
	}
	return func(t testing.TB, frame []byte) bool {
		t.Helper()
		n, err := machine.Run(frame)
		if err != nil {
			t.Fatal(err)
		}
		return n > 0
	}
}

// TestFilter: what is an answer passes, and only for its port. What is none
// does not, unless that takes more than a filter can see.
func TestFilter(t *testing.T) {
	t.Parallel()
	subtle := map[string]bool{
		"udp cut off": true, "udp without length": true, "ip without length": true,
		"unreachable of udp, quoted too little": true, "unreachable of a fragment": true, "unreachable of icmp": true,
		"unreachable of nothing": true, "unreachable of noise": true, "unreachable v6 of nothing": true,
		"udp cut off in its header": true,
	}
	for _, c := range frames(t) {
		ours := virtual(t, c.link, PortRange{First: ourPort - 3, Last: ourPort})(t, c.frame)
		if c.want != nil && !ours {
			t.Errorf("%s: an answer is rejected", c.name)
		}
		if c.want == nil && !subtle[c.name] && ours {
			t.Errorf("%s: passes", c.name)
		}
		for _, other := range []PortRange{{First: ourPort - 5, Last: ourPort - 1}, {First: ourPort + 1, Last: ourPort + 9}} {
			if c.want != nil && c.want.Kind != Unreachable && virtual(t, c.link, other)(t, c.frame) {
				t.Errorf("%s: passes to ports %v", c.name, other)
			}
		}
	}
}

func TestFilterFamilies(t *testing.T) {
	t.Parallel()
	for _, c := range frames(t) {
		if c.want == nil {
			continue
		}
		family, other := IPv4, IPv6
		if c.want.From.Addr().Is6() {
			family, other = other, family
		}
		all := PortRange{First: ourPort, Last: ourPort}
		if !virtual(t, c.link, all, family)(t, c.frame) || virtual(t, c.link, all, other)(t, c.frame) {
			t.Errorf("%s: does not pass as IPv%d, or does as IPv%d", c.name, family, other)
		}
	}
}

func TestFilterOfOtherLinks(t *testing.T) {
	t.Parallel()
	if _, err := Filter(layers.LinkTypeFDDI, PortRange{}); err == nil {
		t.Error("FDDI has a filter")
	}
}

// TestFilterProperty: for any frame and ports, the filter agrees with the
// decoder about the port.
func TestFilterProperty(t *testing.T) {
	t.Parallel()
	type key struct {
		link  layers.LinkType
		ports PortRange
	}
	machines := map[key]func(testing.TB, []byte) bool{}
	rapid.Check(t, func(rt *rapid.T) {
		first := rapid.Uint16Range(1, 60000).Draw(rt, "first")
		k := key{layers.LinkTypeEthernet, PortRange{First: first, Last: first + rapid.Uint16Range(0, 300).Draw(rt, "more")}}
		if machines[k] == nil {
			machines[k] = virtual(t, k.link, k.ports)
		}
		to := k.ports.First - 1 + rapid.Uint16Range(0, k.ports.Last-k.ports.First+2).Draw(rt, "to")
		frame := drawAnswer(rt, t, to)
		var p Packet
		if !decoder(t, k.link).Decode(frame, noon, &p) {
			return // some flags are of no answer
		}
		if passes := machines[k](t, frame); passes != k.ports.Contains(p.To.Port()) {
			rt.Fatalf("to port %d, ours are %v: passes: %t", p.To.Port(), k.ports, passes)
		}
	})
}

// drawAnswer draws a frame that is UDP or TCP to a port.
func drawAnswer(rt *rapid.T, t *testing.T, to uint16) []byte {
	from, us := asked4, us4
	if rapid.Bool().Draw(rt, "v6") {
		from, us = asked6, us6
	}
	if rapid.Bool().Draw(rt, "udp") {
		ip := carrying(layers.IPProtocolUDP, from, us)
		if v4, ok := ip.(*layers.IPv4); ok {
			v4.Options = rapid.SliceOfN(rapid.Just(layers.IPv4Option{OptionType: 1, OptionLength: 1}), 0, 40).Draw(rt, "options")
		}
		payload := rapid.SliceOfN(rapid.Byte(), 0, 64).Draw(rt, "payload")
		return bytesOf(t, linkOver(ip), ip, udp(askedPort, to), gopacket.Payload(payload))
	}
	ip := carrying(layers.IPProtocolTCP, from, us)
	h := tcp(askedPort, to)
	draw := func(name string) bool { return rapid.Bool().Draw(rt, name) }
	h.SYN, h.ACK, h.RST, h.FIN, h.PSH, h.URG, h.ECE = draw("syn"), draw("ack"), draw("rst"), draw("fin"), draw("psh"), draw("urg"), draw("ece")
	return bytesOf(t, linkOver(ip), ip, h)
}

// TestFilterRejectsNoise: what is not IP to us does not get through.
func TestFilterRejectsNoise(t *testing.T) {
	t.Parallel()
	passes := virtual(t, layers.LinkTypeEthernet, PortRange{First: ourPort, Last: ourPort + 63})
	rapid.Check(t, func(rt *rapid.T) {
		frame := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(rt, "frame")
		var p Packet
		if passes(t, frame) && !decoder(t, layers.LinkTypeEthernet).Decode(frame, noon, &p) {
			rt.Fatalf("passes: %x", frame)
		}
	})
}

func BenchmarkFilter(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Filter(layers.LinkTypeEthernet, PortRange{First: 40000, Last: 40063}); err != nil {
			b.Fatal(err)
		}
	}
}
