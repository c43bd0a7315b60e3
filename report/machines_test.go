package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/memsweep/memsweep/exposure"
)

// machines are the formats that other programs read.
func machines() []string {
	return []string{"sarif", "shadowserver", "defectdojo", "nmap", "prometheus"}
}

// TestUnfinishedIsSeen: in every format a sweep that did not ask everything
// looks different, with and without findings; so does one that nobody finished.
func TestUnfinishedIsSeen(t *testing.T) {
	t.Parallel()
	said := map[string]string{
		"sarif": `"executionSuccessful": false`, "defectdojo": `"vuln_id_from_tool": "sweep-incomplete"`,
		"nmap": ` exit="error" errormsg="`, "prometheus": `memsweep_sweep_complete{vantage="office"} 0`,
	}
	for name, change := range map[string]func(*Summary){
		"interrupted":      func(s *Summary) { s.Status = exposure.Interrupted },
		"not scanned":      func(s *Summary) { s.Coverage.Outcomes.NotScanned = 5 },
		"coverage unknown": func(s *Summary) { *s = cutOff() },
	} {
		for _, x := range []fixture{whole(), nothing()} {
			before := map[string][]byte{}
			for _, format := range machines() {
				before[format] = x.write(t, format, Options{})
				if words := said[format]; words != "" && bytes.Contains(before[format], []byte(words)) {
					t.Errorf("%s: a whole sweep says %s", format, words)
				}
			}
			change(&x.summary)
			for _, format := range machines() {
				got := x.write(t, format, Options{})
				if bytes.Equal(got, before[format]) || !bytes.Contains(got, []byte(said[format])) {
					t.Errorf("%s, %s, %d findings: nothing says that it is unfinished\n%s", name, format, len(x.findings), got)
				}
				if format != "shadowserver" {
					continue
				}
				if len(x.findings) == 0 && len(got) > 0 {
					t.Errorf("%s: a header alone reads as an all-clear: %s", name, got)
				}
				if n := bytes.Count(got, []byte(";"+tagIncomplete)); len(x.findings) > 0 && n != len(shadowserverRows(t, got)) {
					t.Errorf("%s: %d rows say that the sweep is incomplete\n%s", name, n, got)
				}
			}
		}
	}
}

// TestJustifiedIsMarked: what the policy allows is there, and marked.
func TestJustifiedIsMarked(t *testing.T) {
	t.Parallel()
	x := held()
	x.findings[0].Vulnerabilities = []exposure.Vulnerability{
		{ID: "CVE-1", Certainty: exposure.Affected, Title: "an overflow"}, {ID: "CVE-2", Certainty: exposure.Possible, Title: "a crash"},
	}
	allowed := map[string]bool{}
	for _, f := range x.findings {
		allowed[f.ID] = f.Policy.Justified
	}
	for _, r := range sarifRun(t, x.write(t, "sarif", Options{})).Results {
		if suppressed := len(r.Suppressions) == 1 && r.Suppressions[0].Status == "accepted"; suppressed != allowed[r.Properties.ID] {
			t.Errorf("sarif: %s: suppressions %v", r.RuleID, r.Suppressions)
		}
	}
	for _, f := range dojoFindings(t, x.write(t, "defectdojo", Options{})) {
		if f.Active == allowed[f.UniqueID] || f.RiskAccepted != allowed[f.UniqueID] {
			t.Errorf("defectdojo: %+v", f)
		}
		if f.UniqueID != x.findings[0].ID {
			continue
		}
		if !strings.Contains(f.Justification, "Jane Doe until 2026-12-31") || !slices.Equal(f.Vulnerabilities, []string{"CVE-1"}) {
			t.Errorf("defectdojo: %q, %v: what is only possible is no fact", f.Justification, f.Vulnerabilities)
		}
	}
	for format, want := range map[string]string{
		"nmap":         `<elem key="justified">true</elem>`,
		"shadowserver": ",memcached;justified,",
		"prometheus":   `memsweep_findings{vantage="office",severity="info",justified="true"} 2`,
	} {
		if got := x.write(t, format, Options{}); !bytes.Contains(got, []byte(want)) {
			t.Errorf("%s: %s is not in\n%s", format, want, got)
		}
	}
}

// everything is every fixture, and one in which each string is hostile.
func everything() []fixture {
	return []fixture{whole(), interrupted(), nothing(), held(), hostile("[a](http://x.example) {0} \x1b[2J<&\">'=1\xff\u202e\n*b*")}
}

// checkMachines: however hostile the text, the documents stay what they are.
func checkMachines(t *testing.T, x fixture) {
	t.Helper()
	for _, format := range []string{"sarif", "defectdojo"} {
		checkJSON(t, x.write(t, format, Options{}))
	}
	checkCSV(t, x.write(t, "shadowserver", Options{}))
	checkText(t, x.write(t, "prometheus", Options{}))
	exposition(t, x.write(t, "prometheus", Options{}))
	doc := x.write(t, "nmap", Options{})
	checkText(t, doc)
	for d := xml.NewDecoder(bytes.NewReader(doc)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v\n%s", err, doc)
		}
	}
}
