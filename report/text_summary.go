package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

// summary says what was asked and what became of it. What was not scanned is
// said loudest: nothing is known about it.
func (t *textWriter) summary(s Summary) {
	if len(t.rows) > 0 {
		fmt.Fprintln(t.out)
	}
	c := knownCoverage(s.Coverage)
	fmt.Fprintln(t.out, t.paint(bold, headline(t.bySeverity(), s, c)))
	if len(t.rows) == 0 && c != nil && c.Outcomes.Silent > 0 {
		t.wrapped("", silence(c))
	}
	t.wrapped("", whereFrom(t.header, s))
	if p := t.header.Policy; p != nil {
		t.wrapped("", exposure.Escape(underPolicy(p, s)))
	}
	if c != nil {
		t.wrapped("", endpoints(c))
	}
	for _, alarming := range alarms(s, c) {
		for i, line := range wrap(alarming, t.opts.Width-4) {
			start := "!!  "
			if i > 0 {
				start = "    "
			}
			fmt.Fprintln(t.out, t.paint(alarm, start+line))
		}
	}
}

// headline is the one sentence to remember.
func headline(found severityCount, s Summary, c *exposure.Coverage) string {
	switch {
	case found.total() > 0:
		return plural(found.total(), "finding") + ": " + found.String() + "."
	case c != nil && c.Outcomes.Answered > 0:
		return fmt.Sprintf("No findings, although %s answered.", plural(c.Outcomes.Answered, "endpoint"))
	case s.Status != exposure.Complete || c == nil:
		return "Nothing answered before the sweep ended."
	case c.Outcomes.LocalError+c.Outcomes.NotScanned > 0:
		return "Nothing answered, of what was asked."
	}
	return "Nothing answered."
}

// silence is what an empty report must not be mistaken for.
func silence(c *exposure.Coverage) string {
	return "Silence is not proof of absence: " + plural(c.Outcomes.Silent, "endpoint") + " did not answer at all."
}

func (t *textWriter) bySeverity() severityCount {
	found := severityCount{}
	for _, r := range t.rows {
		found[r.severity]++
	}
	return found
}

// severityCount is how many findings there are of each severity. The names of
// those that are not known are escaped.
type severityCount map[string]uint64

func (n severityCount) total() uint64 { return total(n) }

// names lists the severities that occur, worst first, strangers last.
func (n severityCount) names() []string {
	var known []string
	for _, s := range exposure.Severities() {
		if n[string(s)] > 0 {
			known = append(known, string(s))
		}
	}
	strangers := slices.DeleteFunc(slices.Sorted(maps.Keys(n)), func(s string) bool { return slices.Contains(known, s) })
	return append(known, strangers...)
}

// String is the count in words: "2 critical, 1 low".
func (n severityCount) String() string {
	var parts []string
	for _, s := range n.names() {
		parts = append(parts, fmt.Sprintf("%d %s", n[s], s))
	}
	return strings.Join(parts, ", ")
}

// whereFrom says which sweep this was.
func whereFrom(h Header, s Summary) string {
	sweep := h.Sweep
	engine := sweep.Engine + " engine"
	if len(sweep.Detail) > 0 {
		engine += " (" + strings.Join(sweep.Detail, "; ") + ")"
	}
	text := fmt.Sprintf("Swept from %s (%s) with the %s, starting %s", sweep.Vantage.Name, sweep.Vantage.Trust,
		engine, sweep.Started.UTC().Format("2006-01-02 15:04:05 UTC"))
	if took := s.Finished.Sub(sweep.Started); !s.Finished.IsZero() && took >= 0 {
		text += ", in " + took.Round(100*time.Millisecond).String()
	}
	if s.RateAchieved != nil {
		text += fmt.Sprintf(", at %.0f packets a second of %.0f asked for", *s.RateAchieved, sweep.RateAsked)
	}
	return exposure.Escape(text + "; sweep " + sweep.ID + ", " + h.Tool.Name + " " + h.Tool.Version + ".")
}

// underPolicy says what the findings were held against.
func underPolicy(p *Policy, s Summary) string {
	text := "Held against policy " + p.Name + " (SHA-256 " + p.SHA256 + ")"
	if s.Justified == nil {
		return text + "."
	}
	return text + ": " + plural(*s.Justified, "finding") + " expected or justified."
}

func endpoints(c *exposure.Coverage) string {
	o := c.Outcomes
	text := fmt.Sprintf("Of %s at %s: %d answered, %d closed, %d silent", plural(c.Planned, "endpoint"),
		plural(c.Addresses, "address"), o.Answered, o.Closed, o.Silent)
	if c.UnverifiedReplies > 0 {
		text += "; " + plural(c.UnverifiedReplies, "unverified reply") + " dropped"
	}
	if c.InterfaceDrops > 0 {
		text += "; " + plural(c.InterfaceDrops, "packet") + " lost on the way out of this machine, so that some of the silence may be its own"
	}
	return text + "."
}

// alarms are the reasons not to take the report for the whole truth.
func alarms(s Summary, c *exposure.Coverage) []string {
	var list []string
	if c == nil {
		list = append(list, "COVERAGE UNKNOWN: the report does not say what was asked, so what is missing proves nothing.")
	} else if o := c.Outcomes; o.NotScanned+o.LocalError > 0 {
		text := fmt.Sprintf("NOT SCANNED: %s, of which nothing is known", plural(o.NotScanned+o.LocalError, "endpoint"))
		if o.LocalError > 0 {
			text += fmt.Sprintf(" (%d of them because this machine could not ask", o.LocalError) + causes(c) + ")"
		}
		list = append(list, text+".")
	}
	switch s.Status {
	case exposure.Complete:
	case exposure.Interrupted:
		list = append(list, "INTERRUPTED: the sweep was stopped before its end.")
	default:
		list = append(list, "INCOMPLETE: the sweep did not do all that was planned.")
	}
	for _, p := range s.Problems {
		list = append(list, exposure.Escape(p))
	}
	return list
}

// causes lists why attempts failed, the most frequent first.
func causes(c *exposure.Coverage) string {
	names := slices.SortedFunc(maps.Keys(c.LocalErrors), func(a, b string) int {
		return cmp.Or(cmp.Compare(c.LocalErrors[b], c.LocalErrors[a]), strings.Compare(a, b))
	})
	var text string
	for _, n := range names {
		text += fmt.Sprintf("; %s %d", exposure.Escape(n), c.LocalErrors[n])
	}
	return text
}

// plural writes a number with its noun.
func plural(n uint64, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "ss"):
		noun += "es"
	case strings.HasSuffix(noun, "y"):
		noun = strings.TrimSuffix(noun, "y") + "ies"
	default:
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
