package raw

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

func tableOf(prefixes ...string) *ranges {
	var b borders
	for _, p := range prefixes {
		b.add(netip.MustParsePrefix(p))
	}
	return newRanges(b)
}

func TestRangesPrefix(t *testing.T) {
	table := tableOf("10.0.0.0/8", "10.5.0.0/16", "10.5.5.5/32", "fd00::/8", "fd00::1/128", "0.0.0.0/0", "::/0")
	for addr, want := range map[string]string{
		"11.0.0.0":        "11.0.0.0/8",
		"10.0.0.1":        "10.0.0.0/14",
		"10.4.255.255":    "10.4.0.0/16",
		"10.5.5.5":        "10.5.5.5/32",
		"10.5.5.4":        "10.5.5.4/32",
		"10.5.128.0":      "10.5.128.0/17",
		"10.255.255.255":  "10.128.0.0/9",
		"192.0.2.1":       "192.0.0.0/3",
		"223.255.255.255": "192.0.0.0/3",
		"255.255.255.254": "255.255.255.254/32",
		"255.255.255.255": "255.255.255.255/32",
		"0.0.0.0":         "0.0.0.0/32",
		"0.255.0.0":       "0.128.0.0/9",
		"fd00::":          "fd00::/128",
		"fd00::1":         "fd00::1/128",
		"fd00::2":         "fd00::2/127",
		"fdff::":          "fd80::/9",
		"2001:db8::1":     "2000::/3",
		"feff::":          "fe00::/8",
		"ffff::":          "ff00::/8",
	} {
		a := netip.MustParseAddr(addr)
		if got := table.prefix(a, keyOf(a), table.find(keyOf(a))); got.String() != want {
			t.Errorf("%s: got %s, want %s", addr, got, want)
		}
	}
}

// TestRangesProperty: the prefix holds the address; all of it lies in the same
// prefixes of the tables; and the next larger one does not.
func TestRangesProperty(t *testing.T) {
	v4 := rapid.Custom(func(t *rapid.T) netip.Addr {
		b := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 2, 127, 128, 255}), 4, 4).Draw(t, "bytes")
		return netip.AddrFrom4([4]byte(b))
	})
	v6 := rapid.Custom(func(t *rapid.T) netip.Addr {
		b := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 128, 255}), 16, 16).Draw(t, "bytes")
		return netip.AddrFrom16([16]byte(b))
	})
	addrs := rapid.OneOf(v4, v6).Filter(func(a netip.Addr) bool { return !a.Is4In6() })
	rapid.Check(t, func(t *rapid.T) {
		var b borders
		var prefixes []netip.Prefix
		for _, a := range rapid.SliceOfN(addrs, 0, 12).Draw(t, "routes") {
			p := netip.PrefixFrom(a, rapid.IntRange(0, a.BitLen()).Draw(t, "bits")).Masked()
			prefixes = append(prefixes, p)
			b.add(p)
		}
		table := newRanges(b)
		addr := addrs.Draw(t, "addr")
		got := table.prefix(addr, keyOf(addr), table.find(keyOf(addr)))
		if got != got.Masked() || !got.Contains(addr) {
			t.Fatalf("%s: %s", addr, got)
		}
		for _, p := range prefixes {
			if p.Overlaps(got) && p.Bits() > got.Bits() {
				t.Fatalf("%s: %s reaches into %s", addr, got, p)
			}
		}
		if got.Bits() == 0 {
			return
		}
		wider := netip.PrefixFrom(addr, got.Bits()-1).Masked()
		if last := len(table.starts); table.find(keyOf(wider.Addr())) == table.find(lastKey(wider)) {
			t.Fatalf("%s: %s could be %s (%d ranges)", addr, got, wider, last)
		}
	})
}

func lastKey(p netip.Prefix) key {
	var b borders
	b.add(p)
	if len(b) == 1 {
		return key{^uint64(0), ^uint64(0)}
	}
	return b[1].previous()
}

// benchmarkTable has n routes of /16 in 10/8, and a default route.
func benchmarkTable(n int) *ranges {
	var b borders
	for i := range n {
		b.add(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i * 4), 0, 0}), 16))
	}
	return newRanges(b)
}

func BenchmarkRangesFind(b *testing.B) {
	table := benchmarkTable(64)
	addr := netip.MustParseAddr("10.77.3.9")
	b.ReportAllocs()
	for b.Loop() {
		k := keyOf(addr)
		if at := table.find(k); !table.prefix(addr, k, at).Contains(addr) {
			b.Fatal(at)
		}
	}
}
