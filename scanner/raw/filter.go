package raw

import (
	"fmt"
	"slices"

	"github.com/google/gopacket/layers"
	"golang.org/x/net/bpf"
)

// Family is a version of IP.
type Family int

// The versions of IP.
const (
	IPv4 Family = 4
	IPv6 Family = 6
)

// Filter returns a program for the kernel that passes what can be an answer to
// a question from one of the ports, and as little else as can be told by a few
// comparisons: UDP, TCP resets and SYN-ACKs to the ports, and all of ICMP
// destination unreachable. The link type is Ethernet, with or without tags
// (those in the frame; the kernel keeps the outermost beside it), or raw IP. No
// family means both.
func Filter(link layers.LinkType, ports PortRange, families ...Family) ([]bpf.RawInstruction, error) {
	if len(families) == 0 {
		families = []Family{IPv4, IPv6}
	}
	f := newFilter(ports, families...)
	switch link {
	case layers.LinkTypeEthernet:
		f.ethernet()
	case layers.LinkTypeRaw:
		f.rawIP()
	default:
		return nil, fmt.Errorf("filter frames of link type %d (%s): not supported", link, link)
	}
	return f.end()
}

// filterElsewhere is Filter over raw IP, from every interface but some.
func filterElsewhere(ports PortRange, but []int) ([]bpf.RawInstruction, error) {
	f := newFilter(ports, IPv4, IPv6)
	f.add(bpf.LoadExtension{Num: bpf.ExtInterfaceIndex})
	for _, index := range but {
		next := fmt.Sprint("not of interface ", index)
		f.jump(bpf.JumpEqual, uint32(index), "", next)
		f.add(bpf.RetConstant{Val: 0})
		f.label(next)
	}
	f.rawIP()
	return f.end()
}

func newFilter(ports PortRange, families ...Family) *filter {
	return &filter{ports: ports, v4: slices.Contains(families, IPv4), v6: slices.Contains(families, IPv6), labels: map[string]int{}}
}

// end adds where every way through the program ends.
func (f *filter) end() ([]bpf.RawInstruction, error) {
	f.label("pass")
	f.add(bpf.RetConstant{Val: wholeFrame})
	f.label("reject")
	f.add(bpf.RetConstant{Val: 0})
	return bpf.Assemble(f.assemble())
}

// wholeFrame is more than any frame has bytes: how much of it is wanted.
const wholeFrame = 1 << 18

// filter is a program under construction. Labels may be used before they are
// set; the program is far too short for a jump to be out of reach.
type filter struct {
	ports  PortRange
	v4, v6 bool
	code   []step
	labels map[string]int
}

// step is an instruction, or a jump with names for where it goes; no name is
// the next instruction.
type step struct {
	bpf.Instruction
	then, otherwise string
}

func (f *filter) add(code ...bpf.Instruction) {
	for _, instruction := range code {
		f.code = append(f.code, step{Instruction: instruction})
	}
}

func (f *filter) jump(condition bpf.JumpTest, value uint32, then, otherwise string) {
	f.code = append(f.code, step{bpf.JumpIf{Cond: condition, Val: value}, then, otherwise})
}

func (f *filter) label(name string) { f.labels[name] = len(f.code) }

func (f *filter) assemble() []bpf.Instruction {
	distance := func(from int, label string) uint8 {
		if label == "" {
			return 0
		}
		return uint8(f.labels[label] - from - 1)
	}
	program := make([]bpf.Instruction, len(f.code))
	for i, s := range f.code {
		program[i] = s.Instruction
		if jump, ok := s.Instruction.(bpf.JumpIf); ok {
			jump.SkipTrue, jump.SkipFalse = distance(i, s.then), distance(i, s.otherwise)
			program[i] = jump
		}
	}
	return program
}

// ethernet reads the type (IEEE 802.3-2018, 3.2.6) and passes over tags (IEEE
// 802.1Q-2018, 9.5 and 9.6): 2 bytes of tag, then the next type.
func (f *filter) ethernet() {
	const typeAt, tag = 12, 4
	for tags := range maxTags + 1 {
		at := uint32(typeAt + tag*tags)
		name := func(what string) string { return fmt.Sprint(what, " after tags ", tags) }
		f.add(bpf.LoadAbsolute{Off: at, Size: 2})
		f.jump(bpf.JumpEqual, uint32(layers.EthernetTypeIPv4), name("IPv4"), "")
		f.jump(bpf.JumpEqual, uint32(layers.EthernetTypeIPv6), name("IPv6"), "")
		if tags < maxTags {
			f.jump(bpf.JumpEqual, uint32(layers.EthernetTypeDot1Q), name("tag"), "")
			f.jump(bpf.JumpEqual, uint32(layers.EthernetTypeQinQ), name("tag"), "reject")
		} else {
			f.add(bpf.RetConstant{Val: 0})
		}
		f.network(at+2, name)
		f.label(name("tag"))
	}
}

// rawIP tells the versions apart by the first four bits.
func (f *filter) rawIP() {
	name := func(what string) string { return what }
	f.add(bpf.LoadAbsolute{Off: 0, Size: 1}, bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0xf0})
	f.jump(bpf.JumpEqual, 0x40, name("IPv4"), name("IPv6"))
	f.network(0, name)
}

// network is the code for an IP header at an offset.
func (f *filter) network(at uint32, name func(string) string) {
	f.label(name("IPv4"))
	f.ipv4(at, name)
	f.label(name("IPv6"))
	f.ipv6(at, name)
	// What both carry; X is the length of the IP header.
	f.label(name("TCP"))
	f.add(bpf.LoadIndirect{Off: at + 13, Size: 1})
	f.jump(bpf.JumpBitsSet, flagRST, name("ports"), "")
	f.add(bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: flagFIN | flagSYN | flagACK})
	f.jump(bpf.JumpEqual, flagSYN|flagACK, "", "reject")
	f.label(name("ports"))
	f.add(bpf.LoadIndirect{Off: at + 2, Size: 2})
	f.jump(bpf.JumpGreaterOrEqual, uint32(f.ports.First), "", "reject")
	f.jump(bpf.JumpGreaterThan, uint32(f.ports.Last), "reject", "pass")
}

// ipv4 follows RFC 791, section 3.1.
func (f *filter) ipv4(at uint32, name func(string) string) {
	if !f.v4 {
		f.add(bpf.RetConstant{Val: 0})
		return
	}
	f.version(at, 0x40)
	f.add(bpf.LoadAbsolute{Off: at + 6, Size: 2})
	f.jump(bpf.JumpBitsSet, fragmentBits, "reject", "")
	f.add(bpf.LoadMemShift{Off: at}, bpf.LoadAbsolute{Off: at + 9, Size: 1})
	f.protocols(at, name, layers.IPProtocolICMPv4, layers.ICMPv4TypeDestinationUnreachable)
}

// ipv6 follows RFC 8200, section 3; our packets have no extension headers, and
// neither have answers.
func (f *filter) ipv6(at uint32, name func(string) string) {
	if !f.v6 {
		f.add(bpf.RetConstant{Val: 0})
		return
	}
	f.version(at, 0x60)
	f.add(bpf.LoadConstant{Dst: bpf.RegX, Val: 40}, bpf.LoadAbsolute{Off: at + 6, Size: 1})
	f.protocols(at, name, layers.IPProtocolICMPv6, layers.ICMPv6TypeDestinationUnreachable)
}

func (f *filter) version(at, bits uint32) {
	f.add(bpf.LoadAbsolute{Off: at, Size: 1}, bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0xf0})
	f.jump(bpf.JumpEqual, bits, "", "reject")
}

// protocols goes on by the protocol in A; X is the length of the IP header.
func (f *filter) protocols(at uint32, name func(string) string, icmp layers.IPProtocol, unreachable uint32) {
	f.jump(bpf.JumpEqual, uint32(layers.IPProtocolUDP), name("ports"), "")
	f.jump(bpf.JumpEqual, uint32(layers.IPProtocolTCP), name("TCP"), "")
	f.jump(bpf.JumpEqual, uint32(icmp), "", "reject")
	f.add(bpf.LoadIndirect{Off: at, Size: 1})
	f.jump(bpf.JumpEqual, unreachable, "pass", "reject")
}
