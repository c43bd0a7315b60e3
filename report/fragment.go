package report

import (
	"bytes"
	"fmt"
	"html/template"

	"github.com/memsweep/memsweep/exposure"
)

// StyleSheet is what the pages of reports look like, for pages that go with them.
func StyleSheet() string { return htmlStyle() }

// FindingHTML is one finding as the page of a report shows it, with reasons, fixes,
// vulnerabilities and evidence: an <article> with a heading of the third level.
// Everything in it is escaped. anchor is its id in the page, and from the vantage
// that it was seen from, "" where that is said elsewhere.
func FindingHTML(f *exposure.Finding, anchor, from string) (template.HTML, error) {
	c := newCard(f, 0)
	c.Anchor, c.From = anchor, say(from)
	var b bytes.Buffer
	if err := htmlTemplates().ExecuteTemplate(&b, "card", c); err != nil {
		return "", fmt.Errorf("write finding %s as html: %w", f.IP, err)
	}
	return template.HTML(b.String()), nil
}
