package targets

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"net/netip"
	"slices"

	"go4.org/netipx"
)

// Set is an immutable set of addresses: sorted, disjoint ranges, IPv4 before
// IPv6. The zero value is empty. An IPv4-mapped IPv6 address is the IPv4
// address that it stands for, and ::/0 holds none of those; an address with a
// zone is in no set.
type Set struct {
	ranges []netipx.IPRange
	starts []uint64 // starts[i] is how many addresses come before ranges[i], saturating
	length uint64   // saturating
	v4     []span4  // of ranges: those of IPv4, which come first
}

// span4 is a range of IPv4 as two numbers, which compare in no time.
type span4 struct{ first, last uint32 }

// SetOf returns the set of the addresses in prefixes, which may overlap.
func SetOf(prefixes ...netip.Prefix) (Set, error) {
	ranges := make([]netipx.IPRange, 0, len(prefixes))
	for _, p := range prefixes {
		r, err := prefixRange(p)
		if err != nil {
			return Set{}, fmt.Errorf("prefix %v: %w", p, err)
		}
		ranges = append(ranges, r)
	}
	return setOf(ranges), nil
}

// setOf returns the union of ranges, which come from unmappedRange or prefixRange.
func setOf(ranges []netipx.IPRange) Set {
	var b netipx.IPSetBuilder
	for _, r := range ranges {
		b.AddRange(r)
	}
	return built(&b)
}

// built indexes the finished ranges of b.
func built(b *netipx.IPSetBuilder) Set {
	ips, err := b.IPSet()
	if err != nil { // only for an invalid range, which never gets this far
		panic(fmt.Sprintf("targets: %v", err))
	}
	s := Set{ranges: ips.Ranges()}
	s.starts = make([]uint64, len(s.ranges))
	for i, r := range s.ranges {
		s.starts[i] = s.length
		s.length = addSaturating(s.length, rangeLen(r))
		if r.From().Is4() {
			s.v4 = append(s.v4, span4{number(r.From()), number(r.To())})
		}
	}
	return s
}

// Len returns the number of addresses, or math.MaxUint64 if it is larger,
// which only sets of excludes or of a scope can be.
func (s Set) Len() uint64 { return s.length }

// Count returns the exact number of addresses, whatever its size.
func (s Set) Count() *big.Int {
	if s.length < math.MaxUint64 {
		return new(big.Int).SetUint64(s.length)
	}
	return count(s.Prefixes())
}

// At returns the i-th address in ascending order, i < Len. Like an index out
// of a slice's range, a larger i panics.
func (s Set) At(i uint64) netip.Addr {
	if i >= s.length {
		panic(fmt.Sprintf("targets: address %d of a set of %d", i, s.length))
	}
	k := 0
	if len(s.ranges) > 1 {
		var found bool
		if k, found = slices.BinarySearch(s.starts, i); !found {
			k--
		}
	}
	return addAddr(s.ranges[k].From(), i-s.starts[k])
}

// Index returns the position of addr, the inverse of At, and whether addr is
// in the set at a position below Len.
func (s Set) Index(addr netip.Addr) (uint64, bool) {
	k, ok := s.find(addr)
	if !ok {
		return 0, false
	}
	i := addSaturating(s.starts[k], distance(s.ranges[k].From(), addr.Unmap()))
	return i, i < s.length
}

// Contains reports whether addr is in the set.
func (s Set) Contains(addr netip.Addr) bool {
	_, ok := s.find(addr)
	return ok
}

// number is an IPv4 address as its number.
func number(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

// find returns the position of the range that holds addr. It is asked once for
// every packet, so it does without a comparing function.
func (s *Set) find(addr netip.Addr) (int, bool) {
	if addr.Is4() {
		return s.find4(number(addr))
	}
	if addr.Zone() != "" {
		return 0, false
	}
	if addr.Is4In6() {
		return s.find4(number(addr.Unmap()))
	}
	return s.find6(addr)
}

func (s *Set) find4(n uint32) (int, bool) {
	low, high := 0, len(s.v4) // ranges before low begin at or before n
	for low < high {
		middle := (low + high) / 2
		if n < s.v4[middle].first {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low - 1, low > 0 && n <= s.v4[low-1].last
}

func (s *Set) find6(addr netip.Addr) (int, bool) {
	low, high := len(s.v4), len(s.ranges) // ranges before low begin at or before addr
	for low < high {
		middle := (low + high) / 2
		if addr.Less(s.ranges[middle].From()) {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low - 1, low > len(s.v4) && !s.ranges[low-1].To().Less(addr)
}

// compareRange orders a range against an address: 0 when it holds it.
func compareRange(r netipx.IPRange, addr netip.Addr) int {
	switch {
	case r.To().Less(addr):
		return -1
	case addr.Less(r.From()):
		return 1
	}
	return 0
}

// overlaps reports whether the set holds any address of r.
func (s Set) overlaps(r netipx.IPRange) bool {
	k, found := slices.BinarySearchFunc(s.ranges, r.From(), compareRange)
	return found || k < len(s.ranges) && s.ranges[k].Overlaps(r)
}

// Ranges returns the ranges, ascending, disjoint and never adjacent.
func (s Set) Ranges() []netipx.IPRange { return slices.Clone(s.ranges) }

// Prefixes returns the fewest prefixes that are exactly the set, ascending.
func (s Set) Prefixes() []netip.Prefix { return s.firstPrefixes(math.MaxInt) }

// firstPrefixes returns at most the first n of Prefixes.
func (s Set) firstPrefixes(n int) []netip.Prefix {
	var prefixes []netip.Prefix
	for _, r := range s.ranges {
		if len(prefixes) >= n {
			break
		}
		prefixes = append(prefixes, rangePrefixes(r)...)
	}
	return prefixes[:min(n, len(prefixes))]
}

// Union returns the addresses that are in s or in o.
func (s Set) Union(o Set) Set {
	return setOf(slices.Concat(s.ranges, o.ranges))
}

// Minus returns the addresses that are in s and not in o.
func (s Set) Minus(o Set) Set {
	var b netipx.IPSetBuilder
	for _, r := range s.ranges {
		b.AddRange(r)
	}
	for _, r := range o.ranges {
		b.RemoveRange(r)
	}
	return built(&b)
}

// Intersect returns the addresses that are in s and in o.
func (s Set) Intersect(o Set) Set { return s.Minus(s.Minus(o)) }

// addAddr returns the address n after a. The caller knows that there is one.
func addAddr(a netip.Addr, n uint64) netip.Addr {
	if a.Is4() {
		b := a.As4()
		binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])+uint32(n))
		return netip.AddrFrom4(b)
	}
	b := a.As16()
	lo, carry := bits.Add64(binary.BigEndian.Uint64(b[8:]), n, 0)
	hi := binary.BigEndian.Uint64(b[:8]) + carry
	binary.BigEndian.PutUint64(b[:8], hi)
	binary.BigEndian.PutUint64(b[8:], lo)
	return netip.AddrFrom16(b)
}

// distance returns to − from, saturating; both are of one family, to ≥ from.
func distance(from, to netip.Addr) uint64 {
	a, b := from.As16(), to.As16()
	lo, borrow := bits.Sub64(binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(a[8:]), 0)
	hi, _ := bits.Sub64(binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(a[:8]), borrow)
	if hi != 0 {
		return math.MaxUint64
	}
	return lo
}

// rangeLen returns how many addresses r holds, saturating.
func rangeLen(r netipx.IPRange) uint64 {
	return addSaturating(distance(r.From(), r.To()), 1)
}

func addSaturating(a, b uint64) uint64 {
	sum, carry := bits.Add64(a, b, 0)
	if carry != 0 {
		return math.MaxUint64
	}
	return sum
}
