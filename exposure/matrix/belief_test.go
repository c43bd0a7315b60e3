package matrix

import (
	"strings"
	"testing"

	"github.com/memsweep/memsweep/exposure"
)

// TestSeverities: a stored severity is believed where it is worse than what an
// endpoint shows, and a process speaks for its own endpoint alone.
func TestSeverities(t *testing.T) {
	t.Parallel()
	root := udp(exposure.Open)
	root.Process = &exposure.Process{Root: true}
	known := tcp(exposure.Closed)
	known.Process = &exposure.Process{}
	for name, c := range map[string]struct {
		view   View
		change func(*exposure.Finding)
		row    string
		want   exposure.Severity
	}{
		"made look better": {view("a", inter, tcp(exposure.Open)), func(f *exposure.Finding) { f.Severity = exposure.Info }, "tcp", exposure.Critical},
		"by its policy": {view("a", inter, tcp(exposure.Open)), func(f *exposure.Finding) {
			f.Severity, f.Policy = exposure.Info, &exposure.Standing{Severity: exposure.Info}
		}, "tcp", exposure.Critical},
		"justified and failing": {view("a", inter, tcp(exposure.Open)), func(f *exposure.Finding) {
			f.Severity, f.Policy = exposure.Info, &exposure.Standing{Justified: true, Severity: exposure.Info, Failures: []string{"no"}}
		}, "tcp", exposure.Critical},
		"made look worse":      {view("a", in, tcp(exposure.Open)), func(f *exposure.Finding) { f.Severity = exposure.High }, "tcp", exposure.High},
		"root beside a closed": {view("a", inter, known, root), func(*exposure.Finding) {}, "tcp", ""},
		"justified as root":    {view("a", inter, root), func(f *exposure.Finding) { f.Policy = &exposure.Standing{Justified: true} }, "udp", exposure.Medium},
	} {
		c.change(&c.view.Findings[0])
		m, err := Compare([]View{c.view}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := find(t, m, c.row).Severity; got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestJustified: who answers is said where something answered, and nowhere else.
func TestJustified(t *testing.T) {
	t.Parallel()
	v := view("a", inter, tcp(exposure.Open), udp(exposure.Closed))
	v.Status = exposure.Incomplete
	v.Findings[0].Policy = &exposure.Standing{Justified: true, Severity: exposure.Critical, By: &exposure.Justification{Source: "policy.yaml:4", Owner: "Jane Doe", Reason: "billing", Expires: "2027-01-31"}}
	m, err := Compare([]View{v}, Options{Unfinished: true})
	if err != nil {
		t.Fatal(err)
	}
	allowed, closed := find(t, m, "tcp"), find(t, m, "udp")
	if got := cells(allowed); got != "open (justified, unfinished)" {
		t.Error(got)
	}
	if len(allowed.Patterns) != 1 || allowed.Patterns[0].Kind != Justified || !strings.Contains(allowed.Patterns[0].Text, "Jane Doe until 2027-01-31: billing (policy.yaml:4)") {
		t.Errorf("%v", allowed.Patterns)
	}
	if got := cells(closed); got != "closed (unfinished)" || closed.Cells[0].Policy != nil || len(closed.Patterns) != 0 {
		t.Errorf("%s, %v, %v", got, closed.Cells[0].Policy, closed.Patterns)
	}
}

// TestUncertain: a column that leaves a row undecided is no basis for an
// all-clear; an audit that was never to know of a host is.
func TestUncertain(t *testing.T) {
	t.Parallel()
	told := func(v View, s exposure.State) View { v.Fate = fates(s); return v }
	audit := told(view("b", in), NotInPlan)
	audit.Engine = auditEngine
	contradicts := view("b", inter)
	contradicts.Contradicts = true
	nothing := view("b", inter)
	nothing.Fate = nil
	open := view("a", in, tcp(exposure.Open))
	for name, c := range map[string]struct {
		views []View
		want  bool
	}{
		"known":             {[]View{open, view("b", inter)}, false},
		"nothing known":     {[]View{open, nothing}, true},
		"unknown":           {[]View{open, told(view("b", inter), Unknown)}, true},
		"changes nothing":   {[]View{told(open, NotInPlan), told(view("c", inter, tcp(exposure.Silent)), NotInPlan), told(view("b", in), Unknown)}, false},
		"its own numbers":   {[]View{open, contradicts}, true},
		"an audit, not its": {[]View{open, audit}, false},
	} {
		m, err := Compare(c.views, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Columns[len(m.Columns)-1].Uncertain; got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
