package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/memsweep/memsweep/exposure/matrix"
)

// writeMatrixMarkdown writes a comparison for a ticket: the matrix, and the
// fix of each host as seen from where it is worst.
func writeMatrixMarkdown(w io.Writer, _ Tool, m matrix.Matrix, o Options) error {
	worst, err := newWorstViews(m)
	if err != nil {
		return err
	}
	defer worst.docket.bodies.Close()
	out := bufio.NewWriter(w)
	loud := comparedAlarms(m)
	title := comparedHeadline(m)
	if len(loud) > 0 {
		title = "INCOMPLETE: " + title
	}
	fmt.Fprintf(out, "# %s\n\n", markdownText(title))
	writeMarkdownAlarms(out, loud)
	writeMarkdownMatrix(out, m, o)
	detail := markdownWriter{out: out, opts: o, docket: &worst.docket, from: worst.from}
	if err := detail.sections(); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write markdown: %w", err)
	}
	return nil
}

func writeMarkdownMatrix(out io.Writer, m matrix.Matrix, o Options) {
	if len(m.Rows) == 0 {
		return
	}
	fmt.Fprint(out, "| Severity | Host | Endpoint |")
	for _, c := range m.Columns {
		marks := say(string(c.Vantage.Trust))
		if c.Unfinished() {
			marks += ", " + say(string(c.Status))
		}
		if c.Suspect {
			marks += ", suspect"
		}
		fmt.Fprintf(out, " %s (%s) |", markdownText(say(c.Vantage.Name)), markdownText(marks))
	}
	fmt.Fprintf(out, " What it means |\n|---|---|---|%s---|\n", strings.Repeat("---|", len(m.Columns)))
	listed := min(maxMarkdownListed, len(m.Rows))
	if o.Verbose {
		listed = len(m.Rows)
	}
	for _, r := range m.Rows[:listed] {
		row := newComparedRow(m, r)
		severity := "–"
		if row.Severity != "" {
			severity = "**" + markdownText(row.Severity) + "**"
		}
		fmt.Fprintf(out, "| %s | %s | %s |", severity, markdownCell(row.Host), markdownText(row.Endpoint))
		for _, c := range row.Cells {
			text := markdownText(c.Text)
			if len(c.Tags) > 0 {
				text += " (" + strings.Join(c.Tags, ", ") + ")"
			}
			fmt.Fprintf(out, " %s |", text)
		}
		fmt.Fprintf(out, " %s |\n", markdownText(strings.Join(row.Meaning, " ")))
	}
	if left := len(m.Rows) - listed; left > 0 {
		fmt.Fprintf(out, "\n**%s more, none of them worse, not listed here.** All of them: `memsweep compare --format csv`.\n", plural(uint64(left), "endpoint"))
	}
}
