package report

import (
	"strings"
	"testing"

	"github.com/memsweep/memsweep/exposure"
)

// TestTextShowsVulnerabilities: the short form counts them, the long one lists
// each, and both say what a version string is worth.
func TestTextShowsVulnerabilities(t *testing.T) {
	t.Parallel()
	x := nothing()
	h := hosts()[0]
	for i := range h.Observations {
		h.Observations[i].Version = ptr("1.4.15")
		h.Observations[i].Stats = nil
	}
	x.findings = []exposure.Finding{exposure.Judge(h, x.header.Sweep.Vantage)}
	brief, long := string(x.write(t, "text", Options{})), string(x.write(t, "text", Options{Verbose: true}))
	for _, text := range []string{brief, long} {
		if !strings.Contains(text, "mend it without changing it") {
			t.Errorf("the caveat is missing in\n%s", text)
		}
	}
	if !strings.Contains(brief, "CVEs of 1.4.15: 1 affected, ") || !strings.Contains(brief, "CVE-2016-8704, CVSS 9.8 (v3.0), possible") || strings.Contains(brief, "CVE-2017-9951") {
		t.Errorf("short form:\n%s", brief)
	}
	for _, want := range []string{
		"Release: 1.4.15, UDP on by default, end of life.",
		"CVE-2017-9951: possible, CVSS 7.5 (v3.0): ",
		"Affects from 1.4.0 to before 1.4.39, over the binary protocol; fixed in 1.4.39. https://nvd.nist.gov/vuln/detail/CVE-2017-9951",
	} {
		if !strings.Contains(long, want) {
			t.Errorf("%q is missing in\n%s", want, long)
		}
	}
	if row := string(x.write(t, "csv", Options{})); !strings.Contains(row, ",1.4.15,on,true,") || !strings.Contains(row, "; CVE-2016-8704 possible 9.8 (v3.0);") {
		t.Errorf("csv:\n%s", row)
	}
}
