package report

import (
	"bytes"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/exposure/matrix"
)

// compared is what three vantages saw of two hosts; the outermost did not
// finish.
func compared() matrix.Matrix {
	column := func(name string, trust exposure.Trust, status exposure.Status) matrix.Column {
		return matrix.Column{
			Source: name + ".json", Vantage: exposure.Vantage{Name: name, Trust: trust}, Sweep: "20260314T092653Z-" + name,
			Engine: "socket", Started: started, Finished: ptr(started.Add(time.Minute)), Status: status, Plan: strings.Repeat("7", 64),
		}
	}
	m := matrix.Matrix{
		Columns: []matrix.Column{
			column("rack", exposure.Trusted, exposure.Complete), column("office", exposure.SemiTrusted, exposure.Complete),
			column("internet", exposure.Untrusted, exposure.Interrupted),
		},
		Patterns: []matrix.Pattern{{Kind: matrix.Unfinished, Text: "internet did not do all that was planned."}},
	}
	m.Columns[2].Problems = []string{"ran out of file descriptors"}
	all := hosts()
	open, reflecting, evil := all[0].Observations[0], all[0].Observations[1], all[len(all)-1].Observations[0]
	quiet := func(s exposure.State, text string, unfinished bool) matrix.Cell {
		return matrix.Cell{State: s, Text: text, Unfinished: unfinished}
	}
	seen := func(o exposure.Observation, text string, v exposure.Verdict, column int) matrix.Cell {
		c := m.Columns[column]
		return matrix.Cell{
			State: o.State, Text: text, Verdict: v, Severity: exposure.SeverityOf(v, false, false, c.Vantage.Trust, false), Version: o.Version,
			Observation: &o, Unfinished: c.Unfinished(),
		}
	}
	row := func(ip string, transport exposure.Transport, worst exposure.Severity, meaning string, cells ...matrix.Cell) matrix.Row {
		return matrix.Row{
			IP: netip.MustParseAddr(ip), Transport: transport, Port: 11211, Severity: worst, Cells: cells,
			Patterns: []matrix.Pattern{{Kind: matrix.Everywhere, Text: meaning}},
		}
	}
	m.Rows = []matrix.Row{
		row("192.0.2.7", exposure.UDP, exposure.Critical, "The firewall lets UDP through to internet, but not TCP.",
			quiet(exposure.Silent, "silent", false), quiet(matrix.NotInPlan, "not in plan", false), seen(reflecting, "reflector ×149.1", exposure.Reflector, 2)),
		row("192.0.2.66", exposure.TCP, exposure.High, "It can be reached from inside only.",
			seen(evil, "open", exposure.OpenTCP, 0), seen(evil, "open", exposure.OpenTCP, 1), quiet(exposure.NotScanned, "not scanned", true)),
		row("192.0.2.7", exposure.TCP, exposure.Low, "It can be reached from inside only.",
			seen(open, "open", exposure.OpenTCP, 0), quiet(exposure.Closed, "closed", false), quiet(exposure.Closed, "closed", true)),
	}
	by := exposure.Justification{Source: "policy.yaml:3", Owner: "Ada", Reason: "local clients", Created: "2026-01-01", Expires: "2026-12-31"}
	m.Rows[2].Cells[0].Policy = &exposure.Standing{Expected: exposure.ExpectOpen, Justified: true, Severity: exposure.Low, By: &by}
	m.Rows[0].Names = []string{"cache.example.net"}
	return m
}

type matrixWriter = func(io.Writer, Tool, matrix.Matrix, Options) error

func compare(t testing.TB, write matrixWriter, m matrix.Matrix, o Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b, someHeader().Tool, m, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCompareHTML(t *testing.T) {
	t.Parallel()
	root := parsed(t, compare(t, writeMatrixHTML, compared(), Options{}))
	var got [][]string
	for _, row := range elements(elements(root, class("matrix"))[0], tag("tr"))[1:] {
		cells := []string{text(elements(row, tag("th"))[0])}
		got = append(got, append(cells, textOf(elements(row, tag("td")))...))
	}
	version := `=cmd|' /C calc'!A1\x1b[…`
	want := [][]string{
		{"192.0.2.7 cache.example.net", "critical", "udp 11211", "silent", "not in plan", "reflector ×149.1 1.6.18 unfinished", "The firewall lets UDP through to internet, but not TCP."},
		{"192.0.2.66", "high", "tcp 11211", "open " + version, "open " + version, "not scanned unfinished", "It can be reached from inside only."},
		{"192.0.2.7", "low", "tcp 11211", "open 1.6.18 justified", "closed", "closed unfinished", "It can be reached from inside only."},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("matrix (-want +got)\n%s", diff)
	}
	var cards []string
	for _, c := range elements(root, class("card")) {
		cards = append(cards, text(elements(c, tag("h3"))[0])+": "+strings.Join(strings.Fields(text(elements(elements(c, tag("header"))[0], tag("p"))[0])), " "))
	}
	if diff := cmp.Diff([]string{
		"192.0.2.7:11211 cache.example.net: critical reflector from internet (untrusted) ms-1cfa1009a686f88d",
		"192.0.2.66:11211: high open from office (semi-trusted) ms-851b64929d0441da",
	}, cards); diff != "" {
		t.Errorf("cards (-want +got)\n%s", diff)
	}
	alarm := textOf(elements(elements(root, class("alarm"))[0], tag("li")))
	if diff := cmp.Diff([]string{"INTERRUPTED: the sweep from internet was stopped before its end.", "internet: ran out of file descriptors"}, alarm); diff != "" {
		t.Errorf("alarms (-want +got)\n%s", diff)
	}
	checkLinks(t, root)
}

// TestCompareNothing: an empty comparison is no all-clear.
func TestCompareNothing(t *testing.T) {
	t.Parallel()
	m := compared()
	m.Rows = nil
	for _, write := range []matrixWriter{writeMatrixHTML, writeMatrixMarkdown} {
		if doc := string(compare(t, write, m, Options{})); !strings.Contains(doc, "Nothing answered") || !strings.Contains(doc, "INCOMPLETE") {
			t.Errorf("an unfinished comparison without rows:\n%s", doc)
		}
	}
}

// TestCompareLarge: what a comparison leaves out, it says.
func TestCompareLarge(t *testing.T) {
	t.Parallel()
	m := compared()
	one := m.Rows[1]
	for range 1000 {
		one.IP = one.IP.Next()
		m.Rows = append(m.Rows, one)
	}
	root := parsed(t, compare(t, writeMatrixHTML, m, Options{}))
	checkLinks(t, root)
	if n := len(elements(root, class("card"))); n != maxHTMLDetailed {
		t.Errorf("%d cards", n)
	}
	if got := textOf(elements(root, class("left-out"))); len(got) != 1 || !strings.Contains(got[0], "300 of 1002 hosts") {
		t.Errorf("what is left out is not said: %q", got)
	}
	ticket := string(compare(t, writeMatrixMarkdown, m, Options{}))
	if !strings.Contains(ticket, "903 endpoints more") || !strings.Contains(ticket, "20 of 1002 findings") {
		t.Error("the ticket does not say what it leaves out")
	}
}

func FuzzCompare(f *testing.F) {
	for _, s := range hostileStrings() {
		f.Add(s)
	}
	plain := structure(parsed(f, compare(f, writeMatrixHTML, hostileMatrix("x"), Options{})))
	shape := markdownShape(f, compare(f, writeMatrixMarkdown, hostileMatrix("x"), Options{}))
	f.Fuzz(func(t *testing.T, s string) {
		if hasMeaning(s) {
			return
		}
		if diff := cmp.Diff(plain, structure(parsed(t, compare(t, writeMatrixHTML, hostileMatrix(s), Options{})))); diff != "" {
			t.Errorf("%q changes the page (-plain +got)\n%s", s, diff)
		}
		if diff := cmp.Diff(shape, markdownShape(t, compare(t, writeMatrixMarkdown, hostileMatrix(s), Options{}))); diff != "" {
			t.Errorf("%q changes the ticket (-plain +got)\n%s", s, diff)
		}
	})
}

// hostileMatrix is a comparison in which every string is s, but those of
// observations: they go where those of reports go.
func hostileMatrix(s string) matrix.Matrix {
	m := compared()
	by := exposure.Justification{Source: s, Owner: s, Reason: s, Created: s, Expires: s}
	m.Patterns = []matrix.Pattern{{Kind: matrix.Kind(s), Text: s, Vantages: []string{s}}}
	for i := range m.Columns {
		c := &m.Columns[i]
		c.Source, c.Vantage.Name, c.Vantage.Trust, c.Sweep, c.Engine, c.Status = s, s, exposure.Trust(s), s, s, exposure.Status(s)
		c.Problems, c.Plan, c.Scope = []string{s}, s, s
	}
	for i := range m.Rows {
		r := &m.Rows[i]
		r.Names, r.Patterns, r.Transport = []string{s}, slices.Clone(m.Patterns), exposure.Transport(s)
		for k := range r.Cells {
			c := &r.Cells[k]
			c.Text, c.Version, c.Finding = s, &s, s
			c.Policy = &exposure.Standing{Expected: exposure.Expectation(s), Severity: exposure.Severity(s), By: &by, Failures: []string{s}}
		}
	}
	return m
}
