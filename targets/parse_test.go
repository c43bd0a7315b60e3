package targets

import (
	"strings"
	"testing"

	"github.com/memsweep/memsweep/internal/handwritten"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"10.20.0.0/16":                     "10.20.0.0/16",
		"10.0.0.1":                         "10.0.0.1",
		"10.0.0.1/32":                      "10.0.0.1",
		"10.0.0.1-10.0.0.20":               "10.0.0.1-10.0.0.20",
		"10.0.0.1-20":                      "10.0.0.1-10.0.0.20",
		"10.0.0.0-255":                     "10.0.0.0/24",
		"10.0.0.7-7":                       "10.0.0.7",
		"::1":                              "::1",
		"2001:DB8::/108":                   "2001:db8::/108",
		"2001:db8::1-2001:db8::20":         "2001:db8::1-2001:db8::20",
		"2001:db8::-2001:db8::f:ffff":      "2001:db8::/108",
		"::ffff:192.0.2.7":                 "192.0.2.7",
		"::ffff:192.0.2.0/120":             "192.0.2.0/24",
		"::ffff:192.0.2.1-::ffff:c000:205": "192.0.2.1-192.0.2.5",
		"::ffff:192.0.2.1-192.0.2.5":       "192.0.2.1-192.0.2.5",
		"cache1.Example.COM":               "cache1.example.com",
		"localhost":                        "localhost",
		"db1.":                             "db1.",
		"my_service":                       "my_service",
		"10-0-0-1.example.com":             "10-0-0-1.example.com",
		"ip-10-0-0-1":                      "ip-10-0-0-1",
		"10.0.0.1-db.example.com":          "10.0.0.1-db.example.com",
		"1e100.net":                        "1e100.net",
		"xn--mnchen-3ya.example":           "xn--mnchen-3ya.example",
		"223.255.255.255":                  "223.255.255.255",
		"1.0.0.0":                          "1.0.0.0",
	} {
		spec, err := Parse(text)
		if err != nil {
			t.Errorf("Parse(%q): %v", text, err)
			continue
		}
		if spec.String() != want {
			t.Errorf("Parse(%q) = %s, want %s", text, spec, want)
		}
		if again, err := Parse(spec.String()); err != nil || again != spec {
			t.Errorf("Parse(%q), again: %v, %v", text, again, err)
		}
	}
}

// Forms that are wrong wherever they stand.
var badForms = map[string]string{
	"":                "empty: write a CIDR, an address, a range or a host name",
	"10.0.0.5/8":      "host bits are set: write 10.0.0.0/8 for the network or 10.0.0.5 for the host",
	"2001:db8::5/112": "host bits are set: write 2001:db8::/112 for the network or 2001:db8::5 for the host",

	"::ffff:10.0.0.5/104": "host bits are set: write 10.0.0.0/8 for the network or 10.0.0.5 for the host",
	"::ffff:10.0.0.0/90":  "an IPv4-mapped address with a length below 96: write the IPv4 prefix",

	"10.0.0.0/33":            "not a prefix length: write a number from 0 to 32 after the slash",
	"10.0.0.0/":              "not a prefix length: write a number from 0 to 32 after the slash",
	"10.0.0.0/08":            "not a prefix length: write a number from 0 to 32 after the slash",
	"10.0.0.0/8/8":           "not a prefix length: write a number from 0 to 32 after the slash",
	"2001:db8::/129":         "not a prefix length: write a number from 0 to 128 after the slash",
	"10.0.0.0/255.255.255.0": "a netmask: write 10.0.0.0/24",
	"10.0.0.0/255.0.255.0":   "not a prefix length: write a number from 0 to 32 after the slash",
	"10.0/16":                "not an IPv4 address: write four numbers from 0 to 255, as in 192.0.2.7",
	"/8":                     "not an IPv4 address: write four numbers from 0 to 255, as in 192.0.2.7",
	"cache1.example.com/24":  "a host name with a path or length: write cache1.example.com alone",

	"10.0.0.20-10.0.0.1":   "reversed: write 10.0.0.1-10.0.0.20",
	"10.0.0.20-1":          "reversed: write 10.0.0.1-10.0.0.20",
	"::5-::1":              "reversed: write ::1-::5",
	"10.0.0.1-::5":         "the two ends are IPv4 and IPv6: write two ranges",
	"10.0.300.1-20":        "not an IPv4 address: write four numbers from 0 to 255, as in 192.0.2.7",
	"10.0.0.1-256":         "the end of the range is not an IPv4 address: write four numbers from 0 to 255, as in 192.0.2.7",
	"10.0.0.1-":            "the end of the range is not an IPv4 address: write four numbers from 0 to 255, as in 192.0.2.7",
	"10.0.0.1-010":         "the end of the range is a leading zero, which some programs read as octal: write 10.0.0.10 if that is meant",
	"10.0.0-5.1-254":       "ranges inside an address: write a CIDR, as 10.0.0.0/24, or one range, as 10.0.0.1-10.0.0.20",
	"10.0.0.1 - 10.0.0.20": "blanks or commas inside: write one target at a time, and a range as 10.0.0.1-10.0.0.20",
	"-":                    "a lone hyphen: write a range without blanks, as 10.0.0.1-10.0.0.20",

	"10.0.0.010":         "a leading zero, which some programs read as octal: write 10.0.0.10 if that is meant",
	"010.000.0.1/8":      "a leading zero, which some programs read as octal: write 10.0.0.1 if that is meant",
	"256.0.0.1":          "not an IPv4 address: write four numbers from 0 to 255, as in 192.0.2.7",
	"10.0.0":             "not an IPv4 address: write four numbers from 0 to 255, as in 192.0.2.7",
	"167772161":          "not an IPv4 address: write four numbers from 0 to 255, as in 192.0.2.7",
	"127.0.0.0x1":        "not an address: write all four numbers in decimal, as in 192.0.2.7",
	"0x7f000001":         "not an address: write all four numbers in decimal, as in 192.0.2.7",
	"10.0.0.*":           "a wildcard: write a CIDR, as 10.0.0.0/24",
	"2001:db8::1::":      "not an IPv6 address: write it as in 2001:db8::1",
	"2001:db8::12345":    "not an IPv6 address: write it as in 2001:db8::1",
	"10.0.0.1:11211":     "a port is given: write 10.0.0.1 without it",
	"cache1:11211":       "a port is given: write cache1 without it",
	"cache1:11211/x":     "a port is given: write cache1 without it",
	"[::1]:11211":        "brackets: write ::1 alone",
	"[::1]":              "brackets: write ::1 alone",
	"[fe80::1%eth0]":     "brackets: write the host name or address alone",
	"fe80::1%eth0":       "a zone: a report must mean the same on every machine: write the address without % and what follows",
	"fe80::1%eth0/64":    "a zone: a report must mean the same on every machine: write the address without % and what follows",
	"http://10.0.0.1/":   "a URL: write 10.0.0.1 alone",
	"tcp://[::1]:11211":  "a URL: write ::1 alone",
	"http://a@b.test:80": "a URL: write b.test alone",
	"http://":            "a URL: write the host name or address alone",
	"http://\x1b[2J":     "a URL: write the host name or address alone",

	"cache1..example.com": "a host name with an empty label: write a name as in cache1.example.com",
	"--dry-run":           "a host name whose label begins or ends with a hyphen: write a name as in cache1.example.com",
	"cache;reboot":        "neither an address nor a host name, because of ';': write a name as in cache1.example.com",
	"münchen.example":     "a host name outside ASCII: write its xn-- form, without blanks and quotes",

	strings.Repeat("a", 64) + ".example": "a host name with a label of more than 63 bytes: write a name as in cache1.example.com",
	strings.Repeat("a.", 126) + "ab":     "a host name of more than 253 bytes: write a name as in cache1.example.com",
	strings.Repeat("a.", 500):            "longer than 255 bytes: write one target at a time",
}

func TestParseRefusesBadForms(t *testing.T) {
	for text, cause := range badForms {
		if _, err := Parse(text); err == nil || err.Error() != "target "+handwritten.Quote(text)+": "+cause {
			t.Errorf("Parse(%q): %v\nwant … %s", text, err, cause)
		}
		if _, err := ParseExclude(text); err == nil || err.Error() != "exclude "+handwritten.Quote(text)+": "+cause {
			t.Errorf("ParseExclude(%q): %v\nwant … %s", text, err, cause)
		}
	}
}

// What no sweep may ask may still be excluded: lists of excludes in use name
// multicast and wide IPv6.
func TestParseRefusesWhatIsNotSweepable(t *testing.T) {
	for text, cause := range map[string]string{
		"0.0.0.0":             "unspecified addresses (0.0.0.0/8): write the addresses of hosts",
		"0.1.2.3":             "unspecified addresses (0.0.0.0/8): write the addresses of hosts",
		"224.0.0.1":           "multicast (224.0.0.0/4): write the addresses of hosts",
		"239.0.0.0/8":         "multicast (224.0.0.0/4): write the addresses of hosts",
		"240.0.0.0/4":         "reserved or broadcast, not unicast (240.0.0.0/4): write the addresses of hosts",
		"241.0.0.0/8":         "reserved or broadcast, not unicast (240.0.0.0/4): write the addresses of hosts",
		"255.255.255.255":     "reserved or broadcast, not unicast (240.0.0.0/4): write the addresses of hosts",
		"0.0.0.0/0":           "it covers 0.0.0.0/8 (unspecified addresses): write only the networks that you own",
		"0.0.0.0/1":           "it covers 0.0.0.0/8 (unspecified addresses): write only the networks that you own",
		"223.0.0.0-225.0.0.0": "it covers 224.0.0.0/4 (multicast): write only the networks that you own",
		"::":                  "the unspecified address (::): write the addresses of hosts",
		"::/108":              "it covers :: (the unspecified address): write only the networks that you own",
		"ff02::1":             "multicast (ff00::/8): write the addresses of hosts",
		"::ffff:224.0.0.1":    "multicast (224.0.0.0/4): write the addresses of hosts",
		"fd00::/107":          "IPv6 wider than /108 (a /107 holds 2097152 addresses): write /108s or narrower, or single addresses",
		"2001:db8::/32":       "IPv6 wider than /108 (a /32 holds 79228162514264337593543950336 addresses): write /108s or narrower, or single addresses",
		"fd00::1-fd00::10:1":  "an IPv6 range of 1048577 addresses, more than 1048576: write /108s or narrower, or single addresses",
	} {
		if _, err := Parse(text); err == nil || err.Error() != "target "+handwritten.Quote(text)+": "+cause {
			t.Errorf("Parse(%q): %v\nwant … %s", text, err, cause)
		}
		if _, err := ParseExclude(text); err != nil {
			t.Errorf("ParseExclude(%q): %v", text, err)
		}
	}
}

func TestParsePrefix(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.0/8":           "10.0.0.0/8",
		"192.0.2.7":            "192.0.2.7/32",
		"::ffff:192.0.2.0/120": "192.0.2.0/24",
		"::ffff:192.0.2.7":     "192.0.2.7/32",
		"2001:db8::/32":        "2001:db8::/32",
		"::/0":                 "::/0",
		"10.0.0.0-10.0.0.255":  "10.0.0.0/24",
		"10.0.0.1-9":           "a range that is no CIDR: write it as several, as 10.0.0.0/24",
		"cache1":               "a host name, whose meaning others can change: write its address",
		"10.0.0.1/8":           "host bits are set: write 10.0.0.0/8 for the network or 10.0.0.1 for the host",
		"fe80::1%eth0":         "a zone: a report must mean the same on every machine: write the address without % and what follows",
		"::ffff:0:0/95":        "an IPv4-mapped address with a length below 96: write the IPv4 prefix",
		"10.0.0.0/33":          "not a prefix length: write a number from 0 to 32 after the slash",
		"":                     "empty: write a CIDR, an address, a range or a host name",
	} {
		p, err := ParsePrefix(text)
		got := p.String()
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
