package targets

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var filterDay = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)

// TestSystemdFilterIsTheScope: an address passes exactly when the scope allows
// it by name, or it was given besides and is not denied.
func TestSystemdFilterIsTheScope(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		prefixes := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
			a := netip.AddrFrom4([4]byte{198, 51, rapid.Byte().Draw(t, "c"), rapid.Byte().Draw(t, "d")})
			if rapid.Bool().Draw(t, "six") {
				a = netip.MustParseAddr("2001:db8::").Next()
				for range rapid.IntRange(0, 9).Draw(t, "n") {
					a = a.Next()
				}
			}
			return netip.PrefixFrom(a, a.BitLen()-rapid.IntRange(0, 12).Draw(t, "bits")).Masked().String()
		}), 1, 5)
		allow, deny, also := prefixes.Draw(t, "allow"), prefixes.Draw(t, "deny"), prefixes.Draw(t, "also")
		s, err := ParseScope([]byte("allow: [\""+strings.Join(allow, "\",\"")+"\"]\ndeny: [\""+strings.Join(deny, "\",\"")+"\"]\nauthorised_by: x\nvalid_until: 2027-01-31\n"), "s.yaml")
		if err != nil {
			t.Fatal(err)
		}
		text, err := s.SystemdFilter(also, filterDay)
		if err != nil {
			t.Skip("all is denied") // and said so
		}
		besides := mustSet(also...)
		for _, list := range [][]string{allow, deny, also} {
			for _, one := range list {
				p := netip.MustParsePrefix(one)
				for _, a := range []netip.Addr{p.Addr(), p.Addr().Next(), p.Addr().Prev()} {
					want := !s.Deny.Contains(a) && (s.Allow.Contains(a) || besides.Contains(a))
					if got := passes(t, text, a); got != want {
						t.Fatalf("%v passes: %v, want %v\n%s", a, got, want, text)
					}
				}
			}
		}
	})
}

// passes reads a drop-in as systemd does: what is allowed passes, the rest is
// denied.
func passes(t *rapid.T, text string, a netip.Addr) bool {
	if !strings.Contains(text, "\n[Service]\nIPAddressDeny=any\n") {
		t.Fatal("nothing is denied")
	}
	for line := range strings.Lines(text) {
		value, ok := strings.CutPrefix(strings.TrimSpace(line), "IPAddressAllow=")
		if ok && value != "localhost" && netip.MustParsePrefix(value).Contains(a) {
			return true
		}
	}
	return false
}

func TestSystemdFilterRefuses(t *testing.T) {
	t.Parallel()
	scope := func(allow, deny string) *Scope {
		s, err := ParseScope([]byte("allow: ["+allow+"]\ndeny: ["+deny+"]\nauthorised_by: x\nvalid_until: 2027-01-31\n"), "s.yaml")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, x := range []struct {
		s    *Scope
		also string
		now  time.Time
		want string
	}{
		{scope("198.51.100.0/24", ""), "198.51.100.7", filterDay.AddDate(1, 0, 0), "expired"},
		{scope("198.51.100.0/24", "198.51.0.0/16"), "192.0.2.1", filterDay, "denies all"},
		{scope("198.51.100.0/24", "192.0.2.0/24"), "192.0.2.1", filterDay, "denies it"},
		{scope("198.51.100.0/24", ""), "example.org", filterDay, "host names"},
		{scope("198.51.100.0/24", ""), "10.0.0.0/99", filterDay, "10.0.0.0/99"},
	} {
		if text, err := x.s.SystemdFilter([]string{x.also}, x.now); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: got %v, want %s\n%s", x.also, err, x.want, text)
		}
	}
}
