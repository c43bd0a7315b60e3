package report

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

const (
	sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	homepage    = "https://github.com/memsweep/memsweep"
)

// sarifWriter writes a SARIF 2.1.0 log of one run. A sweep that did not ask
// everything is an invocation that failed, with a notification for each reason;
// what the owner's policy justifies is a suppressed result.
type sarifWriter struct {
	w       io.Writer
	header  Header
	results shelf
	kinds   map[kind]bool
}

func newSARIF(w io.Writer, _ Options) Writer { return &sarifWriter{w: w, kinds: map[kind]bool{}} }

func (s *sarifWriter) Begin(h Header) error {
	s.header = h
	return nil
}

func (s *sarifWriter) Finding(f exposure.Finding) error {
	s.kinds[kind{f.Verdict, f.Severity}] = true
	return s.results.put(&f, sarifResultOf(&f))
}

func (s *sarifWriter) End(sum Summary) error {
	defer s.results.close()
	b := bufio.NewWriter(s.w) // keeps the first error; Flush returns it
	fmt.Fprintf(b, "{\n  \"version\": \"2.1.0\",\n  \"$schema\": %q,\n  \"runs\": [\n    {\n", sarifSchema)
	for _, m := range []struct {
		name  string
		value any
	}{
		{"tool", sarifTool{s.driver()}},
		{"automationDetails", sarifAutomation{s.category()}},
		{"invocations", []sarifInvocation{s.invocation(sum)}},
	} {
		line, err := encode(m.value)
		if err != nil {
			return fmt.Errorf("write sarif: %s: %w", m.name, err)
		}
		fmt.Fprintf(b, "      %q: %s,\n", m.name, indent(line, "      "))
	}
	b.WriteString(`      "results": `)
	if err := s.results.array(b, "      "); err != nil {
		return err
	}
	b.WriteString("\n    }\n  ]\n}\n")
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write sarif: %w", err)
	}
	return nil
}

// driver lists a rule for each kind of finding in the run. GitHub takes the
// severity of an alert from its rule, so the same verdict has a rule for each
// severity that it was given.
func (s *sarifWriter) driver() sarifDriver {
	d := sarifDriver{
		Name: exposure.Escape(s.header.Tool.Name), Version: exposure.Escape(s.header.Tool.Version),
		InformationURI: homepage, Rules: []sarifRule{},
	}
	for _, k := range slices.SortedFunc(maps.Keys(s.kinds), urgency) {
		d.Rules = append(d.Rules, sarifRuleOf(k))
	}
	return d
}

// category keeps the runs of several vantages apart: GitHub takes what stands
// before the last slash for the category of an upload.
func (s *sarifWriter) category() string {
	part := func(text string) string { return strings.ReplaceAll(exposure.Escape(text), "/", "_") }
	return "memsweep/" + part(s.header.Sweep.Vantage.Name) + "/" + part(s.header.Sweep.ID)
}

func (s *sarifWriter) invocation(sum Summary) sarifInvocation {
	i := sarifInvocation{
		ExecutionSuccessful: proven(sum),
		StartTimeUTC:        s.header.Sweep.Started.UTC().Truncate(time.Millisecond),
		Notifications:       []sarifNotification{},
		Properties:          sarifSweep{Vantage: exposure.Escape(s.header.Sweep.Vantage.Name), Trust: exposure.Escape(string(s.header.Sweep.Vantage.Trust)), Status: exposure.Escape(string(sum.Status)), Policy: s.header.Policy, Coverage: knownCoverage(sum.Coverage)},
	}
	if c := i.Properties.Coverage; c != nil {
		c.Fates = nil // what became of single addresses is for those that compare reports
	}
	if end := known(sum.Finished); end != nil {
		*end = end.Truncate(time.Millisecond)
		i.EndTimeUTC = end
	}
	level := "error"
	if i.ExecutionSuccessful {
		level = "warning"
	}
	for _, a := range alarms(sum, knownCoverage(sum.Coverage)) {
		i.Notifications = append(i.Notifications, sarifNotification{level, sarifText{sarifEscape(a)}})
	}
	return i
}

func sarifResultOf(f *exposure.Finding) sarifResult {
	r := sarifResult{
		RuleID: sarifRuleID(kind{f.Verdict, f.Severity}), Level: sarifLevel(f.Severity),
		Message: sarifText{sarifMessage(f)}, Locations: sarifLocations(f), Suppressions: []sarifSuppression{},
		Fingerprints: map[string]string{
			"memsweepFindingId/v1": exposure.Escape(f.ID),
			// The one that GitHub looks at; it would compute it from a source file.
			"primaryLocationLineHash": strings.TrimPrefix(exposure.Escape(f.ID), "ms-") + ":1",
		},
		Properties: sarifFinding{
			ID: exposure.Escape(f.ID), IP: plain(f.IP), Names: escaped(f.Names), Verdict: exposure.Escape(string(f.Verdict)),
			Severity: exposure.Escape(string(f.Severity)), Version: exposure.Escape(knownVersion(f)), Policy: f.Policy,
		},
	}
	for _, v := range f.Vulnerabilities {
		r.Properties.Vulnerabilities = append(r.Properties.Vulnerabilities, exposure.Escape(v.ID+" ("+string(v.Certainty)+")"))
	}
	if justified(f) {
		r.Suppressions = append(r.Suppressions, sarifSuppression{"external", "accepted", standing(f)})
	}
	return r
}

// sarifMessage is why, and how to close it, as plain text.
func sarifMessage(f *exposure.Finding) string {
	lines := []string{wordingOf(f.Verdict).title + ": " + whereabouts(f)}
	lines = append(lines, escaped(withPolicy(f))...)
	if len(f.Fix) > 0 {
		lines = append(append(lines, "Fix: "+exposure.Escape(f.Fix[0].Title)), indented(f.Fix[0].Lines)...)
	}
	return sarifEscape(strings.Join(lines, "\n"))
}

// sarifEscape keeps text from being read as a link or a placeholder (SARIF
// 2.1.0, 3.11.5 and 3.11.6).
func sarifEscape(text string) string { return sarifEscapes.Replace(text) }

var sarifEscapes = strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, "{", "{{", "}", "}}")

// sarifLocations point at a file for each exposed endpoint. There is no such
// file: GitHub wants one, by a relative path and with a line.
func sarifLocations(f *exposure.Finding) []sarifLocation {
	at := func(name, file string) sarifLocation {
		return sarifLocation{
			sarifPhysical{sarifArtifact{"exposure/" + file}, sarifRegion{1}},
			[]sarifLogical{{Name: name, Kind: "endpoint"}},
		}
	}
	host := strings.ReplaceAll(plain(f.IP), ":", "-")
	var list []sarifLocation
	for _, o := range exposed(f) {
		list = append(list, at(endpointName(f.IP, o), host+"_"+strconv.Itoa(int(o.Port))+"_"+pathWord(string(o.Transport))))
	}
	if list == nil {
		list = append(list, at(plain(f.IP), host))
	}
	return list
}

// pathWord makes a word safe in a path that others resolve.
func pathWord(word string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, word)
}

// sarifRuleID is the same for the same verdict and severity, in every run.
func sarifRuleID(k kind) string {
	return "memcached/" + pathWord(string(k.verdict)) + "/" + pathWord(string(k.severity))
}

func sarifRuleOf(k kind) sarifRule {
	w := wordingOf(k.verdict)
	r := sarifRule{
		ID: sarifRuleID(k), Name: "memcached-" + pathWord(string(k.verdict)),
		Short: sarifText{sarifEscape(w.title + " (" + exposure.Escape(string(k.severity)) + ")")},
		Full:  sarifText{sarifEscape(w.impact)},
		Help: sarifHelp{
			Text:     sarifEscape(w.impact + "\n" + w.advice),
			Markdown: sarifEscape(w.impact + "\n\n**How to close it.** " + w.advice),
		},
		Configuration: sarifConfiguration{sarifLevel(k.severity)},
		Properties:    sarifRuleProperties{SecuritySeverity: securitySeverity(k.severity), Precision: "very-high", Tags: []string{"security", "network", "memcached"}},
	}
	if w.cwe != 0 {
		r.Properties.Tags = append(r.Properties.Tags, fmt.Sprintf("external/cwe/cwe-%03d", w.cwe))
	}
	return r
}

func sarifLevel(s exposure.Severity) string {
	switch s {
	case exposure.Medium:
		return "warning"
	case exposure.Low, exposure.Info:
		return "note"
	}
	return "error" // and what is not known
}

// securitySeverity is a number in the middle of what GitHub takes for the same
// word: critical from 9.0, high from 7.0, medium from 4.0, low from 0.1. It is
// no CVSS score.
func securitySeverity(s exposure.Severity) string {
	switch s {
	case exposure.High:
		return "8.0"
	case exposure.Medium:
		return "5.5"
	case exposure.Low:
		return "2.0"
	case exposure.Info:
		return "0.0"
	}
	return "9.5"
}
