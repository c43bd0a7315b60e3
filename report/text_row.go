package report

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/memsweep/memsweep/exposure"
)

// textRow is what the text shows of one finding. Every string in it is
// escaped already.
type textRow struct {
	precedence
	port uint16 // 0: more than one, or none
	bare bool   // about no endpoint

	severity, address, verdict, tcp, udp string
	names                                []string
	reasons                              []string
	release                              []textNote
	fixes                                []textFix
	more                                 []string // further kinds of fix, by name
}

type textFix struct {
	system, title string
	lines         []string
}

// maxEndpoint is how many columns the words about one endpoint may take.
const maxEndpoint = 24

// maxReasons is how many reasons a finding shows unless more are asked for.
const maxReasons = 4

func newTextRow(f *exposure.Finding, verbose bool) textRow {
	r := textRow{
		precedence: precedenceOf(f),
		severity:   exposure.Escape(string(f.Severity)),
		port:       port(f),
		bare:       bare(f),
		address:    exposure.Escape(f.IP.String()),
		verdict:    exposure.Escape(string(f.Verdict)),
		tcp:        endpoint(f.TCP, true),
		udp:        endpoint(f.UDP, !sameVersion(f.TCP, f.UDP)),
		names:      escaped(f.Names),
	}
	reasons, fixes := withPolicy(f), f.Fix
	if !verbose {
		reasons = reasons[:min(maxReasons, len(reasons))]
		fixes = fixes[:min(1, len(fixes))]
	}
	r.reasons = escaped(reasons)
	r.release = releaseNotes(f, verbose)
	for _, fix := range fixes {
		title := fix.Title
		if fix.File != "" {
			title += " [" + fix.File + "]"
		}
		r.fixes = append(r.fixes, textFix{exposure.Escape(fix.For), exposure.Escape(title), indented(fix.Lines)})
	}
	for _, fix := range f.Fix[len(fixes):] {
		if name := exposure.Escape(fix.For); !slices.Contains(r.more, name) {
			r.more = append(r.more, name)
		}
	}
	return r
}

// withPolicy are the reasons of f, with what the policy says of it: before
// everything else where it is allowed, else after the main reason. A finding
// about a justification says that already.
func withPolicy(f *exposure.Finding) []string {
	if f.Policy == nil || f.Verdict == exposure.Unfounded {
		return f.Reasons
	}
	at := 0
	if !f.Policy.Justified {
		at = min(1, len(f.Reasons))
	}
	return slices.Concat(f.Reasons[:at], f.Policy.Explain(), f.Reasons[at:])
}

// port is the port of f where its observations agree on one, else 0.
func port(f *exposure.Finding) uint16 {
	switch {
	case f.TCP == nil && f.UDP == nil:
		return 0
	case f.TCP == nil:
		return f.UDP.Port
	case f.UDP == nil || f.UDP.Port == f.TCP.Port:
		return f.TCP.Port
	}
	return 0
}

// sameVersion reports whether both said the same, so that once is enough.
func sameVersion(a, b *exposure.Observation) bool {
	return a != nil && b != nil && a.Version != nil && b.Version != nil && *a.Version == *b.Version
}

// place is where the finding is: its address, with its port if that is one.
func (r textRow) place() string {
	if r.port == 0 {
		return r.address
	}
	return exposure.Escape(netip.AddrPortFrom(r.ip, r.port).String())
}

// endpoint says in a few words what one endpoint did.
func endpoint(o *exposure.Observation, withVersion bool) string {
	if o == nil {
		return "-"
	}
	words := []string{string(o.State)}
	switch o.State {
	case exposure.AuthRequired:
		words = []string{"auth", string(o.Auth)}
	case exposure.Foreign:
		if o.Service != "" {
			words = []string{o.Service}
		}
	case exposure.LocalError, exposure.NotScanned:
		words = []string{"not asked"}
	}
	if o.PortOnly {
		words = []string{"open, unknown"}
	}
	if o.TLS && o.State != exposure.TLS {
		words = append(words, "in tls")
	}
	if o.Product != "" {
		words = append(words, o.Product)
	}
	if withVersion && o.Version != nil {
		words = append(words, *o.Version)
	}
	s := shorten(exposure.Escape(strings.Join(words, " ")), maxEndpoint)
	if a := o.Amplification; a != nil && a.Datagrams > 0 {
		least := ""
		if !o.MeasuredWhole() {
			least = "≥"
		}
		s += fmt.Sprintf(" %s×%.1f", least, a.BAF)
	} else if o.Reported != nil {
		s += fmt.Sprintf(" ×%.1f", o.Reported.BAF)
	}
	return s
}

func escaped(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = exposure.Escape(s)
	}
	return out
}

// indented escapes lines of a file, in which leading tabs mean something.
func indented(lines []string) []string {
	out := make([]string, len(lines))
	for i, s := range lines {
		text := strings.TrimLeft(s, "\t")
		out[i] = strings.Repeat("    ", len(s)-len(text)) + exposure.Escape(text)
	}
	return out
}

// width is how many columns s takes, as far as that can be told.
func width(s string) int { return utf8.RuneCountInString(s) }

// shorten cuts s to n columns, the last of them an ellipsis.
func shorten(s string, n int) string {
	if width(s) <= n {
		return s
	}
	return string([]rune(s)[:max(0, n-1)]) + "…"
}
