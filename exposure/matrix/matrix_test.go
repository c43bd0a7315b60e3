package matrix

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

var day = time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC)

const host = "192.0.2.7"

func ptr[T any](v T) *T { return &v }

// fates answers with one state for every endpoint.
func fates(s exposure.State) func(netip.AddrPort, exposure.Transport) exposure.State {
	return func(netip.AddrPort, exposure.Transport) exposure.State { return s }
}

// view is what a vantage saw of host: observations, and silence elsewhere.
func view(name string, trust exposure.Trust, seen ...exposure.Observation) View {
	v := View{
		Source: name + ".json", Sweep: "sweep-" + name, Engine: "socket", Plan: "plan", Status: exposure.Complete,
		Vantage: exposure.Vantage{Name: name, Trust: trust, Clock: &exposure.Clock{Synchronised: true}},
		Started: day, Finished: day.Add(time.Minute), Fate: fates(exposure.Silent),
		Outcomes: &exposure.Outcomes{Answered: uint64(len(seen)), Closed: 1, Silent: 10},
	}
	if len(seen) > 0 {
		h := exposure.Host{Addr: netip.MustParseAddr(host), Observations: seen}
		v.Findings = []exposure.Finding{exposure.Judge(h, v.Vantage)}
	}
	return v
}

func tcp(s exposure.State) exposure.Observation {
	return exposure.Observation{Probe: "memcached-tcp", Transport: exposure.TCP, Port: 11211, State: s, Service: "memcached"}
}

func udp(s exposure.State) exposure.Observation {
	o := exposure.Observation{Probe: "memcached-udp", Transport: exposure.UDP, Port: 11211, State: s, Service: "memcached"}
	if s == exposure.Open {
		o.Amplification = &exposure.Amplification{RequestBytes: 15, ResponseBytes: 2220, Datagrams: 2, Complete: true, BAF: 148.1}
	}
	return o
}

// process is an endpoint that says which process it is.
func process(version string, pid uint64, started, asked time.Time) exposure.Observation {
	o := tcp(exposure.Open)
	o.Version = &version
	o.Stats = &exposure.Stats{PID: &pid, Uptime: ptr(uint64(asked.Sub(started).Seconds())), Time: ptr(asked.Unix())}
	return o
}

const (
	in    = exposure.Trusted
	dmz   = exposure.SemiTrusted
	inter = exposure.Untrusted
)

// TestRows holds one row against each pattern.
func TestRows(t *testing.T) {
	t.Parallel()
	open, closed := tcp(exposure.Open), tcp(exposure.Closed)
	reflector, dropped := udp(exposure.Open), udp(exposure.Silent)
	auth := tcp(exposure.AuthRequired)
	auth.Auth = exposure.AuthASCII
	serving := tcp(exposure.Open)
	serving.Settings = &exposure.Settings{UDPPort: ptr(uint64(11211))}
	old := day.Add(-100 * time.Hour)
	without := func(v View, s exposure.State) View { v.Fate = fates(s); return v }
	later := func(v View) View {
		v.Started, v.Finished = v.Started.Add(2*time.Hour), v.Finished.Add(2*time.Hour)
		return v
	}
	audit := func(v View) View { v.Engine, v.Plan = "audit", ""; return v }
	drifting := closed
	drifting.Process = &exposure.Process{Drift: &exposure.Drift{Worse: []string{"-l 0.0.0.0"}}}
	half := tcp(exposure.Mute)
	half.PortOnly, half.Service = true, ""
	const row, beside = "tcp", "udp"
	for name, c := range map[string]struct {
		views     []View
		row       string
		cells     string // as people see them
		patterns  string // the kinds
		severity  exposure.Severity
		mentioned string // in the text of the last pattern
	}{
		"everywhere":             {[]View{view("a", in, open), view("b", inter, open)}, row, "open|open", "everywhere", exposure.Critical, "a (trusted) and b (untrusted)"},
		"alone":                  {[]View{view("a", inter, open)}, row, "open", "", exposure.Critical, ""},
		"inside only":            {[]View{view("a", in, open), view("b", dmz), view("c", inter, closed)}, row, "open|silent|closed", "inside-only", exposure.Low, "not from b (semi-trusted) and c (untrusted)"},
		"inside and halfway":     {[]View{view("a", in, open), view("b", dmz, open), view("c", inter)}, row, "open|open|silent", "inside-only", exposure.High, ""},
		"outside only":           {[]View{view("a", in, closed), view("b", inter, open)}, row, "closed|open", "outside-only", exposure.Critical, "another machine"},
		"halfway only":           {[]View{view("a", in, closed), view("b", dmz, open), view("c", inter)}, row, "closed|open|silent", "uneven", exposure.High, ""},
		"equal trust":            {[]View{view("a", inter, open), view("b", inter)}, row, "open|silent", "uneven", exposure.Critical, "not from b (untrusted)"},
		"all trusted":            {[]View{view("a", in, open), view("b", in, open)}, row, "open|open", "everywhere", exposure.Low, ""},
		"nobody":                 {[]View{view("a", in, closed, reflector), view("b", inter, closed)}, row, "closed|closed", "nowhere", "", ""},
		"outside not asked":      {[]View{view("a", in, open), view("b", dmz), without(view("c", inter), exposure.NotScanned)}, row, "open|silent|not scanned", "undecided", exposure.Low, "Nothing is known of it from c (untrusted)"},
		"inside not asked":       {[]View{without(view("a", in), NotInPlan), view("b", dmz), view("c", inter, open)}, row, "not in plan|silent|open", "undecided", exposure.Critical, ""},
		"halfway not asked":      {[]View{view("a", in, open), without(view("b", dmz), exposure.LocalError), view("c", inter)}, row, "open|local error|silent", "undecided", exposure.Low, ""},
		"inside not asked twice": {[]View{view("a", in, open), without(view("b", in), Unknown), view("c", inter)}, row, "open|unknown|silent", "inside-only", exposure.Low, ""},
		"one asked":              {[]View{view("a", in, open), without(view("b", inter), "")}, row, "open|unknown", "undecided", exposure.Low, ""},
		"not told apart":         {[]View{view("a", in, open), without(view("b", inter), NoAnswer)}, row, "open|no answer", "inside-only", exposure.Low, ""},
		"an audit of another":    {[]View{view("a", inter, open), view("b", dmz, open), audit(without(view("local", in), NotInPlan))}, row, "open|open|not in plan", "everywhere", exposure.Critical, ""},
		"an audit of this":       {[]View{view("a", inter), audit(view("local", in, open))}, row, "silent|open", "inside-only", exposure.Low, ""},
		"drift":                  {[]View{view("a", inter, closed), audit(view("local", in, drifting))}, row, "closed|closed", "nowhere", exposure.Low, ""},
		"an open port":           {[]View{view("a", inter, half)}, row, "open, unknown", "", exposure.Low, ""},
		"leaks UDP":              {[]View{view("a", in, open, reflector), view("b", inter, tcp(exposure.Silent), reflector)}, beside, "reflector ×148|reflector ×148", "everywhere leaks-udp", exposure.Critical, "to b (untrusted)"},
		"leaks TCP":              {[]View{view("a", in, open, reflector), view("b", inter, open, dropped)}, row, "open|open", "everywhere leaks-tcp", exposure.Critical, "to b (untrusted)"},
		"leaks TCP by settings":  {[]View{view("a", inter, serving, dropped)}, row, "open", "leaks-tcp", exposure.Critical, ""},
		"UDP alone is no leak":   {[]View{view("a", in, closed, reflector), view("b", inter, closed, reflector)}, beside, "reflector ×148|reflector ×148", "everywhere", exposure.Critical, ""},
		"not asked is no leak":   {[]View{view("a", in, open, reflector), view("b", inter, tcp(exposure.LocalError), reflector)}, beside, "reflector ×148|reflector ×148", "everywhere", exposure.Critical, ""},
		"other pid":              {[]View{view("a", in, process("1.6.18", 11, old, day)), view("b", in, process("1.6.18", 12, old, day))}, row, "open|open", "everywhere different-servers", exposure.Low, "process ID 11 to a and 12 to b"},
		"other version":          {[]View{view("a", in, process("1.6.18", 1, old, day)), view("b", in, process("1.4.25", 1, old, day))}, row, "open|open", "everywhere different-servers", exposure.Low, "version 1.6.18 to a and 1.4.25 to b"},
		"other start":            {[]View{view("a", in, process("1.6.18", 1, old, day)), view("b", in, process("1.6.18", 1, old.Add(time.Hour), day))}, row, "open|open", "everywhere different-servers", exposure.Low, "started 2026-03-10 05:00:00 to a and 2026-03-10 06:00:00 to b"},
		"same start":             {[]View{view("a", in, process("1.6.18", 1, old, day)), view("b", in, process("1.6.18", 1, old.Add(2*time.Second), day))}, row, "open|open", "everywhere", exposure.Low, ""},
		"restarted":              {[]View{view("a", in, process("1.6.18", 11, old, day)), later(view("b", in, process("1.6.18", 12, day.Add(time.Hour), day.Add(2*time.Hour))))}, row, "open|open", "everywhere restarted", exposure.Low, "restarted or replaced"},
		"other product":          {[]View{view("a", in, open), view("b", in, exposure.Observation{Transport: exposure.TCP, Port: 11211, State: exposure.Foreign, Service: "http"})}, row, "open|other: http", "everywhere different-servers", exposure.Low, "memcached to a and http to b"},
		"other access":           {[]View{view("a", in, open), view("b", inter, auth)}, row, "open|auth", "everywhere different-access", exposure.High, "open to a (trusted) and behind credentials to b (untrusted)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := Compare(c.views, Options{})
			if err != nil {
				t.Fatal(err)
			}
			r := find(t, m, c.row)
			if got := cells(r); got != c.cells {
				t.Errorf("cells %s, want %s", got, c.cells)
			}
			if got := kinds(r.Patterns); got != c.patterns {
				t.Errorf("patterns %q, want %q: %v", got, c.patterns, r.Patterns)
			}
			if r.Severity != c.severity {
				t.Errorf("severity %q, want %q", r.Severity, c.severity)
			}
			if c.mentioned != "" && !strings.Contains(r.Patterns[len(r.Patterns)-1].Text, c.mentioned) {
				t.Errorf("%q does not say %q", r.Patterns[len(r.Patterns)-1].Text, c.mentioned)
			}
		})
	}
}

func find(t *testing.T, m Matrix, transport string) Row {
	t.Helper()
	for _, r := range m.Rows {
		if string(r.Transport) == transport {
			return r
		}
	}
	t.Fatalf("no row for %s in %v", transport, m.Rows)
	return Row{}
}

func cells(r Row) string {
	var list []string
	for _, c := range r.Cells {
		list = append(list, c.String())
	}
	return strings.Join(list, "|")
}

func kinds(patterns []Pattern) string {
	var list []string
	for _, p := range patterns {
		list = append(list, string(p.Kind))
	}
	return strings.Join(list, " ")
}

func TestColumns(t *testing.T) {
	t.Parallel()
	open := tcp(exposure.Open)
	with := func(v View, change func(*View)) View { change(&v); return v }
	deafened := func(v *View) { v.Outcomes = &exposure.Outcomes{Silent: 11} }
	unfinished := func(v *View) { v.Status = exposure.Interrupted }
	refused := func(engine string, closed, byGateway uint64) func(*View) {
		return func(v *View) {
			v.Engine, v.Outcomes = engine, &exposure.Outcomes{Closed: closed, Silent: 3}
			v.RefusedBy = map[netip.Addr]uint64{netip.MustParseAddr("198.51.100.1"): byGateway}
		}
	}
	for name, c := range map[string]struct {
		views    []View
		patterns string
		suspect  string
	}{
		"nothing to say":                    {[]View{view("a", in, open), view("b", inter)}, "", ""},
		"deaf":                              {[]View{view("a", in, open), with(view("b", inter), deafened)}, "blind", "b"},
		"its gateway rejects everything":    {[]View{view("a", in, open), with(view("b", inter), refused("raw", 9, 9))}, "blind", "b"},
		"some refused themselves":           {[]View{view("a", in, open), with(view("b", inter), refused("raw", 9, 8))}, "", ""},
		"who refused is known of some":      {[]View{view("a", in, open), with(view("b", inter), refused("socket", 9, 1))}, "blind", "b"},
		"deaf and alone":                    {[]View{with(view("a", in), deafened)}, "blind", "a"},
		"inside sees nothing, outside does": {[]View{view("a", in), view("b", inter, open)}, "sees-nothing", "a"},
		"nobody sees anything":              {[]View{view("a", in), view("b", inter)}, "", ""},
		"inside did not ask":                {[]View{with(view("a", in), func(v *View) { v.Fate = fates(exposure.NotScanned) }), view("b", inter, open)}, "", ""},
		"unfinished":                        {[]View{view("a", in, open), with(view("b", inter, open), unfinished)}, "unfinished", ""},
		"no plan":                           {[]View{view("a", in, open), with(view("b", inter, open), func(v *View) { v.Plan, v.Fate = "", nil })}, "unplanned", ""},
		"a day apart":                       {[]View{view("a", in, open), with(view("b", inter, open), func(v *View) { v.Started = v.Started.Add(24 * time.Hour) })}, "", ""},
		"more than a day apart":             {[]View{view("a", in, open), with(view("b", inter, open), func(v *View) { v.Started = v.Started.Add(24*time.Hour + time.Second) })}, "times-apart", ""},
		"one without a time":                {[]View{view("a", in, open), with(view("b", inter, open), func(v *View) { v.Started = time.Time{} })}, "", ""},
	} {
		m, err := Compare(c.views, Options{Unfinished: true})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := kinds(m.Patterns); got != c.patterns {
			t.Errorf("%s: patterns %q, want %q", name, got, c.patterns)
		}
		suspect := ""
		for _, column := range m.Columns {
			if column.Suspect {
				suspect += column.Vantage.Name
			}
		}
		if suspect != c.suspect {
			t.Errorf("%s: suspect %q, want %q", name, suspect, c.suspect)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	a, b := view("a", in), view("b", inter)
	other, same, copied, cut, again := b, b, a, b, a
	other.Plan = "other"
	same.Vantage.Name = "a"
	copied.Source = "copy.json"
	cut.Status = exposure.Incomplete
	again.Vantage.Name = "elsewhere"
	foreign := b
	foreign.Plan = ""
	for name, c := range map[string]struct {
		views   []View
		options Options
		says    []string // nothing: it compares
	}{
		"none":               {nil, Options{}, []string{"nothing to compare"}},
		"two":                {[]View{a, b}, Options{}, nil},
		"plans":              {[]View{a, other}, Options{}, []string{"a.json", "b.json", "different plans", "--partial"}},
		"plans, partial":     {[]View{a, other}, Options{Partial: true}, nil},
		"no plan":            {[]View{a, foreign}, Options{}, nil},
		"names":              {[]View{a, same}, Options{}, []string{"a.json and b.json", `vantage "a"`, "--vantage"}},
		"names, all allowed": {[]View{a, same}, Options{true, true}, []string{"a.json and b.json"}},
		"a copy":             {[]View{a, copied}, Options{true, true}, []string{"a.json and copy.json", "one sweep"}},
		"a renamed copy":     {[]View{a, again}, Options{true, true}, []string{"a.json stands there twice"}},
		"unfinished":         {[]View{a, cut}, Options{}, []string{"b.json is incomplete", "--unfinished"}},
		"an unfinished audit": {[]View{a, func() View {
			v := cut
			v.Engine, v.Problems = "audit", []string{"two processes were not read", "nor their files"}
			return v
		}()}, Options{}, []string{"b.json is incomplete (two processes were not read; nor their files): audit again as root, or write --unfinished"}},
		"unfinished, allowed": {[]View{a, cut}, Options{Unfinished: true}, nil},
		"all at once":         {[]View{a, same, func() View { v := other; v.Sweep, v.Status = "x", exposure.Interrupted; return v }()}, Options{}, []string{"vantage", "interrupted", "different plans"}},
	} {
		_, err := Compare(c.views, c.options)
		if err == nil {
			if c.says != nil {
				t.Errorf("%s: not refused", name)
			}
			continue
		}
		if c.says == nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, s := range c.says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s: %q does not say %q", name, err, s)
			}
		}
	}
}

// TestPorts: an answer about one port is none about another.
func TestPorts(t *testing.T) {
	t.Parallel()
	elsewhere := tcp(exposure.Open)
	elsewhere.Port = 11311
	a, b := view("a", in, tcp(exposure.Open)), view("b", inter, elsewhere)
	at := func(port uint16) func(netip.AddrPort, exposure.Transport) exposure.State {
		return func(p netip.AddrPort, transport exposure.Transport) exposure.State {
			if p.Port() == port && transport == exposure.TCP {
				return exposure.Closed
			}
			return NotInPlan
		}
	}
	a.Fate, b.Fate, b.Plan = at(11211), at(11311), "other"
	m, err := Compare([]View{a, b}, Options{Partial: true})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range m.Rows {
		got = append(got, r.String()+" "+cells(r))
	}
	if want := "tcp 192.0.2.7:11311 not in plan|open, tcp 192.0.2.7:11211 open|not in plan"; strings.Join(got, ", ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, ", "), want)
	}
	if !m.Partial {
		t.Error("not marked as partial")
	}
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	justified, broken := view("a", inter, tcp(exposure.Open)), view("b", inter, tcp(exposure.TLS))
	justified.Findings[0].Severity = exposure.Info
	justified.Findings[0].Policy = &exposure.Standing{Justified: true, Severity: exposure.Critical}
	broken.Findings[0].Policy = &exposure.Standing{Severity: exposure.Low, Failures: []string{"policy.yaml:12 expired on 2026-01-31."}}
	m, err := Compare([]View{justified, broken}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := find(t, m, "tcp")
	if r.Cells[0].Severity != exposure.Info || r.Cells[1].Severity != exposure.Medium || r.Severity != exposure.Medium {
		t.Errorf("severities %s and %s, in all %s", r.Cells[0].Severity, r.Cells[1].Severity, r.Severity)
	}
	if got := r.Patterns[len(r.Patterns)-1]; got.Kind != Unfounded || !strings.Contains(got.Text, "to b (untrusted): policy.yaml:12 expired on 2026-01-31.") {
		t.Errorf("%s: %s", got.Kind, got.Text)
	}
}
