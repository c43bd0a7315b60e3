package report

import (
	"fmt"
	"strings"
)

const (
	gap       = "  "
	minReason = 60 // columns below which a reason does not fit beside the rest
)

// table writes one line a finding. Where the terminal is too narrow the reason
// goes below its finding, and what the endpoints did too.
func (t *textWriter) table() {
	head := textRow{severity: "severity", address: "address", verdict: "verdict", tcp: "tcp", udp: "udp"}
	if port, ok := t.onePort(); ok {
		head.tcp, head.udp = fmt.Sprintf("tcp %d", port), fmt.Sprintf("udp %d", port)
	} else {
		for i := range t.rows {
			t.rows[i].address = t.rows[i].place()
		}
	}
	widths := make([]int, len(head.cells()))
	for _, r := range append(t.rows, head) {
		for i, c := range r.cells() {
			widths[i] = max(widths[i], width(c))
		}
	}
	fixed := len(gap) * len(widths)
	for _, w := range widths {
		fixed += w
	}
	beside, below := t.opts.Width == 0 || fixed+minReason <= t.opts.Width, fixed <= t.opts.Width
	switch {
	case beside:
		fmt.Fprintln(t.out, t.paint(dim, strings.ToUpper(line(head, widths)+gap+"why")))
	case below:
		fmt.Fprintln(t.out, t.paint(dim, strings.ToUpper(strings.TrimRight(line(head, widths), " "))))
	}
	for _, r := range t.rows {
		switch {
		case beside:
			t.row(r, line(r, widths)+gap, fixed)
		case below:
			fmt.Fprintln(t.out, t.coloured(r, strings.TrimRight(line(r, widths), " ")))
			t.row(r, strings.Repeat(" ", widths[0])+gap, widths[0]+len(gap))
		default:
			t.stacked(r, widths[0])
		}
	}
}

// onePort is the port that all findings have, if they have one: then it stands
// above the table, not in each line.
func (t *textWriter) onePort() (port uint16, ok bool) {
	for _, r := range t.rows {
		switch {
		case r.bare:
			continue
		case r.port == 0 || port != 0 && r.port != port:
			return 0, false
		}
		port = r.port
	}
	return port, port != 0
}

// row ends a line with as much of the main reason as fits behind used columns.
func (t *textWriter) row(r textRow, start string, used int) {
	why := r.why()
	if t.opts.Width > 0 {
		why = shorten(why, t.opts.Width-used)
	}
	fmt.Fprintln(t.out, t.coloured(r, strings.TrimRight(start+why, " ")))
}

// stacked spreads a finding over lines of their own.
func (t *textWriter) stacked(r textRow, severityWidth int) {
	start := strings.ToUpper(pad(r.severity, severityWidth)) + gap + r.place() + gap + r.verdict
	fmt.Fprintln(t.out, t.coloured(r, start))
	if !r.bare {
		fmt.Fprintf(t.out, "    tcp %s, udp %s\n", r.tcp, r.udp)
	}
	t.wrapped("    ", r.why())
}

func (r textRow) cells() []string {
	return []string{r.severity, r.address, r.verdict, r.tcp, r.udp}
}

func (r textRow) why() string {
	if len(r.reasons) == 0 {
		return ""
	}
	return r.reasons[0]
}

// line lays the cells of a row out in columns, the severity in capitals.
func line(r textRow, widths []int) string {
	cells := r.cells()
	cells[0] = strings.ToUpper(cells[0])
	for i := range cells {
		cells[i] = pad(cells[i], widths[i])
	}
	return strings.Join(cells, gap)
}

func pad(s string, n int) string { return s + strings.Repeat(" ", max(0, n-width(s))) }

// ANSI "select graphic rendition" codes (ECMA-48, 8.3.117).
const (
	bold  = "1"
	dim   = "2"
	alarm = "1;31"
)

// paint colours s, where colour is welcome.
func (t *textWriter) paint(code, s string) string {
	if !t.opts.Color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// paintSeverity colours s as befits a severity, given in any case.
func (t *textWriter) paintSeverity(severity, s string) string {
	switch strings.ToLower(severity) {
	case "critical":
		return t.paint("1;97;41", s)
	case "high":
		return t.paint(alarm, s)
	case "medium":
		return t.paint("33", s)
	case "low":
		return t.paint("36", s)
	}
	return t.paint(dim, s)
}

// coloured colours the severity that a line starts with.
func (t *textWriter) coloured(r textRow, line string) string {
	severity := strings.ToUpper(r.severity)
	rest, ok := strings.CutPrefix(line, severity)
	if !ok {
		return line
	}
	return t.paintSeverity(r.severity, severity) + rest
}
