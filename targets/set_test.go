package targets

import (
	"math"
	"math/big"
	"net/netip"
	"slices"
	"testing"

	"go4.org/netipx"
	"pgregory.net/rapid"
)

// universe is a small piece of address space in which every set can be
// checked address by address: 64 of IPv4, 64 of IPv6 whose first byte is 0,
// and the edges of both families.
var universe = slices.Concat(
	addrsFrom("10.0.0.224", 64), addrsFrom("64:ff9b::ffe0", 64),
	addrsFrom("0.0.0.0", 4), addrsFrom("255.255.255.252", 4),
	addrsFrom("::", 4), addrsFrom("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffc", 4),
)

func addrsFrom(first string, n int) []netip.Addr {
	addrs := make([]netip.Addr, n)
	addrs[0] = netip.MustParseAddr(first)
	for i := 1; i < n; i++ {
		addrs[i] = addrs[i-1].Next()
	}
	return addrs
}

// drawRanges draws ranges that begin and end in the universe, in one of its
// six pieces.
func drawRanges(t *rapid.T, label string) []netipx.IPRange {
	one := rapid.Custom(func(t *rapid.T) netipx.IPRange {
		from := rapid.IntRange(0, len(universe)-1).Draw(t, "from")
		size := rapid.IntRange(1, 40).Draw(t, "size")
		to := from
		for i := 1; i < size && to+1 < len(universe) && universe[to].Next() == universe[to+1]; i++ {
			to++
		}
		return netipx.IPRangeFrom(universe[from], universe[to])
	})
	return rapid.SliceOfN(one, 0, 8).Draw(t, label)
}

func anyContains(ranges []netipx.IPRange, addr netip.Addr) bool {
	return slices.ContainsFunc(ranges, func(r netipx.IPRange) bool { return r.Contains(addr) })
}

func TestSetAlgebraAgainstBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawRanges(t, "a"), drawRanges(t, "b")
		setA, setB := setOf(a), setOf(b)
		union, minus := setA.Union(setB), setA.Minus(setB)
		var inUnion, inMinus uint64
		for _, addr := range universe {
			inA, inB := anyContains(a, addr), anyContains(b, addr)
			if setA.Contains(addr) != inA {
				t.Fatalf("Contains(%v) = %v", addr, !inA)
			}
			if union.Contains(addr) != (inA || inB) {
				t.Fatalf("Union: Contains(%v) = %v", addr, !(inA || inB))
			}
			if minus.Contains(addr) != (inA && !inB) {
				t.Fatalf("Minus: Contains(%v) = %v", addr, !(inA && !inB))
			}
			if inA || inB {
				inUnion++
			}
			if inA && !inB {
				inMinus++
			}
		}
		if union.Len() != inUnion || minus.Len() != inMinus {
			t.Fatalf("Len: union %d, want %d; minus %d, want %d", union.Len(), inUnion, minus.Len(), inMinus)
		}
	})
}

func TestSetAtIsAscendingAndIndexItsInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := setOf(drawRanges(t, "set"))
		var last netip.Addr
		for i := range set.Len() {
			addr := set.At(i)
			if i > 0 && !last.Less(addr) {
				t.Fatalf("At(%d) = %v after %v", i, addr, last)
			}
			if back, ok := set.Index(addr); !ok || back != i {
				t.Fatalf("Index(At(%d)) = %d, %v", i, back, ok)
			}
			last = addr
		}
		for _, addr := range universe {
			if _, ok := set.Index(addr); ok != set.Contains(addr) {
				t.Fatalf("Index(%v): %v", addr, ok)
			}
		}
	})
}

func TestSetPrefixesAreTheSameSetAndMinimal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := setOf(drawRanges(t, "set"))
		prefixes := set.Prefixes()
		var texts []netip.Prefix
		for _, p := range prefixes {
			spec, err := ParseExclude(p.String())
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, spec.Range.Prefixes()...)
		}
		again, err := SetOf(texts...)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(again.Ranges(), set.Ranges()) {
			t.Fatalf("%v became %v", set.Ranges(), again.Ranges())
		}
		var minimal []netip.Prefix
		for _, r := range set.Ranges() {
			minimal = r.AppendPrefixes(minimal)
		}
		if !slices.Equal(prefixes, minimal) {
			t.Fatalf("prefixes %v, minimal %v", prefixes, minimal)
		}
		if count(prefixes).Cmp(new(big.Int).SetUint64(set.Len())) != 0 {
			t.Fatalf("Count %v, Len %d", count(prefixes), set.Len())
		}
	})
}

func TestSetRangesNeverTouch(t *testing.T) {
	set := mustSet("10.0.0.0/25", "10.0.0.128/25", "10.0.0.0/24", "10.0.1.0/24", "255.255.255.255/32", "::/128")
	want := []string{"10.0.0.0-10.0.1.255", "255.255.255.255-255.255.255.255", "::-::"}
	var got []string
	for _, r := range set.Ranges() {
		got = append(got, r.String())
	}
	if !slices.Equal(got, want) {
		t.Errorf("ranges %v, want %v", got, want)
	}
}

func TestSetIsImmutable(t *testing.T) {
	set := mustSet("10.0.0.0/30", "10.0.0.8/30")
	set.Ranges()[0] = netipx.IPRange{}
	set.Minus(mustSet("10.0.0.1/32"))
	set.Union(mustSet("10.0.0.4/30"))
	if set.Len() != 8 || set.At(0) != netip.MustParseAddr("10.0.0.0") {
		t.Errorf("changed: %v", set.ranges)
	}
}

func TestSetUnmapsAndRefusesZones(t *testing.T) {
	set := mustSet("10.0.0.0/24", "::ffff:10.0.1.0/120", "fe80::/64")
	if set.Len() != math.MaxUint64 || len(set.Ranges()) != 2 {
		t.Errorf("ranges %v", set.Ranges())
	}
	for text, want := range map[string]bool{
		"::ffff:10.0.0.7": true, "::ffff:10.0.1.7": true, "10.0.1.7": true, "10.0.2.0": false,
		"fe80::1": true, "fe80::1%eth0": false,
	} {
		addr := netip.MustParseAddr(text)
		if set.Contains(addr) != want {
			t.Errorf("Contains(%s) = %v", text, !want)
		}
	}
	if i, ok := set.Index(netip.MustParseAddr("::ffff:10.0.0.7")); !ok || i != 7 {
		t.Errorf("Index of a mapped address: %d, %v", i, ok)
	}
	if set.Contains(netip.Addr{}) {
		t.Error("contains the zero address")
	}
}

func TestSetOfRefuses(t *testing.T) {
	for _, p := range []netip.Prefix{
		{},
		netip.MustParsePrefix("10.0.0.5/8"),
		netip.MustParsePrefix("::ffff:10.0.0.0/90"),
	} {
		if _, err := SetOf(p); err == nil {
			t.Errorf("SetOf(%v): no error", p)
		}
	}
}

// A set of excludes may be wider than a uint64 counts.
func TestSetWiderThanCounts(t *testing.T) {
	set := mustSet("10.0.0.0/24", "2001:db8::/32", "fd00::/64")
	if set.Len() != math.MaxUint64 {
		t.Errorf("Len = %d", set.Len())
	}
	want, _ := new(big.Int).SetString("79228162532711081667253502208", 10) // 2^96 + 2^64 + 2^8
	if set.Count().Cmp(want) != 0 {
		t.Errorf("Count = %v, want %v", set.Count(), want)
	}
	addr := set.At(math.MaxUint64 - 1)
	if i, ok := set.Index(addr); !ok || i != math.MaxUint64-1 {
		t.Errorf("Index(%v) = %d, %v", addr, i, ok)
	}
	if _, ok := set.Index(netip.MustParseAddr("fd00::1")); ok {
		t.Error("an address beyond Len has an index")
	}
	if got := set.Minus(mustSet("2001:db8::/32", "fd00::/64")).Len(); got != 256 {
		t.Errorf("after Minus: %d", got)
	}
}

func TestSetAtOutOfRangePanics(t *testing.T) {
	for _, set := range []Set{{}, mustSet("10.0.0.0/30")} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("At(%d) of %d did not panic", set.Len(), set.Len())
				}
			}()
			set.At(set.Len())
		}()
	}
}

func TestLookupsDoNotAllocate(t *testing.T) {
	set := mustSet("10.0.0.0/8", "192.0.2.0/24", "2001:db8::/110")
	scope := &Scope{allowed: set}
	order := NewOrder(set.Len(), 1)
	addr := netip.MustParseAddr("2001:db8::7")
	for name, f := range map[string]func(){
		"Set.At":       func() { set.At(set.Len() - 1) },
		"Set.Index":    func() { set.Index(addr) },
		"Set.Contains": func() { set.Contains(addr) },
		"Order.At":     func() { order.At(12345) },
		"Scope.Allows": func() { scope.Allows(addr) },
		"nil Scope":    func() { (*Scope)(nil).Allows(addr) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestIntersect(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		universe := rapid.SliceOfN(rapid.IntRange(0, 255), 0, 40)
		one, two := universe.Draw(t, "one"), universe.Draw(t, "two")
		both := setOfBytes(t, one).Intersect(setOfBytes(t, two))
		for b := range 256 {
			want := slices.Contains(one, b) && slices.Contains(two, b)
			if got := both.Contains(netip.AddrFrom4([4]byte{127, 0, 0, byte(b)})); got != want {
				t.Fatalf("127.0.0.%d: %v, want %v", b, got, want)
			}
		}
	})
}

func setOfBytes(t *rapid.T, list []int) Set {
	var prefixes []netip.Prefix
	for _, b := range list {
		prefixes = append(prefixes, netip.PrefixFrom(netip.AddrFrom4([4]byte{127, 0, 0, byte(b)}), 32))
	}
	set, err := SetOf(prefixes...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}
