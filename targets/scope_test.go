package targets

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var testTime = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func mustScope(t *testing.T, text string) *Scope {
	t.Helper()
	s, err := ParseScope([]byte(text), "scope.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const goodScope = `allow:
  - 198.51.100.0/24
  - 203.0.113.10-20
  - 2001:db8::/32
deny:
  - 198.51.100.7
  - 10.99.0.0/16
authorised_by: Jane Doe, CISO
valid_until: 2027-01-31
`

func TestScopeAllows(t *testing.T) {
	file := mustScope(t, goodScope)
	for _, c := range []struct {
		addr            string
		without, within bool
	}{
		{"127.0.0.1", true, true}, {"127.255.255.255", true, true}, {"::1", true, true},
		{"10.0.0.1", true, true}, {"172.16.0.1", true, true}, {"172.31.255.255", true, true}, {"192.168.1.1", true, true},
		{"169.254.1.1", true, true}, {"fe80::1", true, true}, {"febf::1", true, true}, {"fc00::1", true, true}, {"fdff::1", true, true},
		{"::ffff:10.0.0.1", true, true},
		{"10.99.0.1", true, false}, {"::ffff:10.99.0.1", true, false}, // deny wins in free space too
		{"100.64.0.1", false, false}, {"172.15.255.255", false, false}, {"172.32.0.0", false, false},
		{"192.167.255.255", false, false}, {"128.0.0.1", false, false}, {"8.8.8.8", false, false},
		{"fec0::1", false, false}, {"fe00::1", false, false}, {"::2", false, false}, {"0.0.0.0", false, false},
		{"64:ff9b::a00:1", false, false}, // NAT64 of 10.0.0.1 goes through a public prefix
		{"198.51.100.6", false, true}, {"198.51.100.7", false, false}, {"198.51.100.8", false, true}, {"::ffff:198.51.100.8", false, true},
		{"203.0.113.9", false, false}, {"203.0.113.10", false, true}, {"203.0.113.20", false, true}, {"203.0.113.21", false, false},
		{"2001:db8::1", false, true}, {"2001:db9::", false, false},
		{"fe80::1%eth0", false, false},
	} {
		addr := netip.MustParseAddr(c.addr)
		if got := (*Scope)(nil).Allows(addr); got != c.without {
			t.Errorf("without a file, %s: %v", c.addr, got)
		}
		if got := file.Allows(addr); got != c.within {
			t.Errorf("with the file, %s: %v", c.addr, got)
		}
	}
	if (*Scope)(nil).Allows(netip.Addr{}) || file.Allows(netip.Addr{}) {
		t.Error("the zero address is allowed")
	}
}

// Check and Allows never disagree: a set passes when each address of it does.
func TestScopeCheckAgreesWithAllows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &Scope{Allow: setOf(drawRanges(t, "allow")), Deny: setOf(drawRanges(t, "deny")), ValidUntil: testTime}
		s.allowed = freeSpace.Union(s.Allow).Minus(s.Deny)
		if rapid.Bool().Draw(t, "without a file") {
			s = nil
		}
		set := setOf(drawRanges(t, "set"))
		all := true
		for i := range set.Len() {
			all = all && s.Allows(set.At(i))
		}
		if err := s.Check(set, testTime); (err == nil) != all {
			t.Fatalf("every address allowed: %v; Check: %v", all, err)
		}
	})
}

func TestScopeCheckNamesTheFix(t *testing.T) {
	file := mustScope(t, goodScope)
	for name, c := range map[string]struct {
		scope *Scope
		set   Set
		now   time.Time
		want  string
	}{
		"free": {nil, mustSet("10.0.0.0/8", "fd00::/108"), testTime, ""},
		"public": {nil, mustSet("10.0.0.0/8", "198.51.100.0/24", "2001:db8::1/128"), testTime,
			"targets: public addresses need a scope: 198.51.100.0/24, 2001:db8::1: if yours, run `memsweep scope init 198.51.100.0/24 2001:db8::1`, fill in the file and give it with --scope FILE, else leave out with --exclude 198.51.100.0/24,2001:db8::1"},
		"many": {nil, mustSet("8.0.0.0/32", "8.0.0.2/32", "8.0.0.4/32", "8.0.0.6/32", "8.0.0.8/32", "8.0.0.10/32", "8.0.0.12/32"), testTime,
			"targets: public addresses need a scope: 8.0.0.0, 8.0.0.2, 8.0.0.4, 8.0.0.6, 8.0.0.8 and more (7 addresses in all): if yours, run `memsweep scope init 8.0.0.0 8.0.0.2 8.0.0.4 8.0.0.6 8.0.0.8`, fill in the file and give it with --scope FILE, else leave out with --exclude 8.0.0.0,8.0.0.2,8.0.0.4,8.0.0.6,8.0.0.8"},
		"inside": {file, mustSet("198.51.100.128/25", "192.168.0.0/16"), testTime, ""},
		"outside": {file, mustSet("198.51.100.128/25", "198.51.101.0/24"), testTime,
			"scope scope.yaml: not in it: 198.51.101.0/24: if yours, add under allow: `- 198.51.101.0/24`, else leave out with --exclude 198.51.101.0/24"},
		"denied, outside": {file, mustSet("10.98.0.0/15", "198.51.101.1/32"), testTime,
			"scope scope.yaml: not in it: 198.51.101.1: if yours, add under allow: `- 198.51.101.1/32`, else leave out with --exclude 198.51.101.1\n" +
				"scope scope.yaml: denied by it: 10.99.0.0/16: leave out with --exclude 10.99.0.0/16"},
		"last moment": {file, mustSet("10.0.0.0/24"), time.Date(2027, 1, 31, 23, 59, 59, 999999999, time.UTC), ""},
		"expired": {file, mustSet("10.0.0.0/24"), time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC),
			"scope scope.yaml: expired at 2027-01-31T23:59:59Z: have it renewed, and write the new date after valid_until"},
	} {
		err := c.scope.Check(c.set, c.now)
		if got := errorText(err); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
		if expired := name == "expired"; c.scope.ValidAt(c.now) == expired {
			t.Errorf("%s: ValidAt = %v", name, expired)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// What an error tells a user to write is what works.
func TestScopeAdviceWorks(t *testing.T) {
	set := mustSet("198.51.101.0/24", "2001:db9::/120", "10.99.1.0/24")
	if err := mustScope(t, goodScope).Check(set, testTime); err == nil {
		t.Fatal("no error")
	}
	advised := mustScope(t, "allow:\n- 198.51.101.0/24\n- 2001:db9::/120\nauthorised_by: x\nvalid_until: 2027-01-31\n")
	if err := advised.Check(set, testTime); err != nil {
		t.Error(err)
	}
	excludes, err := ExcludeArguments([]string{"198.51.101.0/24,2001:db9::/120"})
	if err != nil {
		t.Fatal(err)
	}
	left := set.Minus(names{}.set(excludes))
	if err := (*Scope)(nil).Check(left, testTime); err != nil || !slices.Equal(left.Prefixes(), prefixesOf("10.99.1.0/24")) {
		t.Errorf("%v: %v", left.Prefixes(), err)
	}
}
