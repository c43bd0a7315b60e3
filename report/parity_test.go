package report

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/memsweep/memsweep/exposure"
)

// shown is what every format must show of a finding.
type shown struct{ ID, IP, Verdict, Severity string }

// extractors read findings back out of a document, one for each format.
func extractors() map[string]func(*testing.T, []byte) []shown {
	return map[string]func(*testing.T, []byte) []shown{
		"json":  shownInJSON,
		"jsonl": shownInJSONL,
		"csv":   shownInCSV,
		"text":  shownInText,

		"sarif":        shownInSARIF,
		"shadowserver": shownInShadowserver,
		"defectdojo":   shownInDefectDojo,
		"nmap":         shownInNmap,
		"prometheus":   shownInPrometheus,
		"html":         shownInHTML,
		"markdown":     shownInMarkdown,
	}
}

func TestFormatsShowTheSameFindings(t *testing.T) {
	t.Parallel()
	var names []string
	for _, f := range All() {
		names = append(names, f.Name)
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(names)), slices.Sorted(maps.Keys(extractors()))); diff != "" {
		t.Fatalf("formats and extractors differ: a new format needs one here\n%s", diff)
	}
	for _, x := range []fixture{whole(), interrupted(), nothing(), held()} {
		var want []shown
		for _, f := range x.findings {
			want = append(want, shown{f.ID, f.IP.String(), string(f.Verdict), string(f.Severity)})
		}
		sorted(want)
		for name, extract := range extractors() {
			for _, width := range []int{0, 60, 100, 140} {
				got := sorted(extract(t, x.write(t, name, Options{Width: width, Verbose: true})))
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s, width %d: (-findings +shown)\n%s", name, width, diff)
				}
			}
		}
	}
}

// TestFormatsShowThePolicy: who answers, why and until when, and what does not
// hold, stands in every format.
func TestFormatsShowThePolicy(t *testing.T) {
	t.Parallel()
	for _, f := range All() {
		if f.Name == "shadowserver" || f.Name == "prometheus" {
			continue // no room for words: TestJustifiedIsMarked
		}
		doc := string(held().write(t, f.Name, Options{Verbose: true}))
		for _, want := range []string{
			"Jane Doe", "billing, SEC-42", "2026-12-31", "policy.yaml:12", "=Ada()", "a test bed", "2026-04-30",
			"policy.yaml:21: expired after 2026-03-13", "Grace",
		} {
			if !strings.Contains(doc, want) {
				t.Errorf("%s does not show %s", f.Name, want)
			}
		}
		if want := fmt.Sprintf("%064x", 13); f.Name != "csv" && !strings.Contains(doc, want) {
			t.Errorf("%s does not name the policy", f.Name)
		}
	}
	text := string(held().write(t, "text", Options{}))
	for _, want := range []string{
		`INFO +192\.0\.2\.7 +reflector .*Justified by Jane Doe until 2026-12-31: billing, SEC-42 \(policy\.yaml:12\); without that it would be critical\.\n`,
		`INFO .*The policy expects "auth" here; without that it would be medium\.\n`,
		`(?s)\n192\.0\.2\.9:11211  critical, open.*asks for no credentials[^\n]*\n  - policy\.yaml:21: expired`,
		`\n192\.0\.2\.9  medium, justification  ms-00112233445566aa\n  - The justification of TCP port 11211 does not hold\.`,
		`\nHeld against policy policy\.yaml \(SHA-256 0+d\): 2 findings expected or justified\.\n`,
	} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("%s is not in\n%s", want, text)
		}
	}
}

func sorted(list []shown) []shown {
	slices.SortFunc(list, func(a, b shown) int { return strings.Compare(a.ID, b.ID) })
	return list
}

func shownInJSON(t *testing.T, doc []byte) []shown {
	var d struct{ Findings []shown }
	if err := json.Unmarshal(doc, &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Findings) == 0 {
		return nil
	}
	return d.Findings
}

func shownInJSONL(t *testing.T, doc []byte) []shown {
	var list []shown
	for line := range strings.Lines(string(doc)) {
		var d struct {
			Type string
			shown
		}
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			t.Fatal(err)
		}
		if d.Type == "finding" {
			list = append(list, d.shown)
		}
	}
	return list
}

func shownInCSV(t *testing.T, doc []byte) []shown {
	rows, err := csv.NewReader(strings.NewReader(string(doc))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(CSVColumns(), rows[0]); diff != "" {
		t.Fatalf("header (-columns +header)\n%s", diff)
	}
	column := func(name string) int { return slices.Index(rows[0], name) }
	var list []shown
	for _, r := range rows[1:] {
		list = append(list, shown{r[column("id")], r[column("ip")], r[column("verdict")], r[column("severity")]})
	}
	return list
}

var (
	tableLine  = regexp.MustCompile(`(?m)^(CRITICAL|HIGH|MEDIUM|LOW|INFO) +(\S+) +(\S+)`)
	detailLine = regexp.MustCompile(`(?m)^(\S+)(?: \(.*\))?  (\w+), (\S+)  (ms-[0-9a-f]{16})$`)
	portSuffix = regexp.MustCompile(`^(?:\[(.+)\]|([^:]+)):\d+$`)
)

func shownInText(t *testing.T, doc []byte) []shown {
	host := func(s string) string {
		if m := portSuffix.FindStringSubmatch(s); m != nil {
			return m[1] + m[2]
		}
		return s
	}
	var list []shown
	for _, m := range detailLine.FindAllStringSubmatch(string(doc), -1) {
		list = append(list, shown{m[4], host(m[1]), m[3], m[2]})
	}
	table := tableLine.FindAllStringSubmatch(string(doc), -1)
	if len(table) != len(list) {
		t.Fatalf("%d findings in the table, %d in detail", len(table), len(list))
	}
	for i, m := range table {
		if got := (shown{list[i].ID, host(m[2]), m[3], strings.ToLower(m[1])}); got != list[i] {
			t.Errorf("table %+v, detail %+v", got, list[i])
		}
	}
	return list
}

func TestTextIsWorstFirst(t *testing.T) {
	t.Parallel()
	x := whole()
	slices.Reverse(x.findings)
	var got []string
	for _, m := range tableLine.FindAllStringSubmatch(string(x.write(t, "text", Options{})), -1) {
		got = append(got, m[2])
	}
	want := []string{"192.0.2.7", "192.0.2.200", "192.0.2.9", "192.0.2.66", "2001:db8:0:1111:2222:3333:4444:5555"}
	if diff := cmp.Diff(want, got[:len(want)]); diff != "" {
		t.Errorf("the first findings (-want +got)\n%s", diff)
	}
}

func TestTextWithManyFindings(t *testing.T) {
	t.Parallel()
	x := whole()
	one := x.findings[0]
	x.findings = nil
	for range maxDetailed + 1 {
		x.findings = append(x.findings, one)
		one.IP = one.IP.Next()
	}
	brief := string(x.write(t, "text", Options{Width: 80}))
	if strings.Contains(brief, "Fix:") || !strings.Contains(brief, "too many") {
		t.Error("many findings are gone into one by one")
	}
	for line := range strings.Lines(brief[strings.Index(brief, "too many"):]) {
		if width(strings.TrimSuffix(line, "\n")) > 80 {
			t.Errorf("too wide: %s", line)
		}
	}
	for _, text := range []string{brief, string(whole().write(t, "text", Options{Width: 80}))} {
		if flat := strings.Join(strings.Fields(text), " "); !strings.Contains(flat, "`memsweep convert REPORT -v`") {
			t.Errorf("how to see the rest is not said in\n%s", text)
		}
	}
	if verbose := string(x.write(t, "text", Options{Verbose: true})); !strings.Contains(verbose, "Fix (csf):") {
		t.Error("a verbose text leaves fixes out")
	}
}

// TestSilenceIsNoProof: nothing answered, and somebody was silent.
func TestSilenceIsNoProof(t *testing.T) {
	t.Parallel()
	const silence = "Silence is not proof of absence: 12 endpoints did not answer at all.\n"
	x := nothing()
	if got := string(x.write(t, "text", Options{})); !strings.HasPrefix(got, "Nothing answered.\n"+silence) {
		t.Errorf("%q is missing in\n%s", silence, got)
	}
	x.summary.Coverage.Outcomes = exposure.Outcomes{Closed: 512}
	if got := string(x.write(t, "text", Options{})); strings.Contains(got, "Silence") {
		t.Errorf("everything was refused:\n%s", got)
	}
	if got := string(whole().write(t, "text", Options{})); strings.Contains(got, "Silence") {
		t.Errorf("something was found:\n%s", got)
	}
}

func TestTextSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*Summary)
		want   string
	}{
		"not scanned":      {func(s *Summary) { s.Coverage.Outcomes.NotScanned = 5 }, "NOT SCANNED: 5 endpoints"},
		"local errors":     {func(s *Summary) { s.Coverage.Outcomes.LocalError = 1 }, "NOT SCANNED: 1 endpoint,"},
		"interrupted":      {func(s *Summary) { s.Status = exposure.Interrupted }, "INTERRUPTED"},
		"incomplete":       {func(s *Summary) { s.Status = exposure.Incomplete }, "INCOMPLETE"},
		"unknown status":   {func(s *Summary) { s.Status = "" }, "INCOMPLETE"},
		"coverage unknown": {func(s *Summary) { *s = cutOff() }, "COVERAGE UNKNOWN"},
		"problem":          {func(s *Summary) { s.Problems = []string{"a \x1b problem"} }, `a \x1b problem`},
	} {
		x := nothing()
		if got := string(x.write(t, "text", Options{})); !strings.HasPrefix(got, "Nothing answered.\n") || strings.Contains(got, "!!") {
			t.Errorf("an all-clear looks alarming:\n%s", got)
		}
		tt.change(&x.summary)
		got := string(x.write(t, "text", Options{}))
		if !strings.Contains(got, "!!  ") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q is missing in\n%s", name, tt.want, got)
		}
		if name != "problem" && strings.HasPrefix(got, "Nothing answered.\n") {
			t.Errorf("%s: passes for an all-clear\n%s", name, got)
		}
	}
}
