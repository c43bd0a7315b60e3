package targets

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// The standard resolver is one.
var _ Resolver = (*net.Resolver)(nil)

// hosts is a Resolver of a table; it counts the lookups.
type hosts struct {
	table map[string][]string
	asked map[string]int
}

func (h hosts) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	h.asked[host]++
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	texts, ok := h.table[host]
	if !ok || network != "ip" {
		return nil, errors.New("no such host")
	}
	var addrs []netip.Addr
	for _, text := range texts {
		addrs = append(addrs, netip.MustParseAddr(text))
	}
	return addrs, nil
}

func testHosts() hosts {
	return hosts{asked: map[string]int{}, table: map[string][]string{
		"cache1":   {"10.0.0.9", "::ffff:10.0.0.8", "10.0.0.9", "fd00::9"},
		"private":  {"10.0.0.7"},
		"sinkhole": {"10.0.0.1", "0.0.0.0"},
		"zoned":    {"fe80::1%eth0"},
		"nothing":  {},
	}}
}

func build(t *testing.T, h Resolver, include, exclude string) (Selection, error) {
	t.Helper()
	in, err := ReadList(strings.NewReader(include), "in")
	if err != nil {
		t.Fatal(err)
	}
	ex, err := ReadExcludes(strings.NewReader(exclude), "ex")
	if err != nil {
		t.Fatal(err)
	}
	return Build(t.Context(), in, ex, h)
}

var compareSelections = cmp.Options{
	cmpopts.IgnoreFields(Selection{}, "Set"),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	cmpopts.EquateEmpty(),
}

func TestBuild(t *testing.T) {
	for name, c := range map[string]struct {
		include, exclude string
		set              []netip.Prefix
		want             Selection
	}{
		"overlaps collapse": {
			include: "10.0.0.0/24 10.0.0.128/25\n10.0.0.5 10.0.1.0-255",
			set:     prefixesOf("10.0.0.0/23"),
			want:    Selection{Include: prefixesOf("10.0.0.0/23")},
		},
		"both families, wide excludes": {
			include: "10.0.0.0/30 2001:db8::/126 fd00::1",
			exclude: "10.0.0.0/31 2001:db8::/32 224.0.0.0/4",
			set:     prefixesOf("10.0.0.2/31", "fd00::1/128"),
			want: Selection{
				Include:  prefixesOf("10.0.0.0/30", "2001:db8::/126", "fd00::1/128"),
				Exclude:  prefixesOf("10.0.0.0/31", "224.0.0.0/4", "2001:db8::/32"),
				Warnings: []string{"ex:1: exclude 224.0.0.0/4: matches no target"},
			},
		},
		"names": {
			include: "cache1 private cache1",
			exclude: "10.0.0.9 private",
			set:     prefixesOf("10.0.0.8/32", "fd00::9/128"),
			want: Selection{
				Include: prefixesOf("10.0.0.7/32", "10.0.0.8/31", "fd00::9/128"),
				Exclude: prefixesOf("10.0.0.7/32", "10.0.0.9/32"),
				Names: []Name{
					{Host: "cache1", Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.8"), netip.MustParseAddr("fd00::9")}},
					{Host: "private"},
				},
				Warnings: []string{"target private: every address of it is excluded"},
			},
		},
	} {
		h := testHosts()
		got, err := build(t, h, c.include, c.exclude)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(c.want, got, compareSelections); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if !slices.Equal(got.Set.Prefixes(), c.set) {
			t.Errorf("%s: set %v, want %v", name, got.Set.Prefixes(), c.set)
		}
		for host, n := range h.asked {
			if n != 1 {
				t.Errorf("%s: %s was looked up %d times", name, host, n)
			}
		}
	}
}

func TestBuildRefuses(t *testing.T) {
	for name, c := range map[string]struct{ include, exclude, want string }{
		"nothing given":       {"", "10.0.0.0/8", "targets: nothing was given: write a CIDR, an address, a range or a host name, as 10.20.0.0/16"},
		"everything excluded": {"10.0.0.0/30", "10.0.0.0/8", "targets: everything was excluded (4 addresses): take an exclude away, or name further targets"},
		"unknown names":       {"10.0.0.1 nowhere\nnothing", "", "in:1: resolve nowhere: no such host: write its address, or leave it out\nin:2: resolve nothing: no addresses: write its address, or leave it out"},
		"unknown exclude":     {"10.0.0.1", "nowhere", "ex:1: resolve nowhere: no such host: write its address, or leave it out"},
		"sinkhole":            {"sinkhole", "", "in:1: target sinkhole (0.0.0.0): unspecified addresses (0.0.0.0/8): write the addresses of hosts"},
		"zone":                {"zoned", "", `in:1: resolve zoned: "fe80::1%eth0" is no address that others could ask: write its address, or leave it out`},
	} {
		if _, err := build(t, testHosts(), c.include, c.exclude); err == nil || err.Error() != c.want {
			t.Errorf("%s: got\n%v\nwant\n%s", name, err, c.want)
		}
	}
}

// Entries read as excludes are held to the rules of targets.
func TestBuildChecksTargetsItself(t *testing.T) {
	wide, err := ExcludeArguments([]string{"2001:db8::/32", "224.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range append(wide, Entry{}) {
		if _, err := Build(t.Context(), []Entry{e}, nil, nil); err == nil {
			t.Errorf("%s: no error", e)
		}
	}
}

func TestBuildStopsWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h := testHosts()
	in, err := Arguments([]string{"cache1", "private"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = Build(ctx, in, nil, h); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if len(h.asked) != 1 {
		t.Errorf("lookups: %v", h.asked)
	}
}

func TestBuildBoundsWarnings(t *testing.T) {
	var exclude strings.Builder
	for i := range 25 {
		fmt.Fprintf(&exclude, "192.168.0.%d\n", i)
	}
	got, err := build(t, nil, "10.0.0.1", exclude.String())
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Warnings) != 11 || got.Warnings[10] != "and 15 more" {
		t.Errorf("%d warnings: %v", len(got.Warnings), got.Warnings)
	}
}
