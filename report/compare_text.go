package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/exposure/matrix"
)

// matrixText writes a matrix for people: a table, worst first, what its rows
// mean, and which columns not to rely on.
type matrixText struct {
	textWriter
	matrix matrix.Matrix
	shown  []matrix.Row
}

func writeMatrixText(w io.Writer, _ Tool, m matrix.Matrix, o Options) error {
	t := &matrixText{textWriter: textWriter{out: bufio.NewWriter(w), opts: o}, matrix: m, shown: m.Rows}
	if !o.Verbose {
		t.shown = slices.DeleteFunc(slices.Clone(m.Rows), func(r matrix.Row) bool { return r.Severity == "" })
	}
	if len(t.shown) > 0 {
		t.grid()
		t.meanings()
		fmt.Fprintln(t.out)
	}
	t.conclusion()
	if err := t.out.Flush(); err != nil {
		return fmt.Errorf("write text: %w", err)
	}
	return nil
}

// cells are the row of the table, escaped.
func (t *matrixText) cells(r matrix.Row) []string {
	cells := []string{strings.ToUpper(string(r.Severity)), r.String()}
	if r.Severity == "" {
		cells[0] = "-"
	}
	for _, c := range r.Cells {
		c.Text = shorten(c.Text, maxEndpoint)
		cells = append(cells, c.String())
	}
	return escaped(append(cells, strings.Join(kinds(r), ", ")))
}

// grid writes a line an endpoint; where the terminal is too narrow, a block.
func (t *matrixText) grid() {
	head := []string{"SEVERITY", "ENDPOINT"}
	for _, c := range t.matrix.Columns {
		head = append(head, shorten(c.Vantage.Name, maxEndpoint))
	}
	head = escaped(append(head, "MEANS"))
	widths := make([]int, len(head))
	used := len(gap) * (len(head) - 1)
	table := [][]string{head}
	for _, r := range t.shown {
		table = append(table, t.cells(r))
	}
	for i := range widths {
		for _, line := range table {
			widths[i] = max(widths[i], width(line[i]))
		}
		used += widths[i]
	}
	if t.opts.Width > 0 && used > t.opts.Width {
		for i, r := range t.shown {
			t.block(r, head, table[i+1])
		}
		return
	}
	for i, line := range table {
		for k := range line {
			line[k] = pad(line[k], widths[k])
		}
		text := strings.TrimRight(strings.Join(line, gap), " ")
		if i == 0 {
			fmt.Fprintln(t.out, t.paint(dim, text))
			continue
		}
		fmt.Fprintln(t.out, t.severe(t.shown[i-1], text))
	}
}

// block spreads a row over lines, one a vantage.
func (t *matrixText) block(r matrix.Row, head, cells []string) {
	last := len(cells) - 1
	fmt.Fprintln(t.out, t.severe(r, cells[0]+gap+cells[1]))
	names := head[2:last]
	widest := 0
	for _, n := range names {
		widest = max(widest, width(n))
	}
	for i, n := range names {
		fmt.Fprintln(t.out, "    "+pad(n, widest)+gap+cells[i+2])
	}
	t.wrapped("    ", cells[last])
}

// severe colours the severity that a line starts with.
func (t *matrixText) severe(r matrix.Row, line string) string {
	severity := exposure.Escape(string(r.Severity))
	return t.coloured(textRow{severity: severity}, line)
}

// meanings say in sentences what the rows mean.
func (t *matrixText) meanings() {
	if len(t.shown) > maxDetailed && !t.opts.Verbose {
		fmt.Fprintln(t.out)
		t.wrapped("", "There are too many to say in full here what each means: see `memsweep compare -v`, or the JSON.")
		return
	}
	for _, r := range t.shown {
		if len(r.Patterns) == 0 {
			continue
		}
		head := r.String()
		if len(r.Names) > 0 {
			head += " (" + strings.Join(r.Names, ", ") + ")"
		}
		fmt.Fprintf(t.out, "\n%s\n", t.paint(bold, exposure.Escape(head)))
		for _, p := range r.Patterns {
			t.wrapped("  - ", exposure.Escape(p.Text))
		}
	}
}

// conclusion says what was compared, and what not to rely on.
func (t *matrixText) conclusion() {
	for _, line := range wrap(comparedHeadline(t.matrix), t.opts.Width) {
		fmt.Fprintln(t.out, t.paint(bold, line))
	}
	if hidden := len(t.matrix.Rows) - len(t.shown); hidden > 0 {
		t.wrapped("", fmt.Sprintf("Not shown (-v does): %s of the same hosts without an answer to anybody.", plural(uint64(hidden), "further endpoint")))
	}
	for _, c := range t.matrix.Columns {
		t.wrapped("  ", exposure.Escape(provenance(c)))
	}
	for _, alarming := range comparedAlarms(t.matrix) {
		for i, line := range wrap(alarming, t.opts.Width-4) {
			start := "!!  "
			if i > 0 {
				start = "    "
			}
			fmt.Fprintln(t.out, t.paint(alarm, start+line))
		}
	}
}

// provenance says where a column is from.
func provenance(c matrix.Column) string {
	text := fmt.Sprintf("%s (%s): ", c.Vantage.Name, c.Vantage.Trust)
	if c.Engine != "" {
		text += c.Engine + " engine, "
	}
	if !c.Started.IsZero() {
		text += "started " + c.Started.Format("2006-01-02 15:04:05 UTC") + ", "
	}
	text += string(c.Status) + "; " + c.Source
	if c.Policy != nil {
		text += fmt.Sprintf("; under %s (SHA-256 %s)", c.Policy.Name, c.Policy.SHA256)
	}
	return text
}
