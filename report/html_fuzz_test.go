package report

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/memsweep/memsweep/exposure"
)

var someID = regexp.MustCompile(`ms-[0-9a-f]{16}`)

// structure is everything of a page that is not text: elements, and the names
// and values of attributes but for those whose values are text.
func structure(root *html.Node) []string {
	var list []string
	for n := range root.Descendants() {
		if n.Type == html.CommentNode {
			list = append(list, "comment")
		}
		if n.Type != html.ElementNode {
			continue
		}
		entry := n.Data
		for _, a := range n.Attr {
			entry += " " + a.Key
			if a.Key != "data-id" && a.Key != "data-label" {
				entry += "=" + someID.ReplaceAllString(a.Val, "ms-…")
			}
		}
		list = append(list, entry)
	}
	return list
}

// hostileStrings try to be more than text.
func hostileStrings() []string {
	return []string{
		"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "{{.}}{{template \"head\"}}", "javascript:alert(1)", "</style><b>",
		"</code></pre>", "<!-- -->", "]]>", "\x00\xff\u202e", "&lt;&amp;", "'\" onclick=x ", "a\nb\r\nc", "a | b", "```\n~~~", "`` ` ``", "`",
		"@octocat #1 GH-1 :smile: $x$", "http://example.net www.example.net a@example.net mailto:a@example.net", "[a](b) ![a](b) [^1]",
		"*a* _b_ ~~c~~", "# a", "1. a", "- a", "> a", "===", "\\", `a\`, `\|`, "    a", "\t", "---", "a  ", "<a@b.c>", "&copy;", "|", "`|`",
	}
}

func FuzzHTML(f *testing.F) {
	for _, s := range hostileStrings() {
		f.Add(s)
	}
	plain := structure(parsed(f, hostilePage(f, "x")))
	f.Fuzz(func(t *testing.T, s string) {
		if hasMeaning(s) {
			return
		}
		if diff := cmp.Diff(plain, structure(parsed(t, hostilePage(t, s)))); diff != "" {
			t.Errorf("%q changes the page (-plain +got)\n%s", s, diff)
		}
	})
}

// hasMeaning reports whether a string is more than a stranger's text, so that
// a document with it has another shape, and rightly so.
func hasMeaning(s string) bool {
	return strings.TrimSpace(s) == "" || ownID.MatchString(s) || slices.Contains(knownWords(), s)
}

// knownWords have their own place in the page.
func knownWords() []string {
	words := all(exposure.Severities(), func(s exposure.Severity) string { return string(s) })
	return append(words, string(exposure.Open), string(exposure.AuthRequired), string(exposure.TLS), string(exposure.Full),
		string(exposure.Foreign), string(exposure.Mute), string(exposure.Closed), string(exposure.Silent),
		string(exposure.LocalError), string(exposure.NotScanned), string(exposure.Complete), string(exposure.Interrupted))
}

func hostilePage(t testing.TB, s string) []byte {
	return hostileReport(s).write(t, "html", Options{Verbose: true})
}

// hostileReport is a report about one finding in which every string is s.
func hostileReport(s string) fixture {
	x := hostile(s)
	f := &x.findings[1]
	f.Policy = &exposure.Standing{
		Expected: exposure.Expectation(s), Severity: exposure.Severity(s), Failures: []string{s},
		By: &exposure.Justification{Source: s, Owner: s, Reason: s, Created: s, Expires: s},
	}
	f.Release = &exposure.Lifecycle{Version: s, UDPDefault: s, Caveat: s}
	f.Vulnerabilities = []exposure.Vulnerability{{ID: s, Certainty: exposure.Certainty(s), Title: s, CVSS: 5, CVSSVer: s, Affects: s, Fixed: s, Reference: s}}
	x.findings = x.findings[1:]
	return x
}
