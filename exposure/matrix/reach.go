package matrix

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/memsweep/memsweep/exposure"
)

// interpret adds what the cells mean together, and what the columns do.
func (m *Matrix) interpret(views []View) {
	byPlace := map[endpoint]*Row{}
	for i := range m.Rows {
		byPlace[m.Rows[i].endpoint()] = &m.Rows[i]
	}
	for i := range m.Rows {
		r := &m.Rows[i]
		if len(m.Columns) > 1 {
			r.Patterns = append(r.Patterns, m.reach(r))
		}
		for _, further := range []func(*Row, *Row) (Pattern, bool){m.leaks, m.servers, m.access, m.justified, m.unfounded} {
			if p, ok := further(r, byPlace[r.endpoint().beside()]); ok {
				r.Patterns = append(r.Patterns, p)
			}
		}
	}
	m.judgeColumns(views)
}

// distrust is how little a vantage is trusted; a stranger is not at all.
func distrust(t exposure.Trust) int {
	switch t {
	case exposure.Trusted:
		return 0
	case exposure.SemiTrusted:
		return 1
	}
	return 2
}

// member is a column with its place.
type member struct {
	*Column
	at int
}

// group is some columns of a matrix, the most trusted first, then by name.
type group []member

// where are the columns whose cell in r is of some kind.
func (m *Matrix) where(r *Row, kind func(Cell) bool) group {
	return m.columns(func(at int) bool { return kind(r.Cells[at]) })
}

func (m *Matrix) columns(wanted func(at int) bool) (g group) {
	for i := range m.Columns {
		if wanted(i) {
			g = append(g, member{&m.Columns[i], i})
		}
	}
	slices.SortFunc(g, func(a, b member) int {
		return cmp.Or(distrust(a.Vantage.Trust)-distrust(b.Vantage.Trust), cmp.Compare(a.Vantage.Name, b.Vantage.Name))
	})
	return g
}

func (g group) names() []string {
	var names []string
	for _, c := range g {
		names = append(names, c.Vantage.Name)
	}
	return names
}

// String lists the names with their trust: "core (trusted) and inet (untrusted)".
func (g group) String() string {
	var parts []string
	for _, c := range g {
		parts = append(parts, fmt.Sprintf("%s (%s)", c.Vantage.Name, c.Vantage.Trust))
	}
	return enumerate(parts)
}

func enumerate(parts []string) string {
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	last := len(parts) - 1
	return strings.Join(parts[:last], ", ") + " and " + parts[last]
}

// least and most are the ends of a group that is not empty, by distrust.
func (g group) least() int { return distrust(g[0].Vantage.Trust) }
func (g group) most() int  { return distrust(g[len(g)-1].Vantage.Trust) }

// auditEngine looks at its own machine alone. That it does not know of others
// decides nothing about these.
const auditEngine = "audit"

// reach says from where r can be reached. A vantage of which that is not known
// leaves it undecided, unless its trust is such that it could change nothing.
func (m *Matrix) reach(r *Row) Pattern {
	yes := m.where(r, Cell.Answered)
	no := m.where(r, func(c Cell) bool { return c.Asked() && !c.Answered() })
	unasked := m.columns(func(at int) bool {
		c := r.Cells[at]
		return !c.Asked() && !(c.State == NotInPlan && m.Columns[at].Engine == auditEngine)
	})
	p := Pattern{Kind: kindOfReach(yes, no, unasked), Vantages: yes.names()}
	switch p.Kind {
	case Everywhere:
		p.Text = fmt.Sprintf("Reachable from everywhere that was tried: %s.", yes)
	case InsideOnly:
		p.Text = fmt.Sprintf("Reachable from inside only: from %s, not from %s.", yes, no)
	case OutsideOnly:
		p.Text = fmt.Sprintf("Reachable from outside only: from %s, not from %s, which is trusted more: what answers there may be another machine, or the inner network filters what the outer one lets through.", yes, no)
	case Uneven:
		p.Text = fmt.Sprintf("Reachable from %s, but not from %s: trust does not explain the difference, so the filters on the way differ.", yes, no)
	case Nowhere:
		p.Text = fmt.Sprintf("No answer to anyone who asked: %s.", no)
	default:
		p.Text = undecided(yes, no)
	}
	if len(unasked) > 0 {
		p.Text += fmt.Sprintf(" Nothing is known of it from %s.", unasked)
	}
	return p
}

func kindOfReach(yes, no, unasked group) Kind {
	switch {
	case len(yes) == 0 && len(no) == 0:
		return Undecided
	case len(yes) == 0 && len(unasked) == 0:
		return Nowhere
	case len(no) == 0 && len(unasked) == 0:
		return Everywhere
	case len(yes) == 0 || len(no) == 0:
		return Undecided
	case yes.most() < no.least():
		if len(unasked) > 0 && unasked.most() > yes.most() {
			return Undecided
		}
		return InsideOnly
	case yes.least() > no.most():
		if len(unasked) > 0 && unasked.least() < yes.least() {
			return Undecided
		}
		return OutsideOnly
	}
	return Uneven
}

func undecided(yes, no group) string {
	switch {
	case len(yes) > 0 && len(no) > 0:
		return fmt.Sprintf("Reachable from %s, not from %s.", yes, no)
	case len(yes) > 0:
		return fmt.Sprintf("Reachable from %s.", yes)
	case len(no) > 0:
		return fmt.Sprintf("No answer to %s.", no)
	}
	return "Nobody is known to have asked."
}

// leaks finds the vantages whose packets of one transport are filtered while
// those of the other get through to r. That the port serves both has to be
// known from elsewhere: a server need not listen on both.
func (m *Matrix) leaks(r, beside *Row) (p Pattern, ok bool) {
	if beside == nil || !serves(beside, r) {
		return p, false
	}
	leaky := m.columns(func(at int) bool {
		other := beside.Cells[at]
		return r.Cells[at].Answered() && other.Asked() && !other.Answered()
	})
	if len(leaky) == 0 {
		return p, false
	}
	kind, through, held := LeaksUDP, "UDP", "TCP"
	if r.Transport == exposure.TCP {
		kind, through, held = LeaksTCP, "TCP", "UDP"
	}
	return Pattern{kind, fmt.Sprintf("The filter leaks %s but not %s: to %s this port answers over %s alone, although it serves %s too.",
		through, held, leaky, through, held), leaky.names()}, true
}

// serves reports whether r's port is known to serve r's transport: somebody
// had an answer there, or the server says so in its settings.
func serves(r, beside *Row) bool {
	for _, c := range slices.Concat(r.Cells, beside.Cells) {
		o := c.Observation
		if o == nil || !c.Answered() {
			continue
		}
		if o.Transport == r.Transport {
			return true
		}
		if o.Settings == nil {
			continue
		}
		port := o.Settings.TCPPort
		if r.Transport == exposure.UDP {
			port = o.Settings.UDPPort
		}
		if port != nil && *port == uint64(r.Port) {
			return true
		}
	}
	return false
}

// access finds vantages that are asked for credentials or TLS where others are
// not.
func (m *Matrix) access(r, _ *Row) (p Pattern, ok bool) {
	type way struct {
		name string
		kind func(Cell) bool
	}
	var parts []string
	var all group
	for _, w := range []way{
		{"open", func(c Cell) bool { return c.State == exposure.Open }},
		{"behind credentials", func(c Cell) bool { return c.State == exposure.AuthRequired }},
		{"behind TLS", func(c Cell) bool { return c.State == exposure.TLS }},
	} {
		if g := m.where(r, w.kind); len(g) > 0 {
			parts = append(parts, fmt.Sprintf("%s to %s", w.name, g))
			all = append(all, g...)
		}
	}
	if len(parts) < 2 {
		return p, false
	}
	return Pattern{DifferentAccess, "Not everybody is asked for the same: it is " + enumerate(parts) + ".", all.names()}, true
}

// justified tells who answers for what is allowed, why, and until when.
func (m *Matrix) justified(r, _ *Row) (p Pattern, ok bool) {
	all := m.where(r, Cell.Justified)
	if len(all) == 0 {
		return p, false
	}
	var said []string
	for _, c := range all {
		for _, line := range r.Cells[c.at].Policy.Explain() {
			if !slices.Contains(said, line) {
				said = append(said, line)
			}
		}
	}
	return Pattern{Justified, fmt.Sprintf("Allowed to %s. %s", all, strings.Join(said, " ")), all.names()}, true
}

// unfounded tells of justifications in the owner's policy that do not hold.
func (m *Matrix) unfounded(r, _ *Row) (p Pattern, ok bool) {
	broken := func(c Cell) bool { return c.Answered() && c.Policy != nil && len(c.Policy.Failures) > 0 }
	all := m.where(r, broken)
	if len(all) == 0 {
		return p, false
	}
	var failures []string
	for _, c := range all {
		for _, f := range r.Cells[c.at].Policy.Failures {
			if f = strings.TrimSuffix(f, "."); !slices.Contains(failures, f) {
				failures = append(failures, f)
			}
		}
	}
	return Pattern{Unfounded, fmt.Sprintf("The policy does not allow this host to %s: %s.", all, strings.Join(failures, ". ")), all.names()}, true
}
