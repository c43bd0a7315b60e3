package report

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	markdown "github.com/yuin/goldmark/text"
)

var (
	markdownRow     = regexp.MustCompile("(?m)^\\| \\*\\*(\\w+)\\*\\*(?: \\(justified\\))? \\| `([^`]+)` \\| (\\S+) \\| .* \\|$")
	markdownSection = regexp.MustCompile("(?m)^## `([^`]+)`: (\\w+), (\\S+)\n\n`(ms-[0-9a-f]{16})`")
)

func shownInMarkdown(t *testing.T, doc []byte) []shown {
	host := func(s string) string {
		if m := portSuffix.FindStringSubmatch(s); m != nil {
			return m[1] + m[2]
		}
		return s
	}
	var list []shown
	for _, m := range markdownSection.FindAllStringSubmatch(string(doc), -1) {
		list = append(list, shown{m[4], host(m[1]), m[3], m[2]})
	}
	table := markdownRow.FindAllStringSubmatch(string(doc), -1)
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

// markdownShape is what GitHub's Markdown makes of a document, without its
// text: blocks, cells, emphasis, code, links.
func markdownShape(t testing.TB, doc []byte) []string {
	t.Helper()
	var list []string
	root := goldmark.New(goldmark.WithExtensions(extension.GFM, extension.Footnote)).Parser().Parse(markdown.NewReader(doc))
	err := ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n.Kind() {
		case ast.KindText, ast.KindString, ast.KindCodeSpan:
			return ast.WalkSkipChildren, nil // text, of which there may be one or several
		case ast.KindRawHTML:
			if raw := string(n.(*ast.RawHTML).Segments.Value(doc)); raw != "<!-- -->" {
				t.Errorf("HTML of somebody else's: %s", raw)
			}
			return ast.WalkSkipChildren, nil
		}
		if entering {
			list = append(list, fmt.Sprintf("%s in %s", n.Kind(), kindOf(n.Parent())))
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func kindOf(n ast.Node) string {
	if n == nil {
		return "nothing"
	}
	return n.Kind().String()
}

func FuzzMarkdown(f *testing.F) {
	for _, s := range hostileStrings() {
		f.Add(s)
	}
	plain := markdownShape(f, hostileTicket(f, "x"))
	lines := bytes.Count(hostileTicket(f, "x"), []byte("\n"))
	f.Fuzz(func(t *testing.T, s string) {
		if hasMeaning(s) {
			return
		}
		doc := hostileTicket(t, s)
		if n := bytes.Count(doc, []byte("\n")); n != lines {
			t.Errorf("%q makes %d lines of %d", s, n, lines)
		}
		if diff := cmp.Diff(plain, markdownShape(t, doc)); diff != "" {
			t.Errorf("%q changes the ticket (-plain +got)\n%s\n%s", s, diff, doc)
		}
		for _, refers := range []string{"@o", "#1", "GH-1"} {
			if found := regexp.MustCompile("(?m)^[^`\n]*" + refers).Find(withoutBlocks(doc)); found != nil {
				t.Errorf("%q refers to somebody or something: %s", s, found)
			}
		}
	})
}

// withoutBlocks leaves out what stands in fences.
func withoutBlocks(doc []byte) []byte {
	return regexp.MustCompile("(?ms)^(```+)\n.*?\n```+$").ReplaceAll(doc, nil)
}

func hostileTicket(t testing.TB, s string) []byte {
	return hostileReport(s).write(t, "markdown", Options{Verbose: true})
}

// TestMarkdownText: what the characters that mean something become.
func TestMarkdownText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"TCP port 11211 asks for no credentials: anyone.": "TCP port 11211 asks for no credentials: anyone.",
		"15 bytes in, ×149.1 (BAF)":                       "15 bytes in, ×149.1 (BAF)",
		"@octocat":                                        `\@<!-- -->octocat`,
		"see #1":                                          `see \#<!-- -->1`,
		"GH-1, gh-2":                                      `GH\-<!-- -->1, gh\-<!-- -->2`,
		":smile:":                                         `\:<!-- -->smile:`,
		"$x$":                                             "&#36;x&#36;",
		"a|b`c`":                                          "a\\|b\\`c\\`",
		"<b>&amp;":                                        `\<b\>\&amp;`,
		"1. a":                                            `1\. a`,
		"- a":                                             `\- a`,
		"https://www.example.net":                         `https\://www\.example.net`,
	} {
		if got := markdownText(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

// TestMarkdownBlocks: a fence is longer than any in what it holds.
func TestMarkdownBlocks(t *testing.T) {
	t.Parallel()
	if got, want := markdownBlock([]string{"a", "````"}), "`````\na\n````\n`````\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := markdownCode("a`b``"), "``` a`b`` ```"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestMarkdownIsLoud: a report that is not the whole truth says so first.
func TestMarkdownIsLoud(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]fixture{"interrupted": interrupted(), "cut off": {header: someHeader(), summary: cutOff()}} {
		if got := string(x.write(t, "markdown", Options{})); !strings.HasPrefix(got, "# INCOMPLETE: ") || !strings.Contains(got, "\n> [!CAUTION]\n") {
			t.Errorf("%s:\n%s", name, got)
		}
	}
	if got := string(nothing().write(t, "markdown", Options{})); strings.Contains(got, "CAUTION") || !strings.Contains(got, "Silence is not proof of absence") {
		t.Errorf("nothing was found:\n%s", got)
	}
}

// TestMarkdownFits: a ticket of many findings stays one that GitHub takes.
func TestMarkdownFits(t *testing.T) {
	t.Parallel()
	doc := large(1000).write(t, "markdown", Options{})
	if len(doc) > 65_536 {
		t.Errorf("%d bytes", len(doc))
	}
	for _, want := range []string{"**900 findings more, none of them worse, not listed here.**", "**20 of 1000 findings are shown in detail, the worst.**"} {
		if !bytes.Contains(doc, []byte(want)) {
			t.Errorf("%q is missing", want)
		}
	}
}
