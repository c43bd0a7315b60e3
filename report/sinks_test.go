package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/memsweep/memsweep/exposure"
)

// hostile is a report in which every string is s.
func hostile(s string) fixture {
	x := nothing()
	o := exposure.Observation{
		Probe: s, Transport: exposure.TCP, Port: 11211, State: exposure.Open, Service: s, Product: s, Tells: []string{s, s}, Version: &s,
		Dialect: []string{s}, Auth: exposure.Auth(s), SASLMechanisms: []string{s}, TLSVersion: s, TLSSubject: s,
		Stats:    &exposure.Stats{Version: &s, Libevent: &s},
		Settings: &exposure.Settings{Inter: &s, AuthEnabledASCII: &s, BindingProtocol: &s, Evictions: &s},
		Evidence: []exposure.Exchange{{Question: s, Reply: []byte(s), Ending: s}},
		Notes:    []string{s},
	}
	u := o
	u.Transport, u.State = exposure.UDP, exposure.State(s)
	u.Amplification = &exposure.Amplification{Request: s, Datagrams: 1}
	f := exposure.Judge(exposure.Host{Addr: netip.MustParseAddr("fe80::1%eth0"), Observations: []exposure.Observation{o, u, o}}, x.header.Sweep.Vantage)
	f.Names = []string{s}
	word := exposure.Justification{Source: s, Owner: s, Reason: s, Created: s, Expires: s}
	f.Policy = &exposure.Standing{Expected: exposure.Expectation(s), Severity: exposure.High, By: &word, Others: []exposure.Justification{word}, Failures: []string{s}}
	x.findings = append(x.findings, f)
	f.ID, f.Verdict, f.Severity, f.Reasons = s, exposure.Verdict(s), exposure.Severity(s), []string{s}
	f.Fix = []exposure.Fix{{For: s, Title: s, File: s, Lines: []string{s}}}
	f.Release = &exposure.Lifecycle{Version: s, UDPDefault: s, Caveat: s}
	f.Vulnerabilities = []exposure.Vulnerability{{ID: s, Certainty: exposure.Certainty(s), Title: s, CVSSVer: s, Affects: s, Fixed: s, Reference: s}}
	x.findings = append(x.findings, f)
	x.header.Tool = Tool{s, s}
	x.header.Sweep.ID, x.header.Sweep.Engine, x.header.Sweep.Vantage.Name, x.header.Sweep.Vantage.Trust = s, s, s, exposure.Trust(s)
	x.header.Scope, x.header.Policy = &Scope{s, s, s, s}, &Policy{s, s}
	held := newAudit()
	for _, f := range x.findings {
		held.count(f.TCP)
		held.count(f.UDP)
		held.count(&f.Also[0])
	}
	x.summary.Coverage.Outcomes.Answered, x.summary.Coverage.Probes = total(held.sure), nil
	x.summary.Status, x.summary.Problems = exposure.Incomplete, []string{s}
	x.summary.Coverage.Outcomes.LocalError = 1
	x.summary.Coverage.LocalErrors = map[string]uint64{s: 1}
	return x
}

// ours are the escape sequences that the text colours with.
var ours = regexp.MustCompile("\x1b\\[(0|1|2|33|36|1;31|1;97;41)m")

func FuzzSinks(f *testing.F) {
	for _, s := range []string{
		"", "\x1b[2J\x1b]0;x\x07", "=1+1", " =1+1", "\t=1", "-1", "@x", "＝1", "a,\"b\"\r\n;=1", "\xff\xfe", "\u202e\u200b\u0085\u2028",
		`\ufffd`, `\\ufffd`, "\ufffd", "<script>&", "\x00", strings.Repeat("long ", 100), "ms-0123456789abcdef", "report",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		x := hostile(s)
		for _, o := range []Options{{}, {Width: 80, Color: true, Verbose: true}, {Width: 1}} {
			checkText(t, ours.ReplaceAll(x.write(t, "text", o), nil))
		}
		checkCSV(t, x.write(t, "csv", Options{}))
		checkMachines(t, x)
		document := x.write(t, "json", Options{})
		checkJSON(t, document)
		for line := range bytes.Lines(x.write(t, "jsonl", Options{})) {
			checkJSON(t, line)
		}
		if s == "" {
			return // a report without a sweep ID cannot be read back
		}
		x.findings[1].Verdict, x.findings[1].Severity = exposure.OpenTCP, exposure.Low // nor one with others than these
		document = x.write(t, "json", Options{})
		again, err := convert(document, "json")
		if err != nil || !bytes.Equal(document, again) {
			t.Fatalf("not the same when read back (%v)\n%s\n%s", err, document, again)
		}
	})
}

func checkText(t *testing.T, text []byte) {
	t.Helper()
	if !utf8.Valid(text) {
		t.Fatalf("no UTF-8: %q", text)
	}
	if i := bytes.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
		t.Fatalf("something hidden at %d: %q", i, text)
	}
}

func checkCSV(t *testing.T, doc []byte) {
	t.Helper()
	if bytes.ContainsRune(doc, '\r') || !utf8.Valid(doc) {
		t.Fatalf("a carriage return or no UTF-8: %q", doc)
	}
	rows, err := csv.NewReader(bytes.NewReader(doc)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if start := strings.TrimLeft(cell, " "); start != "" && strings.ContainsRune("=+-@\t\r\n\x00＝＋－＠", []rune(start)[0]) {
				t.Fatalf("a formula: %q", cell)
			}
			if strings.ContainsFunc(cell, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Fatalf("something hidden: %q", cell)
			}
		}
	}
}

func checkJSON(t *testing.T, doc []byte) {
	t.Helper()
	if !utf8.Valid(doc) || !json.Valid(doc) {
		t.Fatalf("not JSON: %q", doc)
	}
	if i := bytes.IndexFunc(doc, func(r rune) bool { return r != '\n' && exposure.Hidden(r) }); i >= 0 {
		t.Fatalf("something hidden at %d: %q", i, doc)
	}
}

// TestJSONHidesNothing: what a terminal would act on, or not show, is spelled
// out, and means the same to whoever parses it.
func TestJSONHidesNothing(t *testing.T) {
	t.Parallel()
	const version = "1\x1b[2J\x7f\u0085\u009b31m\u200b\u2060\ufeff\u202e\u2066\u2028\u00ad\u3164\U000e0041 é日×\\u200b"
	x := whole()
	x.findings[0].TCP.Version = ptr(version)
	x.header.Sweep.Plan = json.RawMessage(`{"names":["` + "a\u202e\x7f\U000e0041" + `"]}`)
	for _, format := range []string{"json", "jsonl"} {
		doc := x.write(t, format, Options{})
		for line := range bytes.Lines(doc) {
			if format == "jsonl" {
				checkJSON(t, line)
			}
		}
		if format == "json" {
			checkJSON(t, doc)
		}
		if want := `\u007f\u0085\u009b31m\u200b\u2060\ufeff\u202e\u2066\u2028\u00ad\u3164\udb40\udc41 é日×\\u200b"`; !bytes.Contains(doc, []byte(want)) {
			t.Errorf("%s: %s is not there", format, want)
		}
		if want := `a\u202e\u007f\udb40\udc41"`; !bytes.Contains(doc, []byte(want)) {
			t.Errorf("%s: %s is not in the plan", format, want)
		}
		stored, err := Read(bytes.NewReader(doc), format)
		if err != nil {
			t.Fatal(err)
		}
		for f, err := range stored.Findings() {
			if err != nil {
				t.Fatal(err)
			}
			if f.ID == x.findings[0].ID && *f.TCP.Version != version {
				t.Errorf("%s: read back as %q", format, *f.TCP.Version)
			}
		}
		if again := mustConvert(t, doc, format); !bytes.Equal(doc, again) {
			t.Errorf("%s: written anew it differs", format)
		}
	}
}

// FuzzPlainReplacement: two strings that are read alike are written alike.
func FuzzPlainReplacement(f *testing.F) {
	f.Add("\xff")
	f.Add(`a\ufffd\\ufffd` + "\xff\ufffd")
	f.Fuzz(func(t *testing.T, s string) {
		first, err := encode(s)
		if err != nil {
			t.Fatal(err)
		}
		var read string
		if err := json.Unmarshal(first, &read); err != nil {
			t.Fatalf("%q: %v", first, err)
		}
		if want := strings.ToValidUTF8(s, "\ufffd"); utf8.ValidString(s) && read != want {
			t.Fatalf("%q was read as %q", s, read)
		}
		second, err := encode(read)
		if err != nil || !bytes.Equal(first, second) {
			t.Fatalf("%q, then %q (%v)", first, second, err)
		}
	})
}

// filling is a writer with room for so many bytes.
type filling struct{ left int }

var errFull = errors.New("no space left")

func (w *filling) Write(p []byte) (int, error) {
	if len(p) <= w.left {
		w.left -= len(p)
		return len(p), nil
	}
	n := w.left
	w.left = 0
	return n, errFull
}

func TestWritersPassErrorsOn(t *testing.T) {
	t.Parallel()
	for _, f := range All() {
		whole := whole()
		size := len(whole.write(t, f.Name, Options{}))
		for _, room := range []int{0, 1, size / 2, size - 1} {
			if err := whole.into(f.New(&filling{room}, Options{})); !errors.Is(err, errFull) {
				t.Errorf("%s with room for %d of %d bytes: %v", f.Name, room, size, err)
			}
		}
		if err := whole.into(f.New(&filling{size}, Options{})); err != nil {
			t.Errorf("%s with room for all: %v", f.Name, err)
		}
	}
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has /dev/full, a disk without room")
	}
	for _, f := range All() {
		file, err := Create("/dev/full")
		if err != nil {
			t.Fatal(err)
		}
		err = whole().into(f.New(file, Options{}))
		if err == nil {
			err = file.Commit()
		}
		file.Abort()
		if err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
	if info, err := os.Stat("/dev/full"); err != nil || info.Mode().IsRegular() {
		t.Fatalf("/dev/full is no longer what it was: %v", err)
	}
}

// TestNothingHalf: what is not line by line writes nothing before its end.
func TestNothingHalf(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"json", "csv", "text", "sarif", "shadowserver", "defectdojo", "nmap", "prometheus", "html", "markdown"} {
		f, err := ByName(name)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		x, w := whole(), f.New(&b, Options{})
		if err := w.Begin(x.header); err != nil {
			t.Fatal(err)
		}
		for _, finding := range x.findings {
			if err := w.Finding(finding); err != nil {
				t.Fatal(err)
			}
		}
		if b.Len() > 0 {
			t.Errorf("%s: %q without an end", name, b.String())
		}
	}
}

// flushing counts how often it is flushed.
type flushing struct {
	bytes.Buffer
	times int
}

func (f *flushing) Flush() error { f.times++; return nil }

func TestJSONLFlushesEachLine(t *testing.T) {
	t.Parallel()
	var f flushing
	if err := whole().into(newJSONL(&f, Options{})); err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(f.Bytes(), []byte("\n")); f.times != lines {
		t.Errorf("%d lines, flushed %d times", lines, f.times)
	}
}

func TestByName(t *testing.T) {
	t.Parallel()
	for _, f := range All() {
		if got, err := ByName(f.Name); err != nil || got.Extension != f.Extension {
			t.Errorf("%s: %v, %v", f.Name, got, err)
		}
	}
	if _, err := ByName("xml"); err == nil || !strings.Contains(err.Error(), "text, json, jsonl, csv") {
		t.Errorf("xml: %v", err)
	}
}
