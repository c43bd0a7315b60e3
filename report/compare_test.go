package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/exposure/matrix"
)

// someMatrix is the fixture seen from inside and from outside, where less gets
// through, and by a sweep that was cut off, whose name attacks whoever prints it.
func someMatrix(t testing.TB) matrix.Matrix {
	t.Helper()
	view := func(name string, trust exposure.Trust, hosts []exposure.Host) matrix.View {
		v := matrix.View{
			Source: name + ".json", Sweep: "sweep " + name, Engine: "socket", Started: started, Finished: started.Add(time.Minute),
			Status: exposure.Complete, Plan: strings.Repeat("7", 64), Outcomes: &exposure.Outcomes{Answered: 1},
			Vantage: exposure.Vantage{Name: name, Trust: trust, Clock: &exposure.Clock{Synchronised: true, MaxErrorUS: 1000}},
			Fate:    func(netip.AddrPort, exposure.Transport) exposure.State { return exposure.Silent },
		}
		for _, h := range hosts {
			v.Findings = append(v.Findings, exposure.Judge(h, v.Vantage))
		}
		return v
	}
	inside := view("core", exposure.Trusted, hosts())
	inside.Findings[0].Names = []string{"cache.example.net"}
	filtered := slices.DeleteFunc(hosts(), func(h exposure.Host) bool { return h.Addr.Is6() || h.Addr.As4()[3] < 9 })
	outside := view("=inet\x1b[2J", exposure.Untrusted, filtered)
	cut := view("dmz", exposure.SemiTrusted, hosts()[:2])
	cut.Status, cut.Fate, cut.Finished, cut.Plan = exposure.Incomplete, nil, time.Time{}, ""
	cut.Problems = []string{"the stored stream ends without a summary"}
	m, err := matrix.Compare([]matrix.View{inside, cut, outside}, matrix.Options{Unfinished: true})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func writeMatrix(t testing.TB, format string, m matrix.Matrix, o Options) string {
	t.Helper()
	f, err := MatrixFormatByName(format)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := f.Write(&b, Tool{"memsweep", "0.1.0"}, m, o); err != nil {
		t.Fatalf("write %s: %v", format, err)
	}
	return b.String()
}

func TestGoldenMatrix(t *testing.T) {
	t.Parallel()
	for _, g := range []struct {
		file, format string
		opts         Options
	}{
		{"compare.txt", "text", Options{}},
		{"compare-140.txt", "text", Options{Width: 140}},
		{"compare-60.txt", "text", Options{Width: 60}},
		{"compare-colour.txt", "text", Options{Width: 140, Color: true, Verbose: true}},
		{"compare.json", "json", Options{}},
		{"compare.csv", "csv", Options{}},
	} {
		got := writeMatrix(t, g.format, someMatrix(t), g.opts)
		path := filepath.Join("..", "testdata", "golden", g.file)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got; -update writes it anew):\n%s", g.file, diff)
		}
		for line := range strings.Lines(got) {
			if g.opts.Width > 0 && !g.opts.Color && width(strings.TrimSuffix(line, "\n")) > g.opts.Width {
				t.Errorf("%s: wider than %d: %s", g.file, g.opts.Width, line)
			}
		}
	}
}

func compiledMatrix(t testing.TB) *jsonschema.Schema {
	t.Helper()
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(MatrixSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("compare.schema.json", parsed); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("compare.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMatrixIsValid(t *testing.T) {
	t.Parallel()
	s := compiledMatrix(t)
	document := writeMatrix(t, "json", someMatrix(t), Options{})
	if err := validate(s, document); err != nil {
		t.Error(err)
	}
	foreign, err := matrix.Compare([]matrix.View{{Source: "scan_memcached.csv", Status: exposure.Complete}}, matrix.Options{})
	if err != nil {
		t.Fatal(err)
	}
	foreign.Columns[0].Vantage.Trust = exposure.Untrusted
	if err := validate(s, writeMatrix(t, "json", foreign, Options{})); err != nil {
		t.Errorf("a report that says next to nothing: %v", err)
	}
	for _, member := range []string{"partial", "columns", "source", "vantage", "suspect", "finished", "ip", "transport", "port", "cells", "state", "text", "unfinished", "patterns", "kind"} {
		quoted := `"` + member + `": `
		if !strings.Contains(document, quoted) {
			t.Errorf("%s is not in the document", member)
		}
		if validate(s, strings.Replace(document, quoted, `"`+member+`_": `, 1)) == nil {
			t.Errorf("valid without %s", member)
		}
	}
}

// TestMatrixSchemaNamesEveryMember: what is written is in the schema, and
// what both schemas define they define alike.
func TestMatrixSchemaNamesEveryMember(t *testing.T) {
	t.Parallel()
	var own, reports struct {
		Defs map[string]any `json:"$defs"`
	}
	var whole any
	for _, err := range []error{json.Unmarshal(MatrixSchema(), &own), json.Unmarshal(MatrixSchema(), &whole), json.Unmarshal(Schema(), &reports)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, shared := range []string{"vantage", "standing", "justification"} {
		if diff := cmp.Diff(reports.Defs[shared], own.Defs[shared]); diff != "" {
			t.Errorf("%s (-report +comparison):\n%s", shared, diff)
		}
	}
	known := map[string]bool{}
	var collect func(any)
	collect = func(v any) {
		object, _ := v.(map[string]any)
		properties, _ := object["properties"].(map[string]any)
		for name := range properties {
			known[name] = true
		}
		for _, member := range object {
			collect(member)
		}
	}
	collect(whole)
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, member := range v {
				if !known[name] {
					t.Errorf("%s is not in the schema", name)
				}
				walk(member)
			}
		case []any:
			for _, member := range v {
				walk(member)
			}
		}
	}
	var document any
	if err := json.Unmarshal([]byte(writeMatrix(t, "json", someMatrix(t), Options{})), &document); err != nil {
		t.Fatal(err)
	}
	walk(document)
}

// TestMatrixFormatsAgree: every format has every endpoint and every cell.
func TestMatrixFormatsAgree(t *testing.T) {
	t.Parallel()
	m := someMatrix(t)
	for _, f := range MatrixFormats() {
		text := writeMatrix(t, f.Name, m, Options{Verbose: true})
		if f.Name == "csv" {
			rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
			if err != nil || len(rows) != len(m.Rows)+1 {
				t.Fatalf("csv: %d rows for %d: %v", len(rows), len(m.Rows), err)
			}
		}
		for _, r := range m.Rows {
			if !strings.Contains(text, r.IP.String()) {
				t.Errorf("%s lacks %s", f.Name, r)
			}
			for i, c := range r.Cells {
				if !strings.Contains(text, exposure.Escape(c.Text)) {
					t.Errorf("%s: %s lacks cell %d, %s", f.Name, r, i, c.Text)
				}
			}
			for _, p := range r.Patterns {
				if start, _, _ := strings.Cut(p.Text, "core"); !strings.Contains(text, start) {
					t.Errorf("%s: %s lacks %s", f.Name, r, p.Text)
				}
			}
		}
		if strings.ContainsAny(text, "\x1b\a") || strings.Contains(text, "\u202e") {
			t.Errorf("%s hands control characters on", f.Name)
		}
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestMatrixWriteErrors(t *testing.T) {
	t.Parallel()
	for _, f := range MatrixFormats() {
		if err := f.Write(broken{}, Tool{}, someMatrix(t), Options{}); err == nil || !strings.Contains(err.Error(), "disk full") {
			t.Errorf("%s: error %v", f.Name, err)
		}
	}
	if _, err := MatrixFormatByName("xls"); err == nil || !strings.Contains(err.Error(), "text, json, csv, html, markdown") {
		t.Errorf("error %v", err)
	}
}
