package report

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/memsweep/memsweep/exposure"
)

// card is what a document for people shows of one finding. Every string in it
// is one line of visible characters; the document escapes it for itself.
type card struct {
	Place                       int // in the order of urgency, from 0
	Anchor                      string
	ID, Address, Host, Names    string // Host has no port
	Severity, Verdict, TCP, UDP string
	From                        string // the vantage, in a comparison
	Reasons                     []string
	Fixes                       []fixCard
	Policy                      *standingCard
	Release                     *releaseCard
	Vulnerabilities             []vulnerabilityCard
	Endpoints                   []endpointCard
	LeftOut                     []string // "3 reasons"
}

type fixCard struct {
	For, Title, File string
	Lines            []string
}

// Text is the lines as they are to be copied.
func (f fixCard) Text() string { return strings.Join(f.Lines, "\n") }

type standingCard struct {
	Justified          bool
	Expected, Severity string // Severity: without a justification
	By                 []exposure.Justification
	Failures           []string
}

type releaseCard struct {
	Version, UDPDefault, Caveat string
	EndOfLife                   bool
}

type vulnerabilityCard struct {
	ID, Title, Certainty, CVSS, Affects, Fixed string
	Reference                                  string // the CVE's page, or ""
}

// Bounds on what one card shows. Only a report that was tampered with, or a
// host that tries to, comes near them.
const (
	maxText            = 600 // characters of one string
	maxNames           = 8
	maxCardReasons     = 40
	maxFixes           = 40
	maxFixLines        = 200
	maxVulnerabilities = 30
	maxAlso            = 8
	maxExchanges       = 12
)

// Why is the main reason.
func (c card) Why() string {
	if len(c.Reasons) == 0 {
		return ""
	}
	return c.Reasons[0]
}

// Fix is the first way to close the finding, nil when none is known.
func (c card) Fix() *fixCard {
	if len(c.Fixes) == 0 {
		return nil
	}
	return &c.Fixes[0]
}

// Systems names the kinds of system that further fixes are for.
func (c card) Systems() string {
	var names []string
	for _, fix := range c.Fixes[min(1, len(c.Fixes)):] {
		if !slices.Contains(names, fix.For) {
			names = append(names, fix.For)
		}
	}
	return strings.Join(names, ", ")
}

// Caution is what a list of vulnerabilities must not be read without.
func (c card) Caution() string {
	if c.Release != nil && c.Release.Caveat != "" {
		return c.Release.Caveat
	}
	return "Distributions mend old releases without giving them a new number: look at the package before calling it vulnerable, or safe."
}

// Class is the severity as one of five known words.
func (c card) Class() string { return severityClass(c.Severity) }

// severityClass takes a severity that is not known for the worst.
func severityClass(s string) string {
	return string(exposure.Severities()[rank(exposure.Severities(), exposure.Severity(s))])
}

// newRow is the part of a card that a list shows.
func newRow(f *exposure.Finding, place int) card {
	row := newTextRow(&exposure.Finding{
		ID: f.ID, IP: f.IP, Verdict: f.Verdict, Severity: f.Severity, TCP: f.TCP, UDP: f.UDP,
	}, true)
	c := card{
		Place: place, Anchor: anchor(f.ID, place),
		ID: say(f.ID), Address: row.place(), Host: row.address,
		Severity: say(row.severity), Verdict: say(row.verdict), TCP: row.tcp, UDP: row.udp,
		Reasons: all(f.Reasons[:min(1, len(f.Reasons))], say), Policy: newStandingCard(f.Policy),
	}
	c.Names = inWords(f.Names)
	return c
}

// inWords lists the names of a host.
func inWords(names []string) string {
	text := strings.Join(all(names[:min(maxNames, len(names))], say), ", ")
	if left := len(names) - maxNames; left > 0 {
		text += fmt.Sprintf(" and %d more", left)
	}
	return text
}

func newCard(f *exposure.Finding, place int) card {
	c := newRow(f, place)
	c.Reasons = all(part(&c, f.Reasons, maxCardReasons, "reason"), say)
	for _, fix := range part(&c, f.Fix, maxFixes, "fix") {
		lines := part(&c, fix.Lines, maxFixLines, "line")
		c.Fixes = append(c.Fixes, fixCard{say(fix.For), say(fix.Title), say(fix.File), all(indented(lines), clip)})
	}
	if r := f.Release; r != nil {
		c.Release = &releaseCard{say(r.Version), say(r.UDPDefault), say(r.Caveat), r.EndOfLife}
	}
	for _, v := range part(&c, f.Vulnerabilities, maxVulnerabilities, "vulnerability") {
		c.Vulnerabilities = append(c.Vulnerabilities, newVulnerabilityCard(v))
	}
	c.addEndpoint(f.TCP)
	c.addEndpoint(f.UDP)
	for _, o := range part(&c, f.Also, maxAlso, "further probe") {
		c.addEndpoint(&o)
	}
	return c
}

func newStandingCard(s *exposure.Standing) *standingCard {
	if s == nil {
		return nil
	}
	c := &standingCard{
		Justified: s.Justified,
		Expected:  say(string(s.Expected)), Severity: say(string(s.Severity)),
		Failures: all(s.Failures[:min(maxCardReasons, len(s.Failures))], say),
	}
	if s.By != nil {
		c.By = append(c.By, saidJustification(*s.By))
	}
	for _, j := range s.Others[:min(maxAlso, len(s.Others))] {
		c.By = append(c.By, saidJustification(j))
	}
	return c
}

func saidJustification(j exposure.Justification) exposure.Justification {
	return exposure.Justification{
		Source: say(j.Source), Owner: say(j.Owner), Reason: say(j.Reason), Created: say(j.Created), Expires: say(j.Expires),
	}
}

var cvePage = regexp.MustCompile(`^https://nvd\.nist\.gov/vuln/detail/CVE-[0-9]{4}-[0-9]{4,19}$`)

func newVulnerabilityCard(v exposure.Vulnerability) vulnerabilityCard {
	c := vulnerabilityCard{
		ID: say(v.ID), Title: say(v.Title), Certainty: say(string(v.Certainty)),
		Affects: say(v.Affects), Fixed: say(v.Fixed),
	}
	if v.CVSS > 0 {
		c.CVSS = strconv.FormatFloat(v.CVSS, 'f', 1, 64)
		if v.CVSSVer != "" {
			c.CVSS += " (v" + say(v.CVSSVer) + ")"
		}
	}
	// A stored report may name any address: only one place is linked to.
	if cvePage.MatchString(v.Reference) {
		c.Reference = v.Reference
	}
	return c
}

// part takes up to n of a list, and notes on the card what it leaves out.
func part[T any](c *card, list []T, n int, noun string) []T {
	if left := len(list) - n; left > 0 {
		c.LeftOut = append(c.LeftOut, plural(uint64(left), noun))
		return list[:n]
	}
	return list
}

func all[S, T any](list []S, f func(S) T) []T {
	out := make([]T, len(list))
	for i, s := range list {
		out[i] = f(s)
	}
	return out
}

// say makes text that may be somebody else's fit to be shown.
func say(s string) string { return clip(exposure.Escape(s)) }

func clip(s string) string { return shorten(s, maxText) }

var ownID = regexp.MustCompile(`^ms-[0-9a-f]{16}$`)

// anchor is where in a document a finding is. It outlives the document where
// the ID is one of ours, so that links to it go on working.
func anchor(id string, place int) string {
	if ownID.MatchString(id) {
		return id
	}
	return fmt.Sprintf("finding-%d", place+1)
}
