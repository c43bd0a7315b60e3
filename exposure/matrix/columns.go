package matrix

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

// apart is how far two sweeps may lie apart that are told as one.
const apart = 24 * time.Hour

// judgeColumns says which columns prove less than they seem to.
func (m *Matrix) judgeColumns(views []View) {
	for i, v := range views {
		c := &m.Columns[i]
		c.Uncertain = v.Contradicts || m.leftOpen(i)
		about := func(k Kind, format string, args ...any) {
			text := fmt.Sprintf(format, append([]any{c.Vantage.Name, c.Vantage.Trust}, args...)...)
			m.Patterns = append(m.Patterns, Pattern{k, text, []string{c.Vantage.Name}})
		}
		if c.Unfinished() {
			about(Unfinished, "The sweep from %s (%s) is %s: what it does not show was perhaps not asked.", c.Status)
		}
		if v.Fate == nil {
			about(Unplanned, "The report from %s (%s) does not say what was asked: where it names nothing, nothing is known.")
		}
		switch {
		case v.refusedByOthers():
			c.Suspect = true
			about(Blind, "Nothing answered %s (%s), and refusals came from others than those that were asked, from %s: a firewall on the way, perhaps its own, may reject everything. A target that must answer there would tell.", v.refusers())
		case deaf(v.Outcomes):
			c.Suspect = true
			about(Blind, "Nothing at all came back to %s (%s), not even a refusal: either everything is filtered, or its own network lets nothing out. A target that must answer there would tell.")
		case m.seesLess(i):
			c.Suspect = true
			about(SeesNothing, "%s (%s) had no answer anywhere, although vantages that are trusted no more had: its own network may filter what it sends.")
		}
	}
	if p, ok := m.timesApart(); ok {
		m.Patterns = append(m.Patterns, p)
	}
	slices.SortFunc(m.Patterns, func(a, b Pattern) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), slices.Compare(a.Vantages, b.Vantages))
	})
}

// deaf reports whether a sweep asked, and nothing came back.
func deaf(o *exposure.Outcomes) bool {
	return o != nil && o.Answered == 0 && o.Closed == 0 && o.Silent > 0
}

// leftOpen reports whether there is a row that stays undecided because nothing
// is known of it from column i.
func (m *Matrix) leftOpen(i int) bool {
	return slices.ContainsFunc(m.Rows, func(r Row) bool {
		return r.Cells[i].State == Unknown && (len(m.Columns) == 1 || r.Patterns[0].Kind == Undecided)
	})
}

// The engines of sweeps. Raw sees who sent a refusal; the other learns that of
// some alone.
const (
	rawEngine    = "raw"
	socketEngine = "socket"
	namedAtMost  = 3   // of those who refused, in a sentence
	refusersKept = 100 // how many of them a sweep counts by name
)

// refusedByOthers reports whether a sweep had no answer, and no refusal that is
// known to be of an address it asked. Where it cannot be told, none is.
func (v View) refusedByOthers() bool {
	o := v.Outcomes
	if o == nil || o.Answered > 0 || o.Closed == 0 || len(v.RefusedBy) == 0 {
		return false
	}
	left := o.Closed
	for _, n := range v.RefusedBy {
		left -= min(left, n)
	}
	return left == 0 || v.Engine != rawEngine || len(v.RefusedBy) >= refusersKept
}

// refusers names who refused in the place of others, the busiest first.
func (v View) refusers() string {
	all := slices.SortedFunc(maps.Keys(v.RefusedBy), func(a, b netip.Addr) int {
		return cmp.Or(cmp.Compare(v.RefusedBy[b], v.RefusedBy[a]), a.Compare(b))
	})
	var names []string
	for _, by := range all[:min(len(all), namedAtMost)] {
		names = append(names, by.String())
	}
	if more := len(all) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return enumerate(names)
}

// seesLess reports whether column i asked and had no answer in any row, while
// another had one where it asked that is trusted no more.
func (m *Matrix) seesLess(i int) bool {
	other := false
	for _, r := range m.Rows {
		if r.Cells[i].Answered() {
			return false
		}
		if !r.Cells[i].Asked() {
			continue
		}
		for k, c := range r.Cells {
			other = other || c.Answered() && distrust(m.Columns[k].Vantage.Trust) >= distrust(m.Columns[i].Vantage.Trust)
		}
	}
	return other
}

// timesApart finds sweeps that started more than a day apart.
func (m *Matrix) timesApart() (p Pattern, ok bool) {
	var dated []Column
	for _, c := range m.Columns {
		if !c.Started.IsZero() {
			dated = append(dated, c)
		}
	}
	if len(dated) < 2 {
		return p, false
	}
	slices.SortFunc(dated, func(a, b Column) int {
		return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.Vantage.Name, b.Vantage.Name))
	})
	first, last := dated[0], dated[len(dated)-1]
	if last.Started.Sub(first.Started) <= apart {
		return p, false
	}
	names := []string{first.Vantage.Name, last.Vantage.Name}
	slices.Sort(names)
	return Pattern{TimesApart, fmt.Sprintf("The vantages asked at very different times, %s at %s and %s at %s: what differs between them may have changed in between.",
		first.Vantage.Name, first.Started.Format(time.DateTime), last.Vantage.Name, last.Started.Format(time.DateTime)), names}, true
}
