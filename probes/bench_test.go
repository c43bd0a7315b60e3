package probes

import (
	"context"
	"net/netip"
	"testing"
)

func BenchmarkDiscover(b *testing.B) {
	p := MemcachedUDP()
	buf := make([]byte, 0, 64)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		buf = p.Discover(buf[:0], uint16(i))
	}
}

func BenchmarkRecognise(b *testing.B) {
	p := MemcachedUDP()
	datagram := wire(b, "mc1.6.18__udp__udp-empty__version.dg00")
	b.ReportAllocs()
	for b.Loop() {
		p.Recognise(datagram)
	}
}

func BenchmarkAssembler(b *testing.B) {
	first, second := wire(b, "mc1.6.18__udp__udp-empty__stats.dg00"), wire(b, "mc1.6.18__udp__udp-empty__stats.dg01")
	b.ReportAllocs()
	for b.Loop() {
		var a Assembler
		a.Add(first)
		a.Add(second)
	}
}

// Discovery runs once an address: it must not feed the garbage collector.
func TestDiscoveryAllocatesNothing(t *testing.T) {
	p := MemcachedUDP()
	buf := make([]byte, 0, 64)
	allocs := testing.AllocsPerRun(100, func() {
		buf = p.Discover(buf[:0], 0x1234)
		p.Recognise(buf)
	})
	if allocs != 0 {
		t.Errorf("%v allocations a question, want none", allocs)
	}
}

func BenchmarkParseStats(b *testing.B) {
	reply := wire(b, "mc1.6.18__default__tcp__stats")
	b.ReportAllocs()
	for b.Loop() {
		parseStats(reply).stats()
	}
}

// BenchmarkConversation is what a host that answers costs, without the sockets.
func BenchmarkConversation(b *testing.B) {
	b.Run("tcp", func(b *testing.B) {
		s := player{
			askVersion:  wire(b, "mc1.6.18__default__tcp__version"),
			askSettings: wire(b, "mc1.6.18__default__tcp__stats_settings"),
			askStats:    wire(b, "mc1.6.18__default__tcp__stats"),
		}
		b.ReportAllocs()
		for b.Loop() {
			interrogateTCP(b.Context(), s)
		}
	})
	b.Run("udp", func(b *testing.B) {
		version := wire(b, "mc1.6.18__udp__udp-empty__version.dg00")
		d := datagramPlayer{
			askVersion: {version},
			askStats:   {wire(b, "mc1.6.18__udp__udp-empty__stats.dg00"), wire(b, "mc1.6.18__udp__udp-empty__stats.dg01")},
		}
		b.ReportAllocs()
		for b.Loop() {
			interrogateUDP(b.Context(), d, First{Datagram: version, From: d.Remote()})
		}
	})
}

// player is a Stream that answers each question as it always did.
type player map[string][]byte

func (p player) Redial(context.Context) error              { return nil }
func (p player) StartTLS(context.Context) (TLSInfo, error) { return TLSInfo{}, ErrLocal }
func (p player) Ask(_ context.Context, question []byte, enough func([]byte) bool) Reply {
	data := p[string(question)]
	if !enough(data) {
		return Reply{Data: data, Ending: Quiet}
	}
	return Reply{Data: data, Ending: Complete}
}

// datagramPlayer is the same over UDP: Datagrams.
type datagramPlayer map[string][][]byte

func (p datagramPlayer) Remote() netip.AddrPort { return netip.MustParseAddrPort("192.0.2.7:11211") }
func (p datagramPlayer) ID() uint16             { return 0x1234 }
func (p datagramPlayer) Ask(_ context.Context, request []byte, receive func(Datagram) Patience) (Ending, error) {
	for _, payload := range p[string(request[FrameHeaderLen:])] {
		copy(payload, request[:2])
		receive(Datagram{From: p.Remote(), Payload: payload})
	}
	return Complete, nil
}
