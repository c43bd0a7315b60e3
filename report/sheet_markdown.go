package report

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strings"
)

// writeSheetMarkdown writes a sheet for a ticket.
func writeSheetMarkdown(w io.Writer, _ Tool, s Sheet, o Options) error {
	out := bufio.NewWriter(w)
	title := say(s.Headline)
	if len(s.Alarms) > 0 {
		title = "INCOMPLETE: " + title
	}
	fmt.Fprintf(out, "# %s\n\n", markdownText(title))
	writeMarkdownAlarms(out, all(s.Alarms, say))
	for _, line := range s.Where {
		fmt.Fprintf(out, "%s\n\n", markdownText(say(line)))
	}
	left := maxMarkdownListed
	if o.Verbose {
		left = math.MaxInt
	}
	for _, p := range s.Parts {
		n, err := s.markdownPart(out, p, left)
		if err != nil {
			return fmt.Errorf("write markdown: %w", err)
		}
		left -= n
	}
	detail := markdownWriter{out: out, opts: o}
	for i, f := range s.Findings {
		c := newCard(&f.Finding, i)
		c.From = say(f.From)
		detail.section(c)
	}
	if len(s.Findings) > 0 {
		fmt.Fprintln(out)
	}
	for _, f := range s.Facts {
		fmt.Fprintf(out, "- %s: %s\n", markdownText(say(f.Name)), markdownText(say(f.Value)))
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write markdown: %w", err)
	}
	return nil
}

// markdownPart writes a table of at most limit rows, and says how many it wrote.
func (s Sheet) markdownPart(out io.Writer, p Part, limit int) (int, error) {
	rows, left, err := p.take(limit)
	if err != nil || len(rows) == 0 && left == 0 {
		return 0, err
	}
	if p.Title != "" {
		fmt.Fprintf(out, "## %s (%d)\n\n", markdownText(say(p.Title)), uint64(len(rows))+left)
	}
	if p.Note != "" {
		fmt.Fprintf(out, "%s\n\n", markdownText(say(p.Note)))
	}
	if len(rows) > 0 {
		titles := s.titles(p)
		fmt.Fprintf(out, "| %s |\n|%s\n", strings.Join(titles, " | "), strings.Repeat("---|", len(titles)))
	}
	for _, r := range rows {
		cells := all(all(s.shown(p, r), say), markdownText)
		if s.Ranked && cells[0] != "" {
			cells[0] = "**" + cells[0] + "**"
		}
		fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | "))
	}
	if left > 0 {
		fmt.Fprintf(out, "\n**%s more, not listed here.** All of them: `%s`.\n", plural(left, "row"), s.More)
	}
	fmt.Fprintln(out)
	return len(rows), nil
}
