package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/memsweep/memsweep/exposure"
)

// Up to how many findings, the worst first, a ticket goes into detail and lists
// unasked: GitHub's take 65,536 characters.
const (
	maxMarkdownDetailed = 20
	maxMarkdownListed   = 100
)

// markdownWriter writes GitHub-flavoured Markdown at the end, worst first.
type markdownWriter struct {
	out    *bufio.Writer
	opts   Options
	header Header
	docket *docket
	from   map[string]string // finding ID → vantage, in a comparison
}

func newMarkdown(w io.Writer, o Options) Writer {
	return &markdownWriter{out: bufio.NewWriter(w), opts: o, docket: &docket{}}
}

func (m *markdownWriter) Begin(h Header) error {
	m.header = h
	return nil
}

func (m *markdownWriter) Finding(f exposure.Finding) error { return m.docket.put(&f) }

func (m *markdownWriter) End(s Summary) error {
	defer m.docket.bodies.Close()
	m.docket.sort()
	m.summary(s)
	if err := m.table(); err != nil {
		return err
	}
	if err := m.sections(); err != nil {
		return err
	}
	if err := m.out.Flush(); err != nil {
		return fmt.Errorf("write markdown: %w", err)
	}
	return nil
}

func (m *markdownWriter) summary(s Summary) {
	c := knownCoverage(s.Coverage)
	loud := all(alarms(s, c), say)
	title := headline(m.docket.found, s, c)
	if len(loud) > 0 {
		title = "INCOMPLETE: " + title
	}
	fmt.Fprintf(m.out, "# %s\n\n", markdownText(title))
	writeMarkdownAlarms(m.out, loud)
	if len(m.docket.list) == 0 && c != nil && c.Outcomes.Silent > 0 {
		fmt.Fprintf(m.out, "%s\n\n", markdownText(silence(c)))
	}
	fmt.Fprintln(m.out, markdownText(say(whereFrom(m.header, s))))
	if c != nil {
		fmt.Fprintln(m.out, markdownText(endpoints(c)))
	}
	if p := m.header.Policy; p != nil {
		fmt.Fprintln(m.out, markdownText(say(underPolicy(p, s))))
	}
}

// writeMarkdownAlarms says what keeps a report from being the whole truth.
func writeMarkdownAlarms(out io.Writer, loud []string) {
	if len(loud) == 0 {
		return
	}
	fmt.Fprint(out, "> [!CAUTION]\n> **This is not the whole truth.**\n>\n")
	for _, line := range loud {
		fmt.Fprintf(out, "> - %s\n", markdownText(line))
	}
	fmt.Fprintln(out)
}

func (m *markdownWriter) table() error {
	n := len(m.docket.list)
	if n == 0 {
		return nil
	}
	if !m.opts.Verbose {
		n = min(n, maxMarkdownListed)
	}
	fmt.Fprint(m.out, "\n| Severity | Host | Verdict | TCP | UDP | Why |\n|---|---|---|---|---|---|\n")
	for place := range n {
		f, err := m.docket.get(place)
		if err != nil {
			return err
		}
		c := newRow(&f, place)
		justified := ""
		if c.Policy != nil && c.Policy.Justified {
			justified = " (justified)"
		}
		fmt.Fprintf(m.out, "| **%s**%s | %s | %s | %s | %s | %s |\n", markdownText(c.Severity), justified, markdownCell(c.Address), markdownText(c.Verdict),
			markdownCell(c.TCP), markdownCell(c.UDP), markdownText(c.Why()))
	}
	if left := len(m.docket.list) - n; left > 0 {
		fmt.Fprintf(m.out, "\n**%s more, none of them worse, not listed here.** All of them: `memsweep convert REPORT --format csv`.\n", plural(uint64(left), "finding"))
	}
	return nil
}

// sections goes into the worst findings.
func (m *markdownWriter) sections() error {
	n, all := len(m.docket.list), len(m.docket.list)
	if !m.opts.Verbose {
		n = min(n, maxMarkdownDetailed)
	}
	if n < all {
		fmt.Fprintf(m.out, "\n**%d of %d findings are shown in detail, the worst.** For all of them, write this with `--format markdown -v`.\n", n, all)
	}
	for place := range n {
		f, err := m.docket.get(place)
		if err != nil {
			return err
		}
		c := newCard(&f, place)
		c.From = m.from[f.ID]
		m.section(c)
	}
	return nil
}

// section is one host: why, and what to do.
func (m *markdownWriter) section(c card) {
	fmt.Fprintf(m.out, "\n## %s: %s, %s\n\n", markdownCode(c.Address), markdownText(c.Severity), markdownText(c.Verdict))
	fmt.Fprint(m.out, markdownCode(c.ID))
	if c.Names != "" {
		fmt.Fprintf(m.out, ", %s", markdownText(c.Names))
	}
	if c.From != "" {
		fmt.Fprintf(m.out, ", seen from %s", markdownText(c.From))
	}
	fmt.Fprint(m.out, "\n\n")
	m.policy(c.Policy)
	for _, reason := range c.Reasons {
		fmt.Fprintf(m.out, "- %s\n", markdownText(reason))
	}
	m.vulnerabilities(c)
	fixes := c.Fixes
	if !m.opts.Verbose {
		fixes = fixes[:min(1, len(fixes))]
	}
	for _, fix := range fixes {
		where := "as root"
		if fix.File != "" {
			where = "in " + markdownCode(fix.File)
		}
		fmt.Fprintf(m.out, "\n**Fix (%s):** %s, %s:\n\n%s", markdownText(fix.For), markdownText(fix.Title), where, markdownBlock(fix.Lines))
	}
	if more := c.Systems(); len(c.Fixes) > len(fixes) && more != "" {
		fmt.Fprintf(m.out, "\nReady lines for %s: write this with `--format markdown -v`; `memsweep fix REPORT --allow NETWORK` lets clients elsewhere in.\n", markdownText(more))
	}
	if len(c.LeftOut) > 0 {
		fmt.Fprintf(m.out, "\nLeft out here: %s; the JSON report has them.\n", strings.Join(c.LeftOut, ", "))
	}
}

func (m *markdownWriter) policy(p *standingCard) {
	if p == nil {
		return
	}
	if p.Justified {
		fmt.Fprintf(m.out, "**Justified**; without that it would be %s. ", markdownText(p.Severity))
	} else {
		fmt.Fprint(m.out, "**Not justified.** ")
	}
	fmt.Fprintf(m.out, "The policy expects %s here.\n\n", markdownText(p.Expected))
	by := "Justified by"
	if !p.Justified {
		by = "It was justified by"
	}
	for _, j := range p.By {
		fmt.Fprintf(m.out, "- %s %s\n", by, markdownText(j.String()))
	}
	for _, failure := range p.Failures {
		fmt.Fprintf(m.out, "- %s\n", markdownText(failure))
	}
}

func (m *markdownWriter) vulnerabilities(c card) {
	if r := c.Release; r != nil {
		text := "It says it is memcached " + r.Version
		if r.EndOfLife {
			text += ", which is at its end of life: nobody mends it any more"
		}
		fmt.Fprintf(m.out, "- %s\n", markdownText(text+". "+r.Caveat))
	}
	for _, v := range c.Vulnerabilities {
		fixed := ""
		if v.Fixed != "" {
			fixed = ", fixed in " + v.Fixed
		}
		fmt.Fprintf(m.out, "- %s\n", markdownText(fmt.Sprintf("%s, %s: %s (CVSS %s, %s%s)", v.ID, v.Certainty, v.Title, v.CVSS, v.Affects, fixed)))
	}
	if len(c.Vulnerabilities) > 0 && c.Release == nil {
		fmt.Fprintf(m.out, "- %s\n", c.Caution())
	}
}
