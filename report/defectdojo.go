package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

// dojoWriter writes DefectDojo's "Generic Findings Import". DefectDojo refuses
// a finding with a key that it does not know, has no place for the state of the
// sweep, and may close what a new import does not list any more: so a sweep that
// did not ask everything says so in the description of the test, and in a
// finding of its own.
type dojoWriter struct {
	w        io.Writer
	header   Header
	findings shelf
}

func newDefectDojo(w io.Writer, _ Options) Writer { return &dojoWriter{w: w} }

// dojoFinding has keys of the importer's allow-list only
// (dojo/tools/generic/json_parser.py).
type dojoFinding struct {
	Title           string         `json:"title"`
	Severity        string         `json:"severity"`
	Description     string         `json:"description"` // Markdown
	Date            string         `json:"date"`
	CWE             int            `json:"cwe,omitempty"`
	Impact          string         `json:"impact,omitempty"`
	Mitigation      string         `json:"mitigation,omitempty"` // Markdown
	References      string         `json:"references,omitempty"`
	Justification   string         `json:"severity_justification,omitempty"`
	Active          bool           `json:"active"`
	Verified        bool           `json:"verified"`
	RiskAccepted    bool           `json:"risk_accepted"`
	Dynamic         bool           `json:"dynamic_finding"`
	Static          bool           `json:"static_finding"`
	UniqueID        string         `json:"unique_id_from_tool"`
	VulnID          string         `json:"vuln_id_from_tool"`
	Service         string         `json:"service,omitempty"`
	Component       string         `json:"component_name,omitempty"`
	Version         string         `json:"component_version,omitempty"`
	Vulnerabilities []string       `json:"vulnerability_ids,omitempty"`
	Tags            []string       `json:"tags"`
	Endpoints       []dojoEndpoint `json:"endpoints,omitempty"`
}

type dojoEndpoint struct {
	Protocol string `json:"protocol,omitempty"`
	Host     string `json:"host"`
	Port     uint16 `json:"port,omitempty"`
}

func (d *dojoWriter) Begin(h Header) error {
	d.header = h
	return nil
}

func (d *dojoWriter) Finding(f exposure.Finding) error {
	return d.findings.put(&f, d.finding(&f))
}

func (d *dojoWriter) End(s Summary) error {
	defer d.findings.close()
	if !proven(s) {
		shortfall := d.shortfall(s)
		if err := d.findings.put(&exposure.Finding{ID: shortfall.UniqueID}, shortfall); err != nil {
			return err
		}
	}
	b := bufio.NewWriter(d.w) // keeps the first error; Flush returns it
	b.WriteString("{\n")
	for _, m := range []struct{ name, value string }{
		{"name", "memsweep from " + exposure.Escape(d.header.Sweep.Vantage.Name)},
		{"type", "memsweep"},
		{"version", exposure.Escape(d.header.Tool.Version)},
		{"description", d.description(s)},
	} {
		line, err := encode(m.value)
		if err != nil {
			return fmt.Errorf("write defectdojo: %s: %w", m.name, err)
		}
		fmt.Fprintf(b, "  %q: %s,\n", m.name, line)
	}
	b.WriteString(`  "findings": `)
	if err := d.findings.array(b, "  "); err != nil {
		return err
	}
	b.WriteString("\n}\n")
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write defectdojo: %w", err)
	}
	return nil
}

func (d *dojoWriter) finding(f *exposure.Finding) dojoFinding {
	w := wordingOf(f.Verdict)
	var known []string
	for _, v := range f.Vulnerabilities {
		known = append(known, fmt.Sprintf("%s (%s): %s, CVSS %.1f.", v.ID, v.Certainty, v.Title, v.CVSS))
	}
	x := dojoFinding{
		Title:       shorten(w.title+": "+whereabouts(f), 400), // there is room for 511 bytes
		Severity:    dojoSeverity(f.Severity),
		Description: dojoList(slices.Concat(withPolicy(f), known, []string{d.whence()})),
		Date:        d.date(), CWE: w.cwe, Impact: w.impact, Mitigation: dojoMitigation(f),
		Active: !justified(f), RiskAccepted: justified(f), Verified: verified(f), Dynamic: true,
		UniqueID: exposure.Escape(f.ID), VulnID: exposure.Escape(string(f.Verdict)),
		Component: "memcached", Version: cut100(knownVersion(f)),
		Tags: []string{"memsweep", pathWord(string(f.Verdict)), pathWord(string(d.header.Sweep.Vantage.Trust))},
	}
	x.Justification = dojoText(standing(f))
	for _, o := range exposed(f) {
		x.Service = cmp.Or(x.Service, cut100(o.Service))
		x.Endpoints = append(x.Endpoints, dojoEndpoint{pathWord(string(o.Transport)), plain(f.IP), o.Port})
	}
	if x.Endpoints == nil {
		x.Endpoints = []dojoEndpoint{{Host: plain(f.IP)}}
	}
	for _, v := range f.Vulnerabilities {
		x.References += dojoText(v.Reference) + "\n"
		if v.Certainty == exposure.Affected { // DefectDojo knows no "possible"
			x.Vulnerabilities = append(x.Vulnerabilities, exposure.Escape(v.ID))
		}
	}
	return x
}

// verified: DefectDojo means that somebody made sure. A single reply that
// nobody could ask for again is less than that.
func verified(f *exposure.Finding) bool {
	return !slices.ContainsFunc(exposed(f), func(o *exposure.Observation) bool { return o.Unconfirmed })
}

// shortfall stands among the findings for what was not asked, under the same
// ID in every sweep from there: the import of a whole one closes it.
func (d *dojoWriter) shortfall(s Summary) dojoFinding {
	return dojoFinding{
		Title: "the sweep did not ask everything: do not take what is missing here for closed", Severity: "Info",
		Description: dojoList(append(alarms(s, knownCoverage(s.Coverage)), d.whence())), Date: d.date(),
		Mitigation: "Finish the sweep, and import its report. Do not let this import close old findings.",
		Active:     true, Verified: true, Dynamic: true,
		UniqueID: exposure.Escape("sweep-incomplete-" + d.header.Sweep.Vantage.Name), VulnID: "sweep-incomplete",
		Tags: []string{"memsweep", "sweep-incomplete"},
	}
}

func (d *dojoWriter) description(s Summary) string {
	lines := []string{d.whence()}
	if p := d.header.Policy; p != nil {
		lines = append(lines, underPolicy(p, s))
	}
	if c := knownCoverage(s.Coverage); c != nil {
		lines = append(lines, endpoints(c))
	}
	return dojoList(append(lines, alarms(s, knownCoverage(s.Coverage))...))
}

func (d *dojoWriter) whence() string {
	sweep := d.header.Sweep
	return fmt.Sprintf("Seen from %s (%s), sweep %s.", sweep.Vantage.Name, sweep.Vantage.Trust, sweep.ID)
}

func (d *dojoWriter) date() string { return d.header.Sweep.Started.UTC().Format(time.DateOnly) }

// dojoSeverity is one of the five words that DefectDojo knows; what is not
// known is the worst.
func dojoSeverity(s exposure.Severity) string {
	word := string(exposure.Severities()[rank(exposure.Severities(), s)])
	return strings.ToUpper(word[:1]) + word[1:]
}

func dojoMitigation(f *exposure.Finding) string {
	var b strings.Builder
	b.Grow(4 << 10) // about what it comes to
	b.WriteString(wordingOf(f.Verdict).advice)
	for _, fix := range f.Fix {
		fmt.Fprintf(&b, "\n\n%s:\n", dojoText(fix.For+": "+fix.Title))
		for _, line := range indented(fix.Lines) {
			b.WriteString("\n    " + line) // four blanks: code
		}
	}
	return b.String()
}

func dojoList(lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString("- " + dojoText(line) + "\n")
	}
	return b.String()
}

// dojoText is text in which DefectDojo finds no Markdown and no HTML.
func dojoText(text string) string {
	text = exposure.Escape(text)
	var b strings.Builder
	b.Grow(len(text) + len(text)/8)
	for _, r := range text {
		if strings.ContainsRune("\\`*_{}[]<>#!|~&", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// cut100 shortens text to what DefectDojo's database has room for.
func cut100(text string) string { return shorten(exposure.Escape(text), 100) }
