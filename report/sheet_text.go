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

// minLast is how many columns the last cell needs to be read beside the others.
const minLast = 30

// maxShownLines is how many lines of a reply are shown unasked.
const maxShownLines = 4

// sheetText writes a sheet for people: its tables, one below the other in the
// same columns, and then what to remember.
type sheetText struct {
	textWriter
	sheet Sheet
}

func writeSheetText(w io.Writer, _ Tool, s Sheet, o Options) error {
	t := &sheetText{textWriter: textWriter{out: bufio.NewWriter(w), opts: o}, sheet: s}
	if err := t.tables(); err != nil {
		return fmt.Errorf("write text: %w", err)
	}
	t.findings()
	t.conclude()
	if err := t.out.Flush(); err != nil {
		return fmt.Errorf("write text: %w", err)
	}
	return nil
}

// textPart is a part with its cells as they are printed.
type textPart struct {
	Part
	head   []string
	rows   []Row
	cells  [][]string
	widths []int // those of parts with the same columns are the same
}

// tables writes the parts that have rows.
func (t *sheetText) tables() error {
	var parts []textPart
	var shared []int
	for _, p := range t.sheet.Parts {
		rows, _, err := p.take(math.MaxInt)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			continue
		}
		part := textPart{Part: p, rows: rows}
		for _, title := range t.sheet.titles(p) {
			part.head = append(part.head, strings.ToUpper(title))
		}
		part.widths = make([]int, len(part.head))
		if p.Columns == nil {
			shared = append(shared, part.widths[len(shared):]...)
			part.widths = shared
		}
		part.widen(part.head)
		for _, r := range rows {
			cells := t.cells(p, r)
			part.widen(cells)
			part.cells = append(part.cells, cells)
		}
		parts = append(parts, part)
	}
	for _, p := range parts {
		t.title(p)
		t.table(p)
		fmt.Fprintln(t.out)
	}
	return nil
}

// table writes a line a row. Where the terminal is too narrow, the last cell goes
// on in further lines, or each row becomes a block.
func (t *sheetText) table(p textPart) {
	last := len(p.widths) - 1
	used := len(gap) * last
	for _, w := range p.widths[:last] {
		used += w
	}
	switch room := t.opts.Width - used; {
	case t.opts.Width == 0 || p.widths[last] <= room:
		t.grid(p, 0)
	case room >= minLast:
		t.grid(p, room)
	default:
		t.blocks(p)
	}
}

func (p textPart) widen(cells []string) {
	for i := range min(len(p.widths), len(cells)) {
		p.widths[i] = max(p.widths[i], width(cells[i]))
	}
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

func (t *sheetText) cells(p Part, r Row) []string {
	cells := t.sheet.shown(p, r)
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

// grid writes columns, the last of them at most room wide; 0: as wide as it is.
func (t *sheetText) grid(p textPart, room int) {
	fmt.Fprintln(t.out, t.paint(dim, columned(p.head, p.widths)))
	last := len(p.head) - 1
	for i, cells := range p.cells {
		lines := wrap(cells[last], room)
		cells = append(slices.Clone(cells[:last]), lines[0])
		fmt.Fprintln(t.out, t.severe(p.rows[i], columned(cells, p.widths)))
		for _, more := range lines[1:] {
			cells = make([]string, last+1)
			cells[last] = more
			fmt.Fprintln(t.out, columned(cells, p.widths))
		}
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
	for _, name := range p.head[min(lead, len(p.head)):] {
		widest = max(widest, width(name))
	}
	for i, cells := range p.cells {
		first := min(lead, len(cells))
		fmt.Fprintln(t.out, t.severe(p.rows[i], strings.Join(cells[:first], gap)))
		for k, cell := range cells[first:] {
			if cell != "" {
				t.wrapped("    "+pad(strings.ToLower(p.head[first+k]), widest)+gap, cell)
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

// findings say of each finding why it is one, how to close it, and what proves
// it.
func (t *sheetText) findings() {
	for i, s := range t.sheet.Findings {
		t.detail(newTextRow(&s.Finding, t.opts.Verbose))
		t.wrapped("  Seen from ", say(s.From))
		for _, e := range newCard(&s.Finding, i).Endpoints {
			for _, x := range e.Exchanges {
				cut := ""
				if x.Truncated {
					cut = ", the rest was not kept"
				}
				t.wrapped("  Asked ", fmt.Sprintf("%s: %s, answered by %s (%s%s)", e.Title, x.Question, x.Size, x.Ending, cut))
				shown := x.Lines
				if !t.opts.Verbose {
					shown = shown[:min(maxShownLines, len(shown))]
				}
				for _, line := range shown {
					fmt.Fprintf(t.out, "      %s\n", t.paint(dim, line))
				}
				if left := len(x.Lines) - len(shown); left > 0 {
					fmt.Fprintf(t.out, "      %s\n", t.paint(dim, fmt.Sprintf("… %s more (-v)", plural(uint64(left), "line"))))
				}
			}
		}
	}
	if len(t.sheet.Findings) > 0 {
		fmt.Fprintln(t.out)
	}
}
