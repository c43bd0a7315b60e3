package matrix

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/memsweep/memsweep/exposure"
)

// Options say what Compare puts up with.
type Options struct {
	Partial    bool // views of different plans
	Unfinished bool // views of sweeps that did not do all that was planned
}

// Compare lays views side by side. It is pure, and the order of the views
// decides the order of the columns and nothing else. What it refuses it names
// by View.Source, all of it at once.
func Compare(views []View, o Options) (Matrix, error) {
	if err := refuse(views, o); err != nil {
		return Matrix{}, err
	}
	m := Matrix{Partial: partial(views), Columns: []Column{}, Rows: []Row{}, Patterns: []Pattern{}}
	sights := make([]sights, len(views))
	for i, v := range views {
		m.Columns = append(m.Columns, newColumn(v))
		sights[i] = sightsOf(v)
	}
	for _, e := range endpoints(views, sights) {
		m.Rows = append(m.Rows, newRow(e, views, sights))
	}
	m.interpret(views)
	slices.SortFunc(m.Rows, Row.compare)
	return m, nil
}

func newColumn(v View) Column {
	c := Column{
		Source: v.Source, Vantage: v.Vantage, Sweep: v.Sweep, Engine: v.Engine, Started: v.Started.UTC(),
		Status: v.Status, Problems: v.Problems, Plan: v.Plan, Scope: v.Scope,
		Policy: v.Policy,
	}
	if !v.Finished.IsZero() {
		finished := v.Finished.UTC()
		c.Finished = &finished
	}
	if c.Vantage.Addresses == nil {
		c.Vantage.Addresses = []netip.Addr{}
	}
	return c
}

// endpoint is what a row is about.
type endpoint struct {
	at        netip.AddrPort
	transport exposure.Transport
}

func (e endpoint) compare(f endpoint) int {
	return cmp.Or(e.at.Addr().Compare(f.at.Addr()), cmp.Compare(e.transport, f.transport), cmp.Compare(e.at.Port(), f.at.Port()))
}

// beside is the same port of the other transport.
func (e endpoint) beside() endpoint {
	if e.transport == exposure.TCP {
		return endpoint{e.at, exposure.UDP}
	}
	return endpoint{e.at, exposure.TCP}
}

// sight is what one view has of one endpoint.
type sight struct {
	observation *exposure.Observation
	finding     *exposure.Finding
}

type sights map[endpoint]sight

// sightsOf takes a view's findings apart. Where two speak of one endpoint, the
// worse counts.
func sightsOf(v View) sights {
	all := sights{}
	for i := range v.Findings {
		f := &v.Findings[i]
		for o := range f.Observations() {
			e := endpoint{netip.AddrPortFrom(f.IP.Unmap(), o.Port), o.Transport}
			s := sight{o, f}
			if other, ok := all[e]; !ok || s.worse(other, v.Vantage) {
				all[e] = s
			}
		}
	}
	return all
}

func (s sight) worse(other sight, v exposure.Vantage) bool {
	a, b := s.cell(v), other.cell(v)
	if a.Answered() != b.Answered() {
		return a.Answered()
	}
	return a.Answered() && a.Severity != b.Severity && a.Severity.AtLeast(b.Severity)
}

// endpoints are those that a finding speaks of, and beside each the other
// transport where somebody asked there.
func endpoints(views []View, all []sights) []endpoint {
	wanted := map[endpoint]bool{}
	for _, seen := range all {
		for e := range seen {
			wanted[e] = true
		}
	}
	for e := range maps.Clone(wanted) {
		for _, v := range views {
			switch v.fate(e.beside()) {
			case NotInPlan, Unknown:
			default:
				wanted[e.beside()] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(wanted), endpoint.compare)
}

func newRow(e endpoint, views []View, all []sights) Row {
	r := Row{IP: e.at.Addr(), Transport: e.transport, Port: e.at.Port(), Patterns: []Pattern{}}
	names := map[string]bool{}
	for i, v := range views {
		c := Cell{State: v.fate(e)}
		if s, ok := all[i][e]; ok {
			c = s.cell(v.Vantage)
			for _, name := range s.finding.Names {
				if !names[name] {
					names[name] = true
					r.Names = append(r.Names, name)
				}
			}
		}
		c.Unfinished = v.Status != exposure.Complete
		c.Text = words(c)
		if c.Severity != "" && (r.Severity == "" || c.Severity.AtLeast(r.Severity)) {
			r.Severity = c.Severity
		}
		r.Cells = append(r.Cells, c)
	}
	slices.Sort(r.Names)
	return r
}

func (r Row) endpoint() endpoint { return endpoint{netip.AddrPortFrom(r.IP, r.Port), r.Transport} }

// compare orders rows by urgency: those that nobody had an answer at are last.
func (r Row) compare(s Row) int {
	return cmp.Or(urgency(r.Severity)-urgency(s.Severity), r.endpoint().compare(s.endpoint()))
}

func urgency(s exposure.Severity) int {
	all := exposure.Severities()
	if s == "" {
		return len(all)
	}
	return max(0, slices.Index(all, s)) // a stranger is not overlooked
}

// String is where the row is: "tcp 192.0.2.7:11211".
func (r Row) String() string {
	return fmt.Sprintf("%s %s", r.Transport, r.endpoint().at)
}
