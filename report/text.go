package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/memsweep/memsweep/exposure"
)

// maxDetailed is up to how many findings the text goes into detail unasked.
const maxDetailed = 20

// textWriter writes a table for people, worst first, at the end: then what to
// do about each finding, and what was asked. It holds no more of a finding
// than it prints.
type textWriter struct {
	out    *bufio.Writer
	opts   Options
	header Header
	rows   []textRow
}

func newText(w io.Writer, o Options) Writer {
	return &textWriter{out: bufio.NewWriter(w), opts: o}
}

func (t *textWriter) Begin(h Header) error {
	t.header = h
	return nil
}

func (t *textWriter) Finding(f exposure.Finding) error {
	t.rows = append(t.rows, newTextRow(&f, t.opts.Verbose))
	return nil
}

func (t *textWriter) End(s Summary) error {
	slices.SortStableFunc(t.rows, func(a, b textRow) int { return a.compare(b.precedence) })
	if len(t.rows) > 0 {
		t.table()
		t.details()
	}
	t.summary(s)
	if err := t.out.Flush(); err != nil {
		return fmt.Errorf("write text: %w", err)
	}
	return nil
}

// seeAll ends a sentence: where to look for what the text leaves out.
const seeAll = "see `memsweep convert REPORT -v` (or -v with scan), or the JSON report; " +
	"`memsweep fix REPORT --allow NETWORK` lets clients elsewhere in."

// details says for each finding why, and how to close it.
func (t *textWriter) details() {
	if len(t.rows) > maxDetailed && !t.opts.Verbose {
		fmt.Fprintln(t.out)
		t.wrapped("", "There are too many to go into each here: for the reasons and fixes "+seeAll)
		return
	}
	var more []string
	for _, r := range t.rows {
		t.detail(r)
		for _, system := range r.more {
			if !slices.Contains(more, system) {
				more = append(more, system)
			}
		}
	}
	if len(more) > 0 {
		fmt.Fprintln(t.out)
		t.wrapped("", "For the exact lines for "+strings.Join(more, ", ")+" "+seeAll)
	}
}

func (t *textWriter) detail(r textRow) {
	head := r.place()
	if len(r.names) > 0 {
		head += " (" + strings.Join(r.names, ", ") + ")"
	}
	fmt.Fprintf(t.out, "\n%s  %s, %s  %s\n", t.paint(bold, head), t.paintSeverity(r.severity, r.severity), r.verdict, t.paint(dim, exposure.Escape(r.id)))
	for _, reason := range r.reasons {
		t.wrapped("  - ", reason)
	}
	for _, n := range r.release {
		t.wrapped(n.label, n.text)
	}
	for _, fix := range r.fixes {
		label := "  Fix: "
		if t.opts.Verbose {
			label = "  Fix (" + fix.system + "): "
		}
		t.wrapped(label, fix.title)
		for _, line := range fix.lines {
			fmt.Fprintf(t.out, "      %s\n", t.paint(bold, line))
		}
	}
}

// wrapped writes a paragraph; further lines stand under the text of the first.
func (t *textWriter) wrapped(label, text string) {
	indent := strings.Repeat(" ", width(label))
	for i, line := range wrap(text, t.opts.Width-width(label)) {
		if i > 0 {
			label = indent
		}
		fmt.Fprintf(t.out, "%s%s\n", label, line)
	}
}

// wrap breaks text at blanks into lines of at most n columns where it can; a
// word that is longer stays whole. It does not break at all for n < 20.
func wrap(text string, n int) []string {
	if n < 20 || width(text) <= n {
		return []string{text}
	}
	var lines []string
	var line string
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case width(line)+1+width(word) <= n:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}
