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
	fmt.Fprintln(t.out, t.paint(bold, t.headline(s, c)))
	if len(t.rows) == 0 && c != nil && c.Outcomes.Silent > 0 {
		t.wrapped("", "Silence is not proof of absence: "+plural(c.Outcomes.Silent, "endpoint")+" did not answer at all.")
	}
	t.wrapped("", t.whereFrom(s))
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
func (t *textWriter) headline(s Summary, c *exposure.Coverage) string {
	switch {
	case len(t.rows) > 0:
		return plural(uint64(len(t.rows)), "finding") + ": " + t.bySeverity() + "."
	case c != nil && c.Outcomes.Answered > 0:
		return fmt.Sprintf("No findings, although %s answered.", plural(c.Outcomes.Answered, "endpoint"))
	case s.Status != exposure.Complete || c == nil:
		return "Nothing answered before the sweep ended."
	case c.Outcomes.LocalError+c.Outcomes.NotScanned > 0:
		return "Nothing answered, of what was asked."
	}
	return "Nothing answered."
}

func (t *textWriter) bySeverity() string {
	number := map[string]uint64{}
	for _, r := range t.rows {
		number[r.severity]++
	}
	var parts []string
	for _, s := range exposure.Severities() {
		if n := number[string(s)]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
			delete(number, string(s))
		}
	}
	for _, s := range slices.Sorted(maps.Keys(number)) {
		parts = append(parts, fmt.Sprintf("%d %s", number[s], s))
	}
	return strings.Join(parts, ", ")
}

// whereFrom says which sweep this was.
func (t *textWriter) whereFrom(s Summary) string {
	sweep := t.header.Sweep
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
	return exposure.Escape(text + "; sweep " + sweep.ID + ", " + t.header.Tool.Name + " " + t.header.Tool.Version + ".")
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
