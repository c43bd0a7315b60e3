package targets

import (
	"go/ast"
	"go/parser"
	"go/token"
	"math/big"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func prefixesOf(texts ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		out[i] = netip.MustParsePrefix(text)
	}
	return out
}

// CoalesceCIDRs panics when it merges IPv6 blocks that begin with a zero byte.
func TestCoalesceIPv6WithLeadingZeros(t *testing.T) {
	got := coalesce(prefixesOf("64:ff9b::/97", "64:ff9b::8000:0/97", "::2/127"))
	if want := prefixesOf("::2/127", "64:ff9b::/96"); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// CoalesceCIDRs returns merged IPv4 as 16-byte addresses with 4-byte masks.
func TestCoalesceIPv4MasksAreIPv4(t *testing.T) {
	got := coalesce(prefixesOf("10.0.1.0/24", "10.0.0.0/24", "10.0.0.7/32", "10.0.0.0/24", "10.0.2.0/24"))
	if want := prefixesOf("10.0.0.0/23", "10.0.2.0/24"); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestCoalesceIsTheCanonicalSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var prefixes []netip.Prefix
		ranges := drawRanges(t, "ranges")
		for _, r := range ranges {
			prefixes = append(prefixes, rangePrefixes(r)...)
		}
		if got, want := coalesce(prefixes), setOf(ranges).Prefixes(); !slices.Equal(got, want) {
			t.Fatalf("coalesce(%v) = %v, want %v", prefixes, got, want)
		}
	})
}

func TestRangePrefixesAtTheEdges(t *testing.T) {
	for text, want := range map[string][]string{
		"0.0.0.0-255.255.255.255":                    {"0.0.0.0/0"},
		"255.255.255.254-255.255.255.255":            {"255.255.255.254/31"},
		"::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff": {"::/0"},
		"::5-::9":           {"::5/128", "::6/127", "::8/127"},
		"10.0.0.3-10.0.0.8": {"10.0.0.3/32", "10.0.0.4/30", "10.0.0.8/32"},
	} {
		spec, err := ParseExclude(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := rangePrefixes(spec.Range); !slices.Equal(got, prefixesOf(want...)) {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

// AddressCount and TotalIPSInCidrs say 0 for a /64 and wider, and
// CountIPsInCIDRs without base and broadcast says 0 for a /31.
func TestCountIsExact(t *testing.T) {
	power := func(n uint) *big.Int { return new(big.Int).Lsh(big.NewInt(1), n) }
	for text, want := range map[string]*big.Int{
		"10.0.0.0/24": power(8), "10.0.0.0/31": power(1), "10.0.0.1/32": power(0), "0.0.0.0/0": power(32),
		"2001:db8::/64": power(64), "2001:db8::/32": power(96), "::/0": power(128), "::1/128": power(0), "::/127": power(1),
	} {
		if got := count(prefixesOf(text)); got.Cmp(want) != 0 {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

// RemoveCIDRs fails when an exclude equals or contains a target, and on mixed
// families.
func TestMinusWhereRemoveCIDRsFails(t *testing.T) {
	targets := mustSet("10.0.0.0/24", "10.0.2.0/24", "2001:db8::/120")
	for _, c := range []struct {
		exclude []string
		want    []string
	}{
		{[]string{"10.0.0.0/24"}, []string{"10.0.2.0/24", "2001:db8::/120"}},
		{[]string{"10.0.0.0/8"}, []string{"2001:db8::/120"}},
		{[]string{"2001:db8::/32"}, []string{"10.0.0.0/24", "10.0.2.0/24"}},
		{[]string{"10.0.0.0/25", "2001:db8::80/121"}, []string{"10.0.0.128/25", "10.0.2.0/24", "2001:db8::/121"}},
	} {
		if got := targets.Minus(mustSet(c.exclude...)).Prefixes(); !slices.Equal(got, prefixesOf(c.want...)) {
			t.Errorf("minus %v: %v, want %v", c.exclude, got, c.want)
		}
	}
}

// ShuffleCidrsWithSeed drops all IPv6 in silence.
func TestShuffledOrderKeepsIPv6(t *testing.T) {
	set := mustSet("10.0.0.0/28", "2001:db8::/124")
	order := NewOrder(set.Len(), 7)
	var v6 int
	for pos := range order.Len() {
		if set.At(order.At(pos)).Is6() {
			v6++
		}
	}
	if v6 != 16 {
		t.Errorf("%d IPv6 addresses of 16", v6)
	}
}

// Only cidr.go may know mapcidr, and only the three functions that are right.
func TestMapcidrIsKeptInOneFile(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("sources: %v, %v", files, err)
	}
	allowed := []string{"CoalesceCIDRs", "CountIPsInCIDRs", "IpRangeToCIDR"}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, imp := range f.Imports {
			if strings.Contains(imp.Path.Value, "mapcidr") && file != "cidr.go" {
				t.Errorf("%s imports mapcidr", file)
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "mapcidr" && !slices.Contains(allowed, sel.Sel.Name) {
				t.Errorf("%s uses mapcidr.%s", file, sel.Sel.Name)
			}
			return true
		})
	}
}
