package targets

import (
	"net/netip"
	"testing"

	"go4.org/netipx"
)

// scattered returns n single addresses spread over 10.0.0.0/8.
func scattered(n uint64) []netipx.IPRange {
	ranges := make([]netipx.IPRange, 0, n)
	order := NewOrder(1<<24, 3)
	first := netip.MustParseAddr("10.0.0.0")
	for pos := range n {
		addr := addAddr(first, order.At(pos))
		ranges = append(ranges, netipx.IPRangeFrom(addr, addr))
	}
	return ranges
}

func BenchmarkMinus100kFromSlash8(b *testing.B) {
	all, excludes := mustSet("10.0.0.0/8"), scattered(100_000)
	for b.Loop() {
		if all.Minus(setOf(excludes)).Len() != 1<<24-100_000 {
			b.Fatal("wrong")
		}
	}
}

func BenchmarkPrefixes100kExcludes(b *testing.B) {
	set := setOf(scattered(100_000))
	for b.Loop() {
		set.Prefixes()
	}
}

func BenchmarkPrefixesSlash8Minus100k(b *testing.B) {
	set := mustSet("10.0.0.0/8").Minus(setOf(scattered(100_000)))
	for b.Loop() {
		set.Prefixes()
	}
}

func BenchmarkSetAt(b *testing.B) {
	set := mustSet("10.0.0.0/8").Minus(setOf(scattered(100_000)))
	b.ReportAllocs()
	var i uint64
	for b.Loop() {
		set.At(i % set.Len())
		i += 0x9e3779b9
	}
}

func BenchmarkSetIndex(b *testing.B) {
	set := mustSet("10.0.0.0/8").Minus(setOf(scattered(100_000)))
	addr := set.At(set.Len() / 3)
	b.ReportAllocs()
	for b.Loop() {
		set.Index(addr)
	}
}

func BenchmarkOrderAt(b *testing.B) {
	order := NewOrder(1<<24-100_000, 1)
	b.ReportAllocs()
	var pos uint64
	for b.Loop() {
		order.At(pos)
		if pos++; pos == order.Len() {
			pos = 0
		}
	}
}

func BenchmarkScopeAllows(b *testing.B) {
	scope := &Scope{allowed: freeSpace.Union(mustSet("198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"))}
	addr := netip.MustParseAddr("203.0.113.7")
	b.ReportAllocs()
	for b.Loop() {
		scope.Allows(addr)
	}
}

func BenchmarkOrderFill(b *testing.B) {
	o := NewOrder(1<<24-100_000, 1)
	row := make([]uint64, 64)
	b.ReportAllocs()
	first := uint64(0)
	for b.Loop() {
		o.Fill(row, first, 1)
		if first += 64; first+64 > o.Len() {
			first = 0
		}
	}
}
