package report

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// maxCell is how many columns of a terminal one cell of a sheet may take, but
// for the last, which may say a sentence.
const maxCell = 40

// sheetText writes a sheet for people: its tables, one below the other in the
// same columns, and then what to remember.
type sheetText struct {
	textWriter
	sheet Sheet
	head  []string
}

func writeSheetText(w io.Writer, _ Tool, s Sheet, o Options) error {
	t := &sheetText{textWriter: textWriter{out: bufio.NewWriter(w), opts: o}, sheet: s, head: s.titles()}
	for i := range t.head {
		t.head[i] = strings.ToUpper(t.head[i])
	}
	if err := t.tables(); err != nil {
		return fmt.Errorf("write text: %w", err)
	}
	t.conclude()
	if err := t.out.Flush(); err != nil {
		return fmt.Errorf("write text: %w", err)
	}
	return nil
}

// textPart is a part with its cells as they are printed.
type textPart struct {
	Part
	rows  []Row
	cells [][]string
}

// tables writes the parts that have rows.
func (t *sheetText) tables() error {
	var parts []textPart
	widths := make([]int, len(t.head))
	t.widen(widths, t.head)
	for _, p := range t.sheet.Parts {
		rows, _, err := p.take(math.MaxInt)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			continue
		}
		part := textPart{Part: p, rows: rows}
		for _, r := range rows {
			cells := t.cells(r)
			t.widen(widths, cells)
			part.cells = append(part.cells, cells)
		}
		parts = append(parts, part)
	}
	used := len(gap) * (len(widths) - 1)
	for _, w := range widths {
		used += w
	}
	for _, p := range parts {
		t.title(p)
		if t.opts.Width > 0 && used > t.opts.Width {
			t.blocks(p)
		} else {
			t.grid(p, widths)
		}
		fmt.Fprintln(t.out)
	}
	return nil
}

func (t *sheetText) title(p textPart) {
	if p.Title == "" {
		return
	}
	fmt.Fprintln(t.out, t.paint(bold, fmt.Sprintf("%s (%d)", say(p.Title), len(p.rows))))
	if p.Note != "" {
		t.wrapped("", say(p.Note))
	}
}

func (t *sheetText) cells(r Row) []string {
	cells := t.sheet.shown(r)
	for i, c := range cells {
		if i < len(cells)-1 {
			cells[i] = shorten(say(c), maxCell)
		} else {
			cells[i] = say(c)
		}
	}
	if t.sheet.Ranked {
		cells[0] = strings.ToUpper(cells[0])
	}
	return cells
}

func (t *sheetText) widen(widths []int, cells []string) {
	for i := range min(len(widths), len(cells)) {
		widths[i] = max(widths[i], width(cells[i]))
	}
}

func (t *sheetText) grid(p textPart, widths []int) {
	fmt.Fprintln(t.out, t.paint(dim, columned(t.head, widths)))
	for i, cells := range p.cells {
		fmt.Fprintln(t.out, t.severe(p.rows[i], columned(cells, widths)))
	}
}

func columned(cells []string, widths []int) string {
	cells = slices.Clone(cells)
	for i := range cells {
		cells[i] = pad(cells[i], widths[i])
	}
	return strings.TrimRight(strings.Join(cells, gap), " ")
}

// blocks spreads each row over lines, where the terminal is too narrow.
func (t *sheetText) blocks(p textPart) {
	lead := 1 // cells in the first line
	if t.sheet.Ranked {
		lead = 2
	}
	widest := 0
	for _, name := range t.head[min(lead, len(t.head)):] {
		widest = max(widest, width(name))
	}
	for i, cells := range p.cells {
		first := min(lead, len(cells))
		fmt.Fprintln(t.out, t.severe(p.rows[i], strings.Join(cells[:first], gap)))
		for k, cell := range cells[first:] {
			if cell != "" {
				t.wrapped("    "+pad(strings.ToLower(t.head[first+k]), widest)+gap, cell)
			}
		}
	}
}

func (t *sheetText) severe(r Row, line string) string {
	return t.coloured(textRow{severity: say(string(r.Severity))}, line)
}

// conclude says what to remember, and what not to rely on.
func (t *sheetText) conclude() {
	for _, line := range wrap(say(t.sheet.Headline), t.opts.Width) {
		fmt.Fprintln(t.out, t.paint(bold, line))
	}
	for _, line := range t.sheet.Where {
		t.wrapped("  ", say(line))
	}
	for _, f := range t.sheet.Facts {
		t.wrapped("  "+say(f.Name)+": ", say(f.Value))
	}
	for _, alarming := range t.sheet.Alarms {
		for i, line := range wrap(say(alarming), t.opts.Width-4) {
			start := "!!  "
			if i > 0 {
				start = "    "
			}
			fmt.Fprintln(t.out, t.paint(alarm, start+line))
		}
	}
}
