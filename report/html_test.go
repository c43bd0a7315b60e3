package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/memsweep/memsweep/exposure"
)

// parsed is a page as a browser reads it.
func parsed(t testing.TB, page []byte) *html.Node {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// elements yields those of a page for which want holds.
func elements(root *html.Node, want func(*html.Node) bool) []*html.Node {
	var list []*html.Node
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && want(n) {
			list = append(list, n)
		}
	}
	return list
}

func tag(name string) func(*html.Node) bool {
	return func(n *html.Node) bool { return n.Data == name }
}

// class wants an element of a class, whatever its tag.
func class(name string) func(*html.Node) bool {
	return func(n *html.Node) bool { return slices.Contains(strings.Fields(attribute(n, "class")), name) }
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.TrimSpace(b.String())
}

func textOf(list []*html.Node) []string {
	return all(list, text)
}

func shownInHTML(t *testing.T, doc []byte) []shown {
	root := parsed(t, doc)
	var list []shown
	for _, row := range elements(root, func(n *html.Node) bool { return n.Data == "tr" && attribute(n, "data-id") != "" }) {
		cells := elements(row, tag("td"))
		host := text(elements(elements(row, tag("th"))[0], tag("a"))[0])
		if m := portSuffix.FindStringSubmatch(host); m != nil {
			host = m[1] + m[2]
		}
		list = append(list, shown{attribute(row, "data-id"), host, text(cells[1]), text(elements(cells[0], class("badge"))[0])})
	}
	var cards []string
	for _, id := range elements(root, class("id")) {
		cards = append(cards, text(id))
	}
	for i, s := range list {
		if cards[i] != s.ID {
			t.Errorf("row %d is %s, card %s", i, s.ID, cards[i])
		}
	}
	return list
}

// TestHTMLPolicy: the style sheet is the one that the policy allows, there is
// no script, and nothing is loaded from anywhere.
func TestHTMLPolicy(t *testing.T) {
	t.Parallel()
	for _, page := range [][]byte{whole().write(t, "html", Options{}), nothing().write(t, "html", Options{})} {
		root := parsed(t, page)
		styles := elements(root, tag("style"))
		if len(styles) != 1 {
			t.Fatalf("%d style sheets", len(styles))
		}
		digest := sha256.Sum256([]byte(styles[0].FirstChild.Data))
		policy := attribute(elements(root, tag("meta"))[1], "content")
		want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) + "'; base-uri 'none'; form-action 'none'"
		if policy != want {
			t.Errorf("policy %q, want %q", policy, want)
		}
		for _, n := range elements(root, func(*html.Node) bool { return true }) {
			if slices.Contains([]string{"script", "img", "iframe", "object", "embed", "link", "base", "form", "audio", "video"}, n.Data) {
				t.Errorf("<%s> in the page", n.Data)
			}
			for _, a := range n.Attr {
				if a.Key == "style" || a.Key == "src" || strings.HasPrefix(a.Key, "on") {
					t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
				}
			}
		}
	}
}

func TestHTMLLinks(t *testing.T) {
	t.Parallel()
	x := whole()
	x.findings[1].ID = "a b" // not ours
	checkLinks(t, parsed(t, x.write(t, "html", Options{})))
}

// checkLinks: everything that a page leads to is there, and once.
func checkLinks(t *testing.T, root *html.Node) {
	t.Helper()
	ids := map[string]bool{}
	for _, n := range elements(root, func(n *html.Node) bool { return attribute(n, "id") != "" }) {
		id := attribute(n, "id")
		if ids[id] {
			t.Errorf("id %q stands twice", id)
		}
		ids[id] = true
	}
	for _, a := range elements(root, tag("a")) {
		href := attribute(a, "href")
		if to, inside := strings.CutPrefix(href, "#"); inside && !ids[to] || !inside && !strings.HasPrefix(href, "https://nvd.nist.gov/vuln/detail/CVE-") {
			t.Errorf("a link to %q, which is not there", href)
		}
	}
}

func TestHTMLReferences(t *testing.T) {
	t.Parallel()
	for reference, want := range map[string]string{
		"https://nvd.nist.gov/vuln/detail/CVE-2018-1000115": "https://nvd.nist.gov/vuln/detail/CVE-2018-1000115",
		"javascript:alert(1)":                               "", "data:text/html,x": "", "//example.net/x": "", "https:x": "", "/etc/passwd": "", "": "",
		"https://example.net/\"onclick=x": "", "https://example.net/CVE-2018-1000115": "", "https://nvd.nist.gov/vuln/detail/CVE-2018-1000115/../x": "",
	} {
		if got := newVulnerabilityCard(exposure.Vulnerability{Reference: reference}).Reference; got != want {
			t.Errorf("%q becomes %q, want %q", reference, got, want)
		}
	}
}

// TestHTMLFixFirst: the same change on several hosts is one thing to do, the
// worst come first, and what is justified is not among them.
func TestHTMLFixFirst(t *testing.T) {
	t.Parallel()
	x := whole()
	for i := range x.findings {
		if x.findings[i].Verdict == exposure.AuthVerdict {
			x.findings[i].Severity = exposure.Info
			x.findings[i].Policy = &exposure.Standing{Expected: exposure.ExpectAuth, Justified: true, Severity: exposure.High}
		}
	}
	root := parsed(t, x.write(t, "html", Options{}))
	var got []string
	for _, n := range elements(elements(root, class("actions"))[0], class("panel")) {
		got = append(got, text(elements(n, tag("h3"))[0])+" | "+text(elements(n, class("on"))[0]))
	}
	want := []string{
		"critical Turn UDP off, and listen only where the clients are | On 1 host: 192.0.2.7.",
		"critical Turn UDP off | On 1 host: 192.0.2.200.",
		"critical Listen only where the clients are | On 2 hosts: 192.0.2.9, 192.0.2.66.",
		"critical Listen only where the clients are | On 1 host: 2001:db8:0:1111:2222:3333:4444:5555.",
		"critical Find out what this service is and who owns it; run this on the host | On 1 host: 192.0.2.34.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := text(elements(root, class("where"))[0]); !strings.Contains(got, "2 justified by the policy") {
		t.Errorf("justified findings are not counted: %s", got)
	}
}

// TestHTMLSaysWhatIsMissing: an unfinished sweep is said in the title, and
// before anything else.
func TestHTMLSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]fixture{"interrupted": interrupted(), "cut off": {header: someHeader(), summary: cutOff()}} {
		root := parsed(t, x.write(t, "html", Options{}))
		if got := text(elements(root, tag("title"))[0]); !strings.HasPrefix(got, "INCOMPLETE: ") {
			t.Errorf("%s: title %q", name, got)
		}
		first := elements(elements(root, tag("main"))[0], tag("section"))[0]
		if !class("alarm")(first) || len(elements(first, tag("li"))) == 0 {
			t.Errorf("%s: the page starts with %q", name, text(first))
		}
	}
	root := parsed(t, nothing().write(t, "html", Options{}))
	if len(elements(root, class("alarm"))) > 0 || strings.Contains(text(elements(root, tag("title"))[0]), "INCOMPLETE") {
		t.Error("an all-clear looks alarming")
	}
	if !strings.Contains(text(root), "Silence is not proof of absence") {
		t.Error("what was silent passes for closed")
	}
}

// TestLargePages: a large report is bounded in what it shows, and says so.
func TestLargePages(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	x := large(25)
	x.findings[24].Fix = nil // its change is one of its own, and it is not listed
	if err := x.into(&htmlWriter{w: &b, listed: 20, detailed: 3}); err != nil {
		t.Fatal(err)
	}
	root := parsed(t, b.Bytes())
	checkLinks(t, root)
	if n := len(elements(root, class("card"))); n != 3 {
		t.Errorf("%d cards", n)
	}
	if n := len(elements(elements(root, class("matrix"))[0], tag("tr"))) - 1; n != 20 {
		t.Errorf("%d rows", n)
	}
	if got := textOf(elements(root, class("left-out"))); len(got) != 2 || !strings.Contains(got[0], "20 of 25") || !strings.Contains(got[1], "3 of 25") {
		t.Errorf("what is left out is not said: %q", got)
	}
	if n := len(elements(parsed(t, large(maxHTMLDetailed+5).write(t, "html", Options{Verbose: true})), class("card"))); n != maxHTMLDetailed+5 {
		t.Errorf("%d cards in a verbose page", n)
	}
}

// large is a report of n findings alike.
func large(n int) fixture {
	x := whole()
	one := x.findings[0]
	x.findings = nil
	ip := netip.MustParseAddr("10.0.0.0")
	for range n {
		one.IP, one.ID = ip, exposure.FindingID("office", ip, 11211)
		x.findings = append(x.findings, one)
		ip = ip.Next()
	}
	return x
}
