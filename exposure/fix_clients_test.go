package exposure

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseClients(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                 "",
		"10.0.0.0/24":                      "10.0.0.0/24",
		"10.0.0.5":                         "10.0.0.5/32",
		" fd00::1 ":                        "fd00::1/128",
		"::ffff:10.0.0.0/120":              "10.0.0.0/24",
		"::ffff:10.0.0.5":                  "10.0.0.5/32",
		"fd00::/64,10.0.0.0/24":            "10.0.0.0/24 fd00::/64",
		"10.0.0.0/24,10.0.0.7,10.0.0.0/24": "10.0.0.0/24",
		"10.0.1.0/24,10.0.0.0/24":          "10.0.0.0/23",
		"10.0.1.0/24,10.0.2.0/24":          "10.0.1.0/24 10.0.2.0/24",
		"10.0.0.0/25,10.0.0.128/26,10.0.0.192/26,10.0.1.0/24": "10.0.0.0/23",
		"128.0.0.0/1": "128.0.0.0/1",
	} {
		var list []string
		if in != "" {
			list = strings.Split(in, ",")
		}
		got, err := ParseClients(list)
		if words := strings.ReplaceAll(joined(got), ",", ""); err != nil || words != want {
			t.Errorf("%q: %q, %v; want %q", in, words, err, want)
		}
	}
	for in, want := range map[string]string{
		"0.0.0.0/0":             "that is everyone: write the networks that your clients are in, such as 10.0.0.0/24",
		"::/0":                  "such as fd00::/64",
		"::ffff:0.0.0.0/96":     "that is everyone",
		"0.0.0.0/1,128.0.0.0/1": "together that is everyone, 0.0.0.0/0",
		"::/1,8000::/1":         "together that is everyone, ::/0",
		"10.0.0.5/24":           "bits set beyond /24: write 10.0.0.0/24 for the network, or 10.0.0.5 for that address alone",
		"fd00::1/64":            "write fd00::/64",
		"::ffff:0:0/90":         "write networks of IPv4 as",
		"224.0.0.0/4":           "multicast",
		"office":                "write a network such as",
		"":                      "write a network such as",
		"10.0.0.0/33":           "write a network such as",
		"fe80::1%eth0":          "write a network such as",
		"10.0.0.0/24; reboot":   "write a network such as",
	} {
		if got, err := ParseClients(strings.Split(in, ",")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want an error with %q", in, got, err, want)
		}
	}
}

// TestMergedHoldsTheSame: whatever the order and the overlaps, an address is in
// what comes out exactly when it was in what went in, and there only once.
func TestMergedHoldsTheSame(t *testing.T) {
	t.Parallel()
	addr := rapid.Custom(func(t *rapid.T) netip.Addr {
		b := rapid.ByteRange(0, 15).Draw(t, "byte")
		if rapid.Bool().Draw(t, "six") {
			return netip.AddrFrom16([16]byte{0xfd, 15: b})
		}
		return netip.AddrFrom4([4]byte{10, 0, 0, b})
	})
	prefix := rapid.Custom(func(t *rapid.T) netip.Prefix {
		a := addr.Draw(t, "addr")
		return netip.PrefixFrom(a, a.BitLen()-rapid.IntRange(0, 4).Draw(t, "host bits")).Masked()
	})
	holds := func(list []netip.Prefix, a netip.Addr) (n int) {
		for _, p := range list {
			if p.Contains(a) {
				n++
			}
		}
		return n
	}
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SliceOf(prefix).Draw(t, "in")
		before := slices.Clone(in)
		out := merged(in)
		if !slices.Equal(in, before) {
			t.Fatal("it changed what it was given")
		}
		a := addr.Draw(t, "a")
		if n := holds(out, a); n != min(1, holds(in, a)) {
			t.Fatalf("%s is in %v %d times, in %v %d", a, out, n, in, holds(in, a))
		}
		if again := merged(out); !slices.Equal(again, out) {
			t.Fatalf("%v becomes %v", out, again)
		}
	})
}

// FuzzParseClients: what is accepted is never everyone, is spelled in the one
// way that rules are written in, and is accepted again as it is.
func FuzzParseClients(f *testing.F) {
	for _, seed := range []string{"10.0.0.0/24", "10.0.0.5", "fd00::/64,0.0.0.0/1,128.0.0.0/1", "::ffff:10.0.0.0/104", "fe80::1%eth0", "0/0", ","} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		clients, err := ParseClients(strings.Split(text, ","))
		if err != nil {
			return
		}
		var again []string
		for _, p := range clients {
			if p.Bits() == 0 || p != p.Masked() || p.Addr().Is4In6() || p.Addr().Zone() != "" {
				t.Fatalf("%q lets %s in", text, p)
			}
			if strings.Trim(p.String(), "0123456789abcdef.:/") != "" {
				t.Fatalf("%q is written as %q", text, p)
			}
			again = append(again, p.String())
		}
		if same, err := ParseClients(again); err != nil || !slices.Equal(same, clients) {
			t.Fatalf("%v becomes %v, %v", clients, same, err)
		}
	})
}
