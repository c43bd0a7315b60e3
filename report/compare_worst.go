package report

import (
	"fmt"
	"net/netip"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/exposure/matrix"
)

// worstViews is each host of a comparison as the vantage saw it from which it
// is worst: what is to be done about it.
type worstViews struct {
	docket  docket
	anchors map[netip.Addr]string // where in the document a host is
	from    map[string]string     // finding ID → the vantage, in words
}

// newWorstViews judges again what the cells of a host hold, one column at a
// time: a cell knows what was seen, but not how to close it.
func newWorstViews(m matrix.Matrix) (*worstViews, error) {
	w := &worstViews{anchors: map[netip.Addr]string{}, from: map[string]string{}}
	var order []netip.Addr
	rows := map[netip.Addr][]matrix.Row{}
	for _, r := range m.Rows {
		if rows[r.IP] == nil {
			order = append(order, r.IP)
		}
		rows[r.IP] = append(rows[r.IP], r)
	}
	for _, ip := range order {
		f, column, ok := worstView(m, rows[ip])
		if !ok {
			continue
		}
		w.anchors[ip] = anchor(f.ID, len(w.docket.list))
		w.from[f.ID] = vantageInWords(m.Columns[column].Vantage)
		if err := w.docket.put(&f); err != nil {
			return nil, err
		}
	}
	w.docket.sort()
	return w, nil
}

// worstView judges the rows of one host. A view that nobody justified is worse
// than any that somebody did.
func worstView(m matrix.Matrix, rows []matrix.Row) (worst exposure.Finding, column int, ok bool) {
	for i, c := range m.Columns {
		f, seen := viewFrom(c.Vantage, rows, i)
		if !seen {
			continue
		}
		if !ok || precedenceOf(&f).severityRank < precedenceOf(&worst).severityRank {
			worst, column, ok = f, i, true
		}
	}
	return worst, column, ok
}

func viewFrom(v exposure.Vantage, rows []matrix.Row, column int) (exposure.Finding, bool) {
	h := exposure.Host{Addr: rows[0].IP}
	var policy *exposure.Standing
	for _, r := range rows {
		if column >= len(r.Cells) {
			continue
		}
		c := r.Cells[column]
		if !c.Answered() || c.Observation == nil {
			continue
		}
		h.Observations = append(h.Observations, *c.Observation)
		if c.Policy != nil && (policy == nil || policy.Justified) {
			policy = c.Policy
		}
	}
	if len(h.Observations) == 0 {
		return exposure.Finding{}, false
	}
	f := exposure.Judge(h, v)
	f.Names, f.Policy = rows[0].Names, policy
	if policy != nil && policy.Justified {
		f.Severity = f.Inside() // who may reach it says nothing of whom it runs as
	}
	return f, true
}

func vantageInWords(v exposure.Vantage) string {
	return say(fmt.Sprintf("%s (%s)", v.Name, v.Trust))
}

// comparedAlarms are the reasons not to take a comparison for the whole truth.
func comparedAlarms(m matrix.Matrix) []string {
	var list []string
	if m.Partial {
		list = append(list, "PARTIAL: the reports are not of one plan, so an endpoint may have been asked from some vantages only.")
	}
	for _, c := range m.Columns {
		switch {
		case c.Status == exposure.Interrupted:
			list = append(list, say(fmt.Sprintf("INTERRUPTED: the sweep from %s was stopped before its end.", c.Vantage.Name)))
		case c.Unfinished():
			list = append(list, say(fmt.Sprintf("INCOMPLETE: the sweep from %s did not do all that was planned.", c.Vantage.Name)))
		}
		for _, p := range c.Problems {
			list = append(list, say(fmt.Sprintf("%s: %s", c.Vantage.Name, p)))
		}
	}
	for _, p := range m.Patterns {
		if p.Kind != matrix.Unfinished { // said already
			list = append(list, say(p.Text))
		}
	}
	return list
}

// comparedHeadline is the one sentence to remember of a comparison.
func comparedHeadline(m matrix.Matrix) string {
	found := severityCount{}
	for _, r := range m.Rows {
		if r.Severity != "" {
			found[say(string(r.Severity))]++
		}
	}
	from := plural(uint64(len(m.Columns)), "vantage")
	if found.total() == 0 {
		return "Nothing answered at " + from + "."
	}
	return fmt.Sprintf("%s seen from %s: %s.", plural(found.total(), "exposed endpoint"), from, found)
}

// comparedRow is a row as documents for people show it.
type comparedRow struct {
	Anchor, Host, Names, Endpoint, Severity string
	Linked                                  bool // Anchor is elsewhere in the document
	Cells                                   []comparedCell
	Meaning                                 []string
}

// Class is the severity as one of five known words, "none" when nothing answered.
func (r comparedRow) Class() string {
	if r.Severity == "" {
		return "none"
	}
	return severityClass(r.Severity)
}

type comparedCell struct {
	Vantage, Text, Version, Class string
	Tags                          []string
}

func newComparedRow(m matrix.Matrix, r matrix.Row) comparedRow {
	row := comparedRow{
		Host: say(r.IP.String()), Endpoint: fmt.Sprintf("%s %d", say(string(r.Transport)), r.Port), Severity: say(string(r.Severity)),
	}
	row.Names = inWords(r.Names)
	for _, p := range r.Patterns {
		row.Meaning = append(row.Meaning, say(p.Text))
	}
	for i, c := range m.Columns {
		cell := comparedCell{Vantage: say(c.Vantage.Name), Text: "unknown", Class: "unasked"}
		if i < len(r.Cells) {
			cell.fill(r.Cells[i])
		}
		row.Cells = append(row.Cells, cell)
	}
	return row
}

func (c *comparedCell) fill(seen matrix.Cell) {
	c.Text = say(seen.Text)
	switch {
	case seen.Answered():
		c.Class = "answer " + severityClass(string(seen.Severity))
		if seen.Version != nil {
			c.Version = shorten(say(*seen.Version), maxEndpoint)
		}
	case seen.Asked():
		c.Class = "quiet"
	}
	if seen.Justified() {
		c.Tags = append(c.Tags, "justified")
	}
	if seen.Unfinished {
		c.Tags = append(c.Tags, "unfinished")
	}
}
