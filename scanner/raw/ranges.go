package raw

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"
	"sort"
	"sync/atomic"
)

// The routing tables are not interpreted here: only the kernel does that
// right, with its rules, metrics and next hop objects. But all addresses that
// lie in the same prefixes of all tables are routed alike, so one question to
// the kernel answers for all of them. The borders of all prefixes cut the
// address space into such ranges.

// key is an address as a number: IPv4 as its IPv4-mapped IPv6 address
// (RFC 4291, section 2.5.5.2), so that one table does for both families.
type key struct{ hi, lo uint64 }

func keyOf(addr netip.Addr) key {
	b := addr.As16()
	return key{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func (k key) addr() netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], k.hi)
	binary.BigEndian.PutUint64(b[8:], k.lo)
	return netip.AddrFrom16(b).Unmap()
}

func (k key) less(other key) bool {
	return k.hi < other.hi || k.hi == other.hi && k.lo < other.lo
}

// next is the key after k; ok is false after the last.
func (k key) next() (n key, ok bool) {
	lo, carry := bits.Add64(k.lo, 1, 0)
	hi, carry := bits.Add64(k.hi, 0, carry)
	return key{hi, lo}, carry == 0
}

func (k key) previous() key {
	lo, borrow := bits.Sub64(k.lo, 1, 0)
	return key{k.hi - borrow, lo}
}

// common is how many leading bits two different keys share.
func (k key) common(other key) int {
	if k.hi != other.hi {
		return bits.LeadingZeros64(k.hi ^ other.hi)
	}
	return 64 + bits.LeadingZeros64(k.lo^other.lo)
}

// answer is what the kernel said about one range.
type answer struct {
	path Path
	err  error
}

// ranges is the address space, cut so that each range is routed as one.
type ranges struct {
	starts  []key                    // of each range, ascending; the first is 0
	answers []atomic.Pointer[answer] // nil: not asked yet
}

// borders collects where ranges begin.
type borders []key

func (b *borders) add(p netip.Prefix) {
	p = p.Masked()
	first := keyOf(p.Addr())
	last, shift := first, p.Addr().BitLen()-p.Bits()
	switch {
	case shift >= 64:
		last.lo = ^uint64(0)
		last.hi |= 1<<(shift-64) - 1
	default:
		last.lo |= 1<<shift - 1
	}
	*b = append(*b, first)
	if after, ok := last.next(); ok {
		*b = append(*b, after)
	}
}

// newRanges cuts at the borders.
func newRanges(b borders) *ranges {
	b = append(b, key{})
	// Prefixes that are not in the tables, but that the kernel treats apart.
	for _, special := range []string{
		"0.0.0.0/0",          // the IPv4 address space as a whole
		"0.0.0.0/8",          // "this network": RFC 1122, section 3.2.1.3
		"0.0.0.0/32",         // unspecified, which Linux takes for loopback
		"224.0.0.0/4",        // multicast: RFC 5771
		"255.255.255.255/32", // limited broadcast: RFC 919
		"::/128",             // unspecified: RFC 4291, section 2.5.2
		"ff00::/8",           // multicast: RFC 4291, section 2.7
	} {
		b.add(netip.MustParsePrefix(special))
	}
	slices.SortFunc(b, func(x, y key) int {
		switch {
		case x.less(y):
			return -1
		case y.less(x):
			return 1
		}
		return 0
	})
	starts := slices.Clip(slices.Compact(b))
	return &ranges{starts: starts, answers: make([]atomic.Pointer[answer], len(starts))}
}

// find is the number of the range that an address is in.
func (r *ranges) find(k key) int {
	return sort.Search(len(r.starts), func(i int) bool { return k.less(r.starts[i]) }) - 1
}

// prefix is the largest prefix around an address that lies within its range.
func (r *ranges) prefix(addr netip.Addr, k key, at int) netip.Prefix {
	// A prefix reaches out of the range if the key before or after the range
	// is in it: it must be longer than what those share with the address.
	shared := -1
	if at > 0 {
		shared = k.common(r.starts[at].previous())
	}
	if at+1 < len(r.starts) {
		shared = max(shared, k.common(r.starts[at+1]))
	}
	length := shared + 1
	if addr.Is4() {
		length -= 96 // the mapped prefix is cut off by borders of its own
	}
	p, err := addr.Prefix(length)
	if err != nil { // cannot be: addr has no zone and length is in range
		return netip.PrefixFrom(addr, addr.BitLen())
	}
	return p
}
