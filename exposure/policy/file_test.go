package policy

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/memsweep/memsweep/exposure"
)

// good is a policy with one of everything.
const good = `# ours
expect:
  - range: 10.0.0.0/8
    trusted: open
    semi-trusted: auth
  - range: 10.1.0.0/16 # the exception
    trusted: none
  - range: "2001:db8::/32"
    trusted: udp
justifications:
  - match:
      cidr: 192.0.2.0/24
      port: 11211
      transport: tcp
      vantages: [office, internet]
    constraints:
      auth: required
      tls: true
    owner: Jane Doe
    reason: billing, SEC-42
    created: 2026-01-01
    expires: 2026-12-31
  - match: {cidr: "2001:db8:1::7", port: 11211, transport: udp, vantages: [internet]}
    constraints: {max_amplification: 10.5}
    owner: Ada
    reason: a test bed
    created: 2026-01-01
    expires: 2027-02-05
`

func parsed(t testing.TB, text string) *Policy {
	t.Helper()
	p, err := Parse([]byte(text), "p.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "p.yaml")
	if err := os.WriteFile(path, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if p.Path != path || p.SHA256 != fmt.Sprintf("%x", sha256.Sum256([]byte(good))) || p.Ranges() != 3 || p.Justifications() != 2 {
		t.Errorf("%+v", p)
	}
	if _, err := Read(path + ".missing"); err == nil || !strings.HasPrefix(err.Error(), "policy: open ") {
		t.Error(err)
	}
	if _, err := Read(filepath.Dir(path)); err == nil {
		t.Error("read a directory")
	}
}

// TestParseRefuses: mistakes of the file, after which nothing is sent.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const none = "justifications: []\n"
	justified := func(match string) string { return "expect: []\njustifications:\n- match: " + match + "\n  owner: x\n" }
	for text, want := range map[string]string{
		"":             "p:1: nothing in it: write one with `memsweep policy init REPORT`",
		"- a\n":        "p:1: not a policy: write lines of the form `key: value`, as `memsweep policy init REPORT` does",
		"expect: [\n":  "p:1: not YAML (\"did not find expected node content\"): write it as `memsweep policy init REPORT` does",
		"\texpect: []": "p:1: not YAML (\"found character that cannot start any token\"): write it as `memsweep policy init REPORT` does",

		"expect: []\n" + none + "---\nexpect: []\n": "p:3: a second document: write one policy a file",
		"expect: []\njustifications: []":            "p:2: the last line has no end, as if the file had been cut off: end it with a newline",
		"expect: []\n":                              "p:1: justifications is missing: write `justifications: []` if there are none, so that a file that was cut off is not taken for a whole one",
		none:                                        "p:1: expect is missing: write `expect: []` if there are none, so that a file that was cut off is not taken for a whole one",
		none + "expect: []\n":                       "p:2: expect stands after justifications: write it before them, so that a file that was cut off is not taken for a whole one",
		"expect: []\n" + none + "expcet: []\n":      `p:3: unknown key "expcet": write one of expect, justifications`,
		"expect: []\n" + none + none:                `p:3: "justifications" stands twice: write it once`,
		"expect: 10.0.0.0/8\n" + none:               "p:1: expect is not a list: write each an expectation as `- range: 10.0.0.0/8`",
		"expect: [10.0.0.0/8]\n" + none:             "p:1: expect: not a mapping: write an expectation as `- range: 10.0.0.0/8`",
		"expect: &a []\njustifications: *a\n":       "p:2: justifications is not a list: write each a justification as `- match: {…}`",

		"expect:\n- trusted: open\n" + none:                                                                       "p:2: range is missing: write the CIDR that this is about, as `range: 10.0.0.0/8`",
		"expect:\n- range: 10.0.0.0/8\n" + none:                                                                   "p:2: nothing is expected: write what may be reached from where, as `trusted: auth`",
		"expect:\n- range: 10.0.0.7/8\n  trusted: open\n" + none:                                                  `p:2: range "10.0.0.7/8": host bits are set: write 10.0.0.0/8 for the network or 10.0.0.7 for the host`,
		"expect:\n- range: [10.0.0.0/8]\n  trusted: open\n" + none:                                                "p:2: range: not a CIDR: write one, in quotes, as `range: \"2001:db8::/32\"`",
		"expect:\n- range: fe80::1%eth0\n  trusted: open\n" + none:                                                `p:2: range "fe80::1%eth0": a zone: a report must mean the same on every machine: write the address without % and what follows`,
		"expect:\n- range: cache1\n  trusted: open\n" + none:                                                      `p:2: range "cache1": a host name, whose meaning others can change: write its address`,
		"expect:\n- range: ::1\n  trusted: all\n" + none:                                                          `p:3: trusted "all": write one of none, auth, open, udp`,
		"expect:\n- range: ::1\n  trusted: [open]\n" + none:                                                       `p:3: trusted "": write one of none, auth, open, udp`,
		"expect:\n- range: ::1\n  trusted: open\n  trusted: none\n" + none:                                        `p:4: "trusted" stands twice: write it once`,
		"expect:\n- range: ::1\n  trusted: open\n  from: none\n" + none:                                           `p:4: unknown key "from": write one of range, trusted, semi-trusted, untrusted`,
		"expect:\n- range: ::1\n  <<: {trusted: udp}\n  trusted: open\n" + none:                                   `p:3: unknown key "<<": write one of range, trusted, semi-trusted, untrusted`,
		"expect:\n- {range: 10.0.0.0/8, trusted: open}\n- {range: '::ffff:10.0.0.0/104', trusted: none}\n" + none: "p:3: range 10.0.0.0/8 stands in line 2 already: write one expectation a range",

		"expect: []\njustifications:\n- owner: x\n":                                                  "p:3: match is missing: write which endpoint is justified, as `match: {cidr: 192.0.2.7, port: 11211, transport: tcp, vantages: [office]}`",
		justified("10.0.0.1"):                                                                        "p:3: match is not a mapping: write it as `match: {cidr: 192.0.2.7, port: 11211, transport: tcp, vantages: [office]}`",
		justified("{port: 11211, transport: tcp, vantages: [a]}"):                                    "p:3: match: cidr is missing: write all of cidr, port, transport, vantages",
		justified("{cidr: 10.0.0.1, port: 0, transport: tcp, vantages: [a]}"):                        `p:3: port "0": write a number from 1 to 65535`,
		justified("{cidr: 10.0.0.1, port: 65536, transport: tcp, vantages: [a]}"):                    `p:3: port "65536": write a number from 1 to 65535`,
		justified("{cidr: 10.0.0.1, port: 11211, transport: TCP, vantages: [a]}"):                    `p:3: transport "TCP": write one of tcp, udp`,
		justified("{cidr: 10.0.0.1, port: 11211, transport: tcp, vantages: []}"):                     "p:3: vantages: write the names of the vantages that may reach it, as `vantages: [office]`",
		justified("{cidr: 10.0.0.1, port: 11211, transport: tcp, vantages: a}"):                      "p:3: vantages: write the names of the vantages that may reach it, as `vantages: [office]`",
		justified("{cidr: 10.0.0.1, port: 11211, transport: tcp, vantages: [a, '']}"):                "p:3: vantages: write the names of the vantages that may reach it, as `vantages: [office]`",
		justified("{cidr: 10.0.0.1, port: 11211, transport: tcp, vantages: [a], a: b}"):              `p:3: unknown key "a": write one of cidr, port, transport, vantages`,
		justified("{cidr: 10.0.0.1, port: 1, transport: tcp, vantages: [a]}\n  onwer: x"):            `p:4: unknown key "onwer": write one of match, constraints, owner, reason, created, expires`,
		justified("{cidr: 10.0.0.1, port: 1, transport: tcp, vantages: [a]}\n  constraints: {a: 1}"): `p:4: unknown key "a": write one of auth, tls, max_amplification`,
		justified("{cidr: 10.0.0.1, port: 1, transport: tcp, vantages: [a]}\n  owner: x"):            `p:5: "owner" stands twice: write it once`,
		"expect: []\njustifications: [" + strings.Repeat("x, ", 12) + "]\n":                          strings.Repeat("p:2: justifications: not a mapping: write a justification as `- match: {…}`\n", 10) + "and 2 more",
		strings.Repeat("#", maxFile) + "\n":                                                          fmt.Sprintf("p: larger than %d bytes: write neighbouring addresses as CIDRs", maxFile),
	} {
		if _, err := Parse([]byte(text), "p"); errorText(err) != want {
			t.Errorf("%.90q: got\n%v\nwant\n%s", text, err, want)
		}
	}
}

// TestFlaws: mistakes of one justification, which then holds for nothing.
func TestFlaws(t *testing.T) {
	t.Parallel()
	for change, want := range map[[2]string]string{
		{"", ""}:                                               "",
		{"    owner: Jane Doe\n", ""}:                          "p.yaml:11: owner is missing: fill in who answers for it, as `owner: Jane Doe`",
		{"owner: Jane Doe", "owner: TODO"}:                     "p.yaml:19: owner is \"TODO\": fill in who answers for it, as `owner: Jane Doe`",
		{"owner: Jane Doe", "owner: ' todo: ask'"}:             "p.yaml:19: owner is \"todo: ask\": fill in who answers for it, as `owner: Jane Doe`",
		{"owner: Jane Doe", "owner: Todorov"}:                  "",
		{"owner: Jane Doe", "owner:"}:                          "p.yaml:19: owner is empty: fill in who answers for it, as `owner: Jane Doe`",
		{"owner: Jane Doe", "owner: [Jane]"}:                   "p.yaml:19: owner is not text: write it on one line, in quotes",
		{"owner: Jane Doe", "owner: \"\\e[2J\""}:               "p.yaml:19: owner is longer than 256 bytes or has control characters: write one short line",
		{"reason: billing, SEC-42", "reason: TODO"}:            "p.yaml:20: reason is \"TODO\": fill in why it has to be, as `reason: billing reads it, SEC-42`",
		{"created: 2026-01-01", "created: 2026-1-1"}:           "p.yaml:21: created \"2026-1-1\": not a day: fill in the day of the decision, as `created: 2027-01-31`",
		{"created: 2026-01-01", "created: 2026-11-22"}:         "p.yaml:11: created 2026-11-22 is in the future (UTC): fill in the day of the decision, as `created: 2027-01-31`",
		{"created: 2026-01-01", "created: 2026-11-21"}:         "",
		{"expires: 2026-12-31", "expires: 2026-02-30"}:         "p.yaml:22: expires \"2026-02-30\": not a day: fill in the last day, at most 400 days after created, as `expires: 2027-04-30`",
		{"expires: 2026-12-31", "expires: 2025-12-31"}:         "p.yaml:11: expires 2025-12-31 is before created 2026-01-01: fill in the last day, at most 400 days after created, as `expires: 2027-04-30`",
		{"expires: 2026-12-31", "expires: 2026-11-20"}:         "p.yaml:11: expired after 2026-11-20 (UTC): close what it is for, or have it decided anew",
		{"expires: 2026-12-31", "expires: 2026-11-21"}:         "",
		{"expires: 2026-12-31", "expires: 2027-02-05"}:         "",
		{"expires: 2026-12-31", "expires: 2027-02-06"}:         "p.yaml:11: expires 2027-02-06 is more than 400 days after created 2026-01-01: write 2027-02-05 at most, and have it decided anew then",
		{"      tls: true\n", ""}:                              "p.yaml:11: constraints lack auth or tls: write both, as `constraints: {auth: required, tls: true}`, or none and false for a server that has neither",
		{"tls: true", "tls: yes"}:                              "p.yaml:18: tls \"yes\": write one of true, false",
		{"auth: required", "auth: any"}:                        "p.yaml:17: auth \"any\": write one of none, required, ascii, sasl, cert",
		{"tls: true", "tls: true\n      max_amplification: 1"}: "p.yaml:11: constraints: max_amplification is for udp: leave it out",
		{"{max_amplification: 10.5}", "{}"}:                    "p.yaml:23: constraints lack max_amplification: write how much may come back at most, as `constraints: {max_amplification: 10}`",
		{"{max_amplification: 10.5}", "~"}:                     "p.yaml:24: constraints are no mapping: write what the server promises, as `constraints: {auth: required, tls: true}`, or `constraints: {max_amplification: 10}` for udp\np.yaml:23: constraints lack max_amplification: write how much may come back at most, as `constraints: {max_amplification: 10}`",
		{"10.5", "NaN"}:                                        "p.yaml:24: max_amplification \"NaN\": write the largest factor (BAF) as a number, as `max_amplification: 10`\np.yaml:23: constraints lack max_amplification: write how much may come back at most, as `constraints: {max_amplification: 10}`",
		{"10.5}", "10.5, tls: true}"}:                          "p.yaml:23: constraints: tls does not exist over udp: leave it out",
	} {
		text := strings.Replace(good, change[0], change[1], 1)
		if _, err := parsed(t, text).Review(today); errorText(err) != want {
			t.Errorf("%q: got\n%v\nwant\n%s", change, err, want)
		}
	}
}

// TestLeapYears: 400 days are days, whatever the calendar does.
func TestLeapYears(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ created, last, after string }{
		{"2023-02-28", "2024-04-03", "2024-04-04"},
		{"2024-02-29", "2025-04-04", "2025-04-05"},
		{"2023-12-31", "2025-02-03", "2025-02-04"},
	} {
		for expires, fine := range map[string]bool{tt.last: true, tt.after: false} {
			text := strings.Replace(good, "created: 2026-01-01\n    expires: 2026-12-31", "created: "+tt.created+"\n    expires: "+expires, 1)
			if flaw := parsed(t, text).justified[0].flaw; (flaw == nil) != fine {
				t.Errorf("%s to %s: %v", tt.created, expires, flaw)
			}
		}
	}
}

func TestReviewWarns(t *testing.T) {
	t.Parallel()
	p := parsed(t, good)
	for day, want := range map[string]int{"2026-11-30": 0, "2026-12-01": 1, "2026-12-31": 1} {
		warnings, err := p.Review(noon(day))
		if len(warnings) != want || err != nil {
			t.Errorf("%s: %q, %v", day, warnings, err)
		}
	}
	warnings, _ := p.Review(noon("2026-12-21"))
	if want := "p.yaml:11: expires after 2026-12-31, 10 days left: ask Jane Doe whether it is still needed"; len(warnings) != 1 || warnings[0] != want {
		t.Errorf("%q, want %q", warnings, want)
	}
	if day, source := p.Next(today); day != "2026-12-31" || source != "p.yaml:11" {
		t.Errorf("next %s %s", day, source)
	}
	if day, _ := p.Next(noon("2027-01-01")); day != "2027-02-05" {
		t.Errorf("next %s", day)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("expect: &a [*a]\n"))
	f.Add([]byte("expect: [{range: '::ffff:0:0/96', trusted: udp}]\njustifications: []\n"))
	f.Add([]byte("expect:\njustifications:\n- match: {cidr: 0.0.0.0/0, port: 1, transport: udp, vantages: [\"\\u202e\"]}\n  owner: [x]\n  created: 0000-01-01\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse(data, "p")
		for line := range strings.SplitSeq(errorText(err), "\n") {
			if err != nil && (line == "" || strings.ContainsFunc(line, func(c rune) bool { return !unicode.IsPrint(c) })) {
				t.Fatalf("an error with an empty line or unprintable characters: %q", err)
			}
		}
		if err != nil {
			if !strings.HasPrefix(err.Error(), "p:") {
				t.Fatalf("an error without the file: %v", err)
			}
			return
		}
		for _, f := range everyFinding() {
			f.Severity = withoutPolicy(f, internet) // some were seen from a place that is trusted more
			judged := p.Judge(f, internet, today)
			if len(judged) == 0 || judged[0].Policy == nil || judged[0].Policy.Severity != f.Severity {
				t.Fatalf("%+v", judged)
			}
			switch s := judged[0].Policy; {
			case !s.Justified && judged[0].Severity != f.Severity:
				t.Fatalf("milder, and not justified: %+v", judged[0])
			case s.Justified && s.By == nil && !allowedByRanges(p, f, internet):
				t.Fatalf("nobody answers for it: %+v", s)
			case s.Justified && s.By != nil:
				answeredFor(t, *s.By)
			}
		}
		p.Review(today)
	})
}

// answeredFor checks that somebody does answer, today.
func answeredFor(t *testing.T, j exposure.Justification) {
	t.Helper()
	created, err := time.Parse(time.DateOnly, j.Created)
	expires, err2 := time.Parse(time.DateOnly, j.Expires)
	if err != nil || err2 != nil || created.After(today) || expires.Before(today.Truncate(24*time.Hour)) || expires.Sub(created) > 400*24*time.Hour {
		t.Fatalf("from %s until %s", j.Created, j.Expires)
	}
	if j.Owner == "" || j.Reason == "" || strings.EqualFold(j.Owner, "todo") || strings.EqualFold(j.Reason, "todo") {
		t.Fatalf("%q because of %q", j.Owner, j.Reason)
	}
}
