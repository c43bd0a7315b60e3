package report

import (
	"io"
	"iter"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/exposure/matrix"
)

// comparePage is what the template of a comparison shows.
type comparePage struct {
	frame
	Headline    string
	Alarms      []string
	Vantages    []comparedVantage
	Severities  []tile
	Actions     []action
	ActionsLeft uint64
	Rows        iter.Seq[comparedRow]
	Cards       iter.Seq[card]
	Total       int
	Listed      int // the worst, in Rows
	Hosts       int
	Detailed    int // the worst, in Cards
}

type comparedVantage struct {
	Name, Trust, Status string
	Suspect             bool
	Facts               []fact
}

// writeMatrixHTML writes a comparison as one self-contained page.
func writeMatrixHTML(w io.Writer, tool Tool, m matrix.Matrix, o Options) error {
	worst, err := newWorstViews(m)
	if err != nil {
		return err
	}
	defer worst.docket.bodies.Close()
	p := comparePage{
		Headline: comparedHeadline(m), Alarms: comparedAlarms(m),
		Total: len(m.Rows), Listed: min(maxHTMLListed, len(m.Rows)),
		Hosts: len(worst.docket.list), Detailed: min(maxHTMLDetailed, len(worst.docket.list)),
	}
	if o.Verbose {
		p.Listed, p.Detailed = p.Total, p.Hosts
	}
	linked := p.Hosts
	if p.Listed < p.Total {
		linked = p.Detailed // the rows of others may be among those left out
	}
	actions, left, err := worst.docket.actions(linked)
	if err != nil {
		return err
	}
	p.Actions, p.ActionsLeft = actions, uint64(left)
	p.frame = frame{Title: p.Headline, Loud: len(p.Alarms) > 0, Version: say(tool.Name + " " + tool.Version)}
	for _, c := range m.Columns {
		p.Vantages = append(p.Vantages, newComparedVantage(c))
	}
	p.Severities = comparedTiles(m)
	var failed error
	p.Rows, p.Cards = worst.rows(m, p.Listed, p.Detailed), worst.cards(p.Detailed, &failed)
	return writePage(w, "compare.tmpl", p, func() error { return failed })
}

// comparedTiles counts the rows by severity, those without an answer last.
func comparedTiles(m matrix.Matrix) []tile {
	found := severityCount{}
	var quiet uint64
	for _, r := range m.Rows {
		if r.Severity == "" {
			quiet++
			continue
		}
		found[say(string(r.Severity))]++
	}
	var list []tile
	for _, name := range found.names() {
		list = append(list, tile{name, severityClass(name), found[name]})
	}
	if quiet > 0 {
		list = append(list, tile{"no answer", "none", quiet})
	}
	return list
}

func newComparedVantage(c matrix.Column) comparedVantage {
	v := comparedVantage{Name: say(c.Vantage.Name), Trust: say(string(c.Vantage.Trust)), Status: say(string(c.Status)), Suspect: c.Suspect}
	summary := Summary{Status: c.Status}
	if c.Finished != nil {
		summary.Finished = *c.Finished
	}
	v.Facts = about(Header{Sweep: Sweep{ID: c.Sweep, Started: c.Started, Vantage: c.Vantage, Engine: c.Engine}}, summary, nil)
	for _, digest := range []fact{{"Read from", c.Source}, {"Plan", c.Plan}, {"Scope", c.Scope}} {
		if digest.Value != "" {
			v.Facts = append(v.Facts, fact{digest.Name, say(digest.Value)})
		}
	}
	return v
}

// rows yields the worst n rows. Those of a host that has a card lead there;
// else the first of them is where the host is.
func (w *worstViews) rows(m matrix.Matrix, n, detailed int) iter.Seq[comparedRow] {
	return func(yield func(comparedRow) bool) {
		placed := map[string]bool{}
		for _, h := range w.docket.list[:detailed] {
			placed[anchor(h.id, 0)] = true
		}
		for _, r := range m.Rows[:n] {
			row := newComparedRow(m, r)
			row.Anchor = w.anchors[r.IP]
			row.Linked = placed[row.Anchor]
			if !row.Linked && row.Anchor != "" {
				if placed["row "+row.Anchor] {
					row.Anchor = ""
				}
				placed["row "+row.Anchor] = true
			}
			if !yield(row) {
				return
			}
		}
	}
}

func (w *worstViews) cards(n int, failed *error) iter.Seq[card] {
	return func(yield func(card) bool) {
		for place := range n {
			var f exposure.Finding
			if f, *failed = w.docket.get(place); *failed != nil {
				return
			}
			c := newCard(&f, place)
			c.From = w.from[f.ID]
			if !yield(c) {
				return
			}
		}
	}
}
