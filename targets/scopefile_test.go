package targets

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestReadScope(t *testing.T) {
	text := `# ours
allow: [198.51.100.0/24, "2001:db8::/32"]
deny:
authorised_by: ' Jane Doe, CISO '
reference: SEC-42
valid_until: 2027-01-31T18:00:00+02:00
max_rate: 5000
contact: noc@example.com
`
	path := filepath.Join(t.TempDir(), "scope.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := ReadScope(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%x", sha256.Sum256([]byte(text))); s.SHA256 != want {
		t.Errorf("SHA256 %s, want %s", s.SHA256, want)
	}
	if s.Path != path || s.AuthorisedBy != "Jane Doe, CISO" || s.Reference != "SEC-42" || s.Contact != "noc@example.com" || s.MaxRate != 5000 {
		t.Errorf("%+v", s)
	}
	if !s.ValidUntil.Equal(time.Date(2027, 1, 31, 16, 0, 0, 0, time.UTC)) {
		t.Errorf("valid until %v", s.ValidUntil)
	}
	if s.Deny.Len() != 0 || s.Allow.Count().String() != "79228162514264337593543950592" {
		t.Errorf("deny %v, allow %v", s.Deny.Prefixes(), s.Allow.Prefixes())
	}
	if _, err := ReadScope(path + ".missing"); err == nil || !strings.HasPrefix(err.Error(), "scope: open ") {
		t.Error(err)
	}
	if _, err := ReadScope(filepath.Dir(path)); err == nil {
		t.Error("read a directory")
	}
}

func TestScopeRefuses(t *testing.T) {
	const rest = "authorised_by: x\nvalid_until: 2027-01-31\n"
	const allow = "allow: [198.51.100.0/24]\n"
	for text, want := range map[string]string{
		"":              "s:1: nothing in it: write one with `memsweep scope init RANGE...`",
		"# only this\n": "s:1: nothing in it: write one with `memsweep scope init RANGE...`",
		"- 10.0.0.0/8":  "s:1: not a scope: write lines of the form `key: value`, as `memsweep scope init RANGE...` does",
		"~":             "s:1: not a scope: write lines of the form `key: value`, as `memsweep scope init RANGE...` does",
		allow + "a: [":  "s:2: not YAML (\"did not find expected node content\"): write it as `memsweep scope init RANGE...` does",

		allow + rest + "---\n" + allow:  "s:4: a second document: write one scope a file",
		allow + rest + "---\na: [":      "s:5: not YAML (\"did not find expected node content\"): write it as `memsweep scope init RANGE...` does",
		allow + rest + "alow: []\n":     `s:4: unknown key "alow": write one of allow, deny, authorised_by, reference, valid_until, max_rate, contact`,
		allow + rest + "<<: {deny: []}": `s:4: unknown key "<<": write one of allow, deny, authorised_by, reference, valid_until, max_rate, contact`,
		allow + rest + allow:            `s:4: "allow" stands twice: write it once`,

		"contact: x\n": "s:1: allow is missing: write the ranges that you own, one a line, as `- 198.51.100.0/24`\n" +
			"s:1: authorised_by is missing: fill in who gave the permission, as `authorised_by: Jane Doe, CISO`\n" +
			"s:1: valid_until is missing: fill in the last day, as `valid_until: 2027-01-31`",
		"allow: []\n" + rest:              "s:1: allow is empty: write the ranges that you own, one a line, as `- 198.51.100.0/24`",
		"allow:\n" + rest:                 "s:1: allow is empty: write the ranges that you own, one a line, as `- 198.51.100.0/24`",
		"allow: 198.51.100.0/24\n" + rest: "s:1: allow is not a list: write one range a line, as `- 198.51.100.0/24`",
		"allow: {a: b}\n" + rest:          "s:1: allow is not a list: write one range a line, as `- 198.51.100.0/24`",
		"allow:\n- 198.51.100.7/24\n- cache1\n- fe80::\n- [10.0.0.1]\n" + rest: "s:2: allow \"198.51.100.7/24\": host bits are set: write 198.51.100.0/24 for the network or 198.51.100.7 for the host\n" +
			"s:3: allow \"cache1\": a host name, whose meaning others can change: write its addresses\n" +
			"s:4: allow: not a range: write it in quotes, as `- \"2001:db8::/32\"`\n" +
			"s:5: allow: not a range: write it in quotes, as `- \"2001:db8::/32\"`",
		"allow: &a [198.51.100.0/24]\ndeny: *a\n" + rest: "s:2: deny is not a list: write one range a line, as `- 198.51.100.0/24`",
		allow + "deny: [10.0.0.9-1]\n" + rest:            `s:2: deny "10.0.0.9-1": reversed: write 10.0.0.1-10.0.0.9`,

		allow + "authorised_by: \"\"\nvalid_until: 2027-01-31": "s:2: authorised_by is empty: fill in who gave the permission, as `authorised_by: Jane Doe, CISO`",
		allow + "authorised_by:\nvalid_until: 2027-01-31":      "s:2: authorised_by is empty: fill in who gave the permission, as `authorised_by: Jane Doe, CISO`",
		allow + "authorised_by: [x]\nvalid_until: 2027-01-31":  "s:2: authorised_by is not text: write it on one line, in quotes",
		allow + rest + "contact: \"a\\eb\"":                    "s:4: contact is longer than 256 bytes or has control characters: write one short line",
		allow + rest + "contact: " + strings.Repeat("x", 257):  "s:4: contact is longer than 256 bytes or has control characters: write one short line",

		allow + "authorised_by: x\nvalid_until: 31.1.2027":  "s:3: valid_until \"31.1.2027\": not a date: fill in the last day, as `valid_until: 2027-01-31`, or a time, as 2027-01-31T18:00:00Z",
		allow + "authorised_by: x\nvalid_until: 2027-02-30": "s:3: valid_until \"2027-02-30\": not a date: fill in the last day, as `valid_until: 2027-01-31`, or a time, as 2027-01-31T18:00:00Z",
		allow + "authorised_by: x\nvalid_until:":            "s:3: valid_until \"\": not a date: fill in the last day, as `valid_until: 2027-01-31`, or a time, as 2027-01-31T18:00:00Z",
		allow + rest + "max_rate: -5":                       "s:4: max_rate \"-5\": not a rate: write packets a second as a whole number, as `max_rate: 1000`, or leave the line out",
		allow + rest + "max_rate: 0":                        "s:4: max_rate \"0\": not a rate: write packets a second as a whole number, as `max_rate: 1000`, or leave the line out",
		allow + rest + "max_rate: 1e4":                      "s:4: max_rate \"1e4\": not a rate: write packets a second as a whole number, as `max_rate: 1000`, or leave the line out",
		allow + rest + "max_rate: [1]":                      "s:4: max_rate \"\": not a rate: write packets a second as a whole number, as `max_rate: 1000`, or leave the line out",
		strings.Repeat("#", maxScopeFile+1):                 "s: larger than 1048576 bytes: write neighbouring addresses as CIDRs",
	} {
		if _, err := ParseScope([]byte(text), "s"); errorText(err) != want {
			t.Errorf("%.60q: got\n%v\nwant\n%s", text, err, want)
		}
	}
}

func TestScopeReportsAtMostTen(t *testing.T) {
	_, err := ParseScope([]byte("allow:\n"+strings.Repeat("- x\n", 20)), "s")
	if lines := strings.Split(errorText(err), "\n"); len(lines) != 11 || lines[10] != "and 12 more" {
		t.Errorf("%d lines:\n%v", len(lines), err)
	}
}

func TestTemplate(t *testing.T) {
	text, err := Template([]string{"203.0.113.0/25", "203.0.113.128-255", "2001:db8::/32", "2001:db9::1", "198.51.100.7"}, testTime)
	if err != nil {
		t.Fatal(err)
	}
	want := "allow:\n  - 198.51.100.7/32\n  - 203.0.113.0/24\n  - 2001:db8::/32\n  - 2001:db9::1/128\n"
	if !strings.Contains(text, want) {
		t.Errorf("no\n%s\nin\n%s", want, text)
	}
	line := 1 + strings.Count(text[:strings.Index(text, "\nauthorised_by")+1], "\n")
	_, err = ParseScope([]byte(text), "s")
	if want := fmt.Sprintf("s:%d: authorised_by is empty: fill in who gave the permission, as `authorised_by: Jane Doe, CISO`", line); errorText(err) != want {
		t.Errorf("unfilled: %v, want %s", err, want)
	}
	filled := strings.Replace(text, `authorised_by: ""`, `authorised_by: "Jane Doe"`, 1)
	filled = strings.Replace(filled, "#  - 192.0.2.10", "  - 203.0.113.9", 1)
	filled = strings.Replace(filled, "# max_rate", "max_rate", 1)
	if s := mustScope(t, strings.Replace(filled, "max_rate: 1000", "max_rate:", 1)); s.MaxRate != 0 {
		t.Errorf("max_rate without a value is %d", s.MaxRate)
	}
	s := mustScope(t, filled)
	if got := s.ValidUntil.Format(time.DateOnly); got != "2027-02-19" {
		t.Errorf("valid until %s", got)
	}
	if s.MaxRate != 1000 || s.Deny.Len() != 1 {
		t.Errorf("%+v", s)
	}
}

func TestTemplateRefuses(t *testing.T) {
	for want, ranges := range map[string][]string{
		"scope: no ranges: write those that you own, as `memsweep scope init 198.51.100.0/24`": nil,
		"scope range \"198.51.100.7/24\": host bits are set: write 198.51.100.0/24 for the network or 198.51.100.7 for the host\n" +
			`scope range "cache1": a host name, whose meaning others can change: write its addresses`: {"198.51.100.7/24", "cache1"},
	} {
		if _, err := Template(ranges, testTime); errorText(err) != want {
			t.Errorf("%v: %v", ranges, err)
		}
	}
}
