package probes

import "testing"

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
