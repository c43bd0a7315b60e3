package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/memsweep/memsweep/exposure"
)

// convert reads a stored report and writes it in another format.
func convert(stored []byte, format string) ([]byte, error) {
	f, err := ByName(format)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = Convert(bytes.NewReader(stored), "stored", exposure.Vantage{}, f.New(&b, Options{}))
	return b.Bytes(), err
}

func mustConvert(t *testing.T, stored []byte, format string) []byte {
	t.Helper()
	out, err := convert(stored, format)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, x := range []fixture{whole(), interrupted(), nothing(), held()} {
		document, stream := x.write(t, "json", Options{}), x.write(t, "jsonl", Options{})
		for name, got := range map[string][]byte{
			"json to json":          mustConvert(t, document, "json"),
			"jsonl to json":         mustConvert(t, stream, "json"),
			"json to jsonl to json": mustConvert(t, mustConvert(t, document, "jsonl"), "json"),
			"compact json to json":  mustConvert(t, compact(t, document), "json"),
			"sorted json to json":   samePlan(t, mustConvert(t, resorted(t, document), "json"), document),
			"with a BOM":            mustConvert(t, append([]byte("\xef\xbb\xbf"), document...), "json"),
		} {
			if diff := cmp.Diff(string(document), string(got)); diff != "" {
				t.Errorf("%s (-want +got)\n%s", name, diff)
			}
		}
		if diff := cmp.Diff(string(stream), string(mustConvert(t, stream, "jsonl"))); diff != "" {
			t.Errorf("jsonl to jsonl (-want +got)\n%s", diff)
		}
		for _, format := range []string{"csv", "text"} {
			// A stored document has no invalid UTF-8 any more.
			want := strings.ReplaceAll(string(x.write(t, format, Options{})), `\xff`, "\ufffd")
			if diff := cmp.Diff(want, string(mustConvert(t, document, format))); diff != "" {
				t.Errorf("json to %s (-want +got)\n%s", format, diff)
			}
		}
	}
}

func compact(t *testing.T, document []byte) []byte {
	var b bytes.Buffer
	if err := json.Compact(&b, document); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// resorted has the members in the order of their names, as jq -S writes them:
// findings come before the head.
func resorted(t *testing.T, document []byte) []byte {
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// samePlan takes the plan, whose own order of members was changed, back.
func samePlan(t *testing.T, got, want []byte) []byte {
	plan := func(doc []byte) string {
		var d struct {
			Sweep struct{ Plan json.RawMessage }
		}
		if err := json.Unmarshal(doc, &d); err != nil {
			t.Fatal(err)
		}
		return string(d.Sweep.Plan)
	}
	return []byte(strings.Replace(string(got), plan(got), plan(want), 1))
}

func TestCutStreamIsIncomplete(t *testing.T) {
	t.Parallel()
	stream := whole().write(t, "jsonl", Options{})
	header := bytes.IndexByte(stream, '\n') + 1
	summary := bytes.LastIndexByte(stream[:len(stream)-1], '\n') + 1
	for _, cut := range []int{header, header + 1, header + 2000, summary - 1, summary, summary + 1, len(stream) - 3} {
		out, err := convert(stream[:cut], "json")
		if err != nil {
			t.Errorf("cut at %d: %v", cut, err)
			continue
		}
		stored, err := Read(bytes.NewReader(out), "cut")
		if err != nil {
			t.Fatal(err)
		}
		for range stored.Findings() {
		}
		if s := stored.Summary(); s.Status != exposure.Incomplete || len(s.Problems) != 1 || s.Coverage.Planned != 0 {
			t.Errorf("cut at %d: %+v", cut, s)
		}
	}
	if out := mustConvert(t, stream[:len(stream)-1], "json"); !bytes.Contains(out, []byte(`"status": "complete"`)) {
		t.Error("a stream that lacks but its last line's end is whole")
	}
}

func TestCutDocumentIsAnError(t *testing.T) {
	t.Parallel()
	document := whole().write(t, "json", Options{})
	for cut := 0; cut < len(document)-2; cut += 1 + len(document)/200 {
		out, err := convert(document[:cut], "text")
		var stored *StoredError
		if !errors.As(err, &stored) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if len(out) > 0 {
			t.Fatalf("cut at %d: something was written", cut)
		}
	}
}

func TestReadErrors(t *testing.T) {
	t.Parallel()
	document, stream := string(nothing().write(t, "json", Options{})), string(whole().write(t, "jsonl", Options{}))
	swap := func(s, old, replacement string) string {
		if !strings.Contains(s, old) {
			t.Fatalf("%q is not there to be replaced", old)
		}
		return strings.Replace(s, old, replacement, 1)
	}
	lines := strings.SplitAfter(stream, "\n")
	for _, tt := range []struct{ name, stored, want string }{
		{"empty", "", "read report stored: it is empty"},
		{"blank", " \n", "cut off"},
		{"a list", "[]", `byte 1: a "{" is missing`},
		{"text", "CRITICAL  192.0.2.7", "invalid character"},
		{"newer major", swap(document, `"1.0"`, `"2.0"`), "schema_version 2.0 cannot be read: this memsweep reads 1.x"},
		{"older major", swap(document, `"1.0"`, `"0.9"`), "cannot be read"},
		{"no version", swap(document, `"1.0"`, `"new"`), `schema_version "new" is no version`},
		{"newer major in a stream", swap(stream, `"1.0"`, `"2.0"`), "line 1: schema_version 2.0 cannot be read"},
		{"without coverage", swap(document, `"coverage"`, `"coverages"`), "coverage is missing"},
		{"without status", swap(document, `"status"`, `"stat"`), "sweep: id or status is missing"},
		{"twice", swap(document, `"tool"`, `"schema_version"`), `"schema_version" stands twice`},
		{"more after it", document + "{}", "there is more after the document"},
		{"no findings list", swap(document, `"findings": []`, `"findings": {}`), `a "[" is missing`},
		{"not a finding", swap(document, `"findings": []`, `"findings": [{}]`), "finding: id, ip, verdict or severity is missing"},
		{"stream without header", lines[1], "line 1: a stream starts with its header"},
		{"broken line", lines[0] + "{]\n" + lines[1], "line 2: invalid character"},
		{"no type", lines[0] + "{}\n", "line 2: type is missing"},
		{"two headers", lines[0] + lines[0], "line 2: a second header"},
		{"after the summary", stream + lines[1], "there is more after the summary"},
		{"wrong type of value", lines[0] + swap(lines[1], `"port":11211`, `"port":"x"`), "line 2: finding: json: cannot unmarshal"},
	} {
		_, err := convert([]byte(tt.stored), "json")
		var stored *StoredError
		if !errors.As(err, &stored) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestReadIgnoresWhatIsNew(t *testing.T) {
	t.Parallel()
	document := string(nothing().write(t, "json", Options{}))
	newer := strings.Replace(document, `"schema_version": "1.0"`, `"new": [{"a": null}], "schema_version": "1.7"`, 1)
	newer = strings.Replace(newer, `"findings": []`, `"findings": [], "newer": {"b": 1}`, 1)
	if diff := cmp.Diff(document, string(mustConvert(t, []byte(newer), "json"))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	stream := whole().write(t, "jsonl", Options{})
	lines := bytes.SplitAfter(stream, []byte("\n"))
	lines[0] = append(lines[0], "\n{\"type\":\"progress\"}\n"...)
	if diff := cmp.Diff(string(stream), string(mustConvert(t, bytes.Join(lines, nil), "jsonl"))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// endless repeats a byte for ever after a beginning.
type endless struct{ b byte }

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = e.b
	}
	return len(p), nil
}

func TestReadIsBounded(t *testing.T) {
	t.Parallel()
	for _, start := range []string{
		`{"type":"header`,
		`{"schema_version": "`,
		strings.SplitAfter(string(whole().write(t, "jsonl", Options{})), "\n")[0] + `{"type":"finding","id":"`,
	} {
		stored, err := read(io.MultiReader(strings.NewReader(start), endless{'x'}), "stored", 1<<20, exposure.Vantage{})
		if err == nil {
			for _, err = range stored.Findings() {
			}
		}
		if !errors.Is(err, errTooLong) {
			t.Errorf("%.20s…: %v", start, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(nothing().write(f, "json", Options{}))
	lines := strings.SplitAfter(string(nothing().write(f, "jsonl", Options{})), "\n")
	const finding = `{"type":"finding","id":"1","ip":"::1","verdict":"open","severity":"low","tcp":{"evidence":[{"base64":"AA=="}]}}` + "\n"
	f.Add([]byte(lines[0] + finding + lines[1]))
	f.Add([]byte(lines[0] + finding))
	f.Add([]byte(`{"findings":[{}],"sweep":{"id":"1","status":"x"}}`))
	f.Fuzz(func(t *testing.T, stored []byte) {
		var b bytes.Buffer
		if Convert(bytes.NewReader(stored), "fuzz", exposure.Vantage{}, newJSON(&b, Options{})) != nil {
			return
		}
		again, err := convert(b.Bytes(), "json")
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, b.Bytes())
		}
		if !bytes.Equal(again, b.Bytes()) {
			t.Fatalf("written anew it differs\n%s\n%s", b.Bytes(), again)
		}
	})
}

func TestConvertPassesWriterErrors(t *testing.T) {
	t.Parallel()
	full := errors.New("full")
	err := Convert(bytes.NewReader(whole().write(t, "json", Options{})), "stored", exposure.Vantage{}, refusing{full})
	var stored *StoredError
	if !errors.Is(err, full) || errors.As(err, &stored) {
		t.Errorf("%v: not the writer's own error", err)
	}
}

type refusing struct{ err error }

func (r refusing) Begin(Header) error             { return nil }
func (r refusing) Finding(exposure.Finding) error { return r.err }
func (r refusing) End(Summary) error              { return nil }
