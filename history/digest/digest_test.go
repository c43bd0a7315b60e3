package digest_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"flag"
	"fmt"
	"iter"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/history/digest"
	"github.com/memsweep/memsweep/history/life"
	"github.com/memsweep/memsweep/internal/pretend"
	"github.com/memsweep/memsweep/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

// pretended opens a history that never was.
func pretended(t testing.TB, size pretend.Size) *history.Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "history.db")
	if err := pretend.Write(context.Background(), path, size); err != nil {
		t.Fatal(err)
	}
	s, err := history.Open(context.Background(), path, history.ReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// sheets are all documents that there are, of one history.
func sheets(t testing.TB, s *history.Store) map[string]report.Sheet {
	t.Helper()
	ctx := context.Background()
	o, err := s.Overview(ctx)
	if err != nil {
		t.Fatal(err)
	}
	any := history.Filter{State: history.Any}
	n, err := s.Count(ctx, any)
	if err != nil {
		t.Fatal(err)
	}
	host, err := s.Host(ctx, netip.MustParseAddr(pretend.HostIPv4))
	if err != nil {
		t.Fatal(err)
	}
	points, err := s.Trend(ctx, "", pretend.Begin, pretend.Begin.AddDate(0, 0, 10), 8)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]report.Sheet{
		"exposures":  digest.Exposures(any, o, n, digest.All(func(p history.Page) ([]history.Exposure, string, error) { return s.Exposures(ctx, any, p) })),
		"changes":    digest.Changes(windowOf(t, s), true),
		"difference": digest.Difference(spanOf(t, s)),
		"sweeps":     digest.Sweeps(o, digest.All(func(p history.Page) ([]history.Sweep, string, error) { return s.Sweeps(ctx, "", "", p) })),
		"trend":      digest.Trend("", o, points),
		"host":       digest.Host(host),
	}
}

func windowOf(t testing.TB, s *history.Store) digest.Window {
	ctx, since, until := context.Background(), pretend.Begin, pretend.Begin.AddDate(1, 0, 0)
	w := digest.Window{Since: since, Kinds: digest.Events(), Counts: map[life.Kind]int{}, Gaps: []string{"No sweep from " + pretend.Hostile + "."}}
	w.Changes = func(k life.Kind) iter.Seq2[history.Change, error] {
		return digest.All(func(p history.Page) ([]history.Change, string, error) {
			return s.Changes(ctx, history.ChangeFilter{Since: since, Kinds: []life.Kind{k}}, p)
		})
	}
	w.Unchanged = func(k life.Kind) iter.Seq2[history.Difference, error] {
		return func(yield func(history.Difference, error) bool) {
			for d, err := range s.Differences(ctx, since, until, history.Filter{}) {
				if (err != nil || d.Kind == k) && !yield(d, err) {
					return
				}
			}
		}
	}
	for _, k := range w.Kinds {
		for _, err := range w.Changes(k) {
			if err != nil {
				t.Fatal(err)
			}
			w.Counts[k]++
		}
	}
	for _, k := range []life.Kind{life.Still, life.NotRescanned} {
		for _, err := range w.Unchanged(k) {
			if err != nil {
				t.Fatal(err)
			}
			w.Counts[k]++
		}
	}
	return w
}

func spanOf(t testing.TB, s *history.Store) digest.Span {
	ctx := context.Background()
	sweeps, _, err := s.Sweeps(ctx, "internet", "", history.Page{})
	if err != nil || len(sweeps) < 2 {
		t.Fatal(sweeps, err)
	}
	span := digest.Span{From: sweeps[len(sweeps)-1], To: sweeps[0], Sweeps: len(sweeps), Show: life.Kinds()}
	for d, err := range s.Differences(ctx, span.From.Started, span.To.Started, history.Filter{Vantage: "internet"}) {
		if err != nil {
			t.Fatal(err)
		}
		span.Differences = append(span.Differences, d)
	}
	digest.Order(span.Differences)
	return span
}

func write(t testing.TB, s report.Sheet, format string, o report.Options) string {
	t.Helper()
	f, err := report.SheetFormatByName(format)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := f.Write(&b, report.Tool{Name: "memsweep", Version: "1.0.0"}, s, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestGolden holds every document in every format.
func TestGolden(t *testing.T) {
	t.Parallel()
	for name, sheet := range sheets(t, pretended(t, pretend.Size{Exposures: 24, Sweeps: 5})) {
		for _, f := range report.SheetFormats() {
			checkGolden(t, "history-"+name+f.Extension, withoutStyle(write(t, sheet, f.Name, report.Options{Width: 140})))
		}
		if name == "difference" {
			checkGolden(t, "history-"+name+"-60.txt", write(t, sheet, "text", report.Options{Width: 60}))
			checkGolden(t, "history-"+name+"-colour.txt", write(t, sheet, "text", report.Options{Color: true}))
		}
	}
}

func checkGolden(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("..", "..", "testdata", "golden", file)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.ReplaceAll(string(want), "\r\n", "\n"), got); diff != "" {
		t.Errorf("%s (-want +got; -update writes it anew):\n%s", file, diff)
	}
}

func withoutStyle(page string) string {
	page = regexp.MustCompile(`(?s)<style>.*?</style>`).ReplaceAllString(page, "<style>…</style>")
	return regexp.MustCompile("sha256-[^ ;]+=").ReplaceAllString(page, "sha256-…")
}

func compiled(t testing.TB) *jsonschema.Schema {
	t.Helper()
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(digest.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", parsed); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(s *jsonschema.Schema, document string) error {
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(document))
	if err != nil {
		return fmt.Errorf("parse: %w", err)
	}
	return s.Validate(v)
}

// TestDocumentsAreValid, and are not once something required is missing or means
// nothing.
func TestDocumentsAreValid(t *testing.T) {
	t.Parallel()
	schema := compiled(t)
	for name, sheet := range sheets(t, pretended(t, pretend.Size{Exposures: 24, Sweeps: 5, Hostile: true})) {
		document := write(t, sheet, "json", report.Options{})
		if err := validate(schema, document); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, member := range []string{"schema_version", "tool", "document", "exposure", "exposures", "changes", "differences", "sweeps", "points", "host", "kind", "was", "now", "severity", "ip", "transport", "vantage", "open", "first_seen", "since", "fixed", "misses", "started", "status", "outcomes", "intervals", "at"} {
			mutant := strings.Replace(document, fmt.Sprintf("%q: ", member), `"`+member+`_": `, 1)
			if mutant != document && validate(schema, mutant) == nil {
				t.Errorf("%s: valid without %s", name, member)
			}
		}
		for _, change := range [][2]string{{`"schema_version": "1.0"`, `"schema_version": "2.0"`}, {`"document": "`, `"document": "x`}, {`"transport": "`, `"transport": "x`}, {`"severity": "`, `"severity": "x`}, {`"kind": "`, `"kind": "x`}} {
			mutant := strings.Replace(document, change[0], change[1], 1)
			if mutant != document && validate(schema, mutant) == nil {
				t.Errorf("%s: valid with %s", name, change[1])
			}
		}
	}
}

// TestHostileTexts: what servers, names and owners say is text in every format.
func TestHostileTexts(t *testing.T) {
	t.Parallel()
	for name, sheet := range sheets(t, pretended(t, pretend.Size{Exposures: 60, Sweeps: 5, Hostile: true})) {
		for _, f := range report.SheetFormats() {
			document := write(t, sheet, f.Name, report.Options{Verbose: true})
			if i := strings.IndexFunc(document, func(r rune) bool { return r != '\n' && exposure.Hidden(r) }); i >= 0 {
				t.Errorf("%s as %s: %q", name, f.Name, document[max(0, i-20):min(len(document), i+20)])
			}
			if f.Name == "html" && (strings.Contains(document, "<script") || strings.Contains(document, "<img")) {
				t.Errorf("%s: somebody else's markup in the page", name)
			}
			if f.Name == "markdown" && regexp.MustCompile(`(?m)^[^`+"`"+`\n]*[^\\\n]<(script|img)`).MatchString(document) {
				t.Errorf("%s: somebody else's markup in the ticket", name)
			}
			if f.Name == "csv" {
				checkCells(t, name, document)
			}
		}
	}
}

func checkCells(t *testing.T, name, document string) {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(document)).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if strings.ContainsAny(cell[:min(1, len(cell))], "=+-@\t\r") {
				t.Errorf("%s: a spreadsheet would run %q", name, cell)
			}
		}
	}
}

// TestNothingIsLost: each exposure that was open at one end of a span is in
// exactly one class, in the document too, and a sweep held against itself shows
// no change.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	s := pretended(t, pretend.Size{Exposures: 300, Sweeps: 20})
	ctx := context.Background()
	sweeps, _, err := s.Sweeps(ctx, "internet", "", history.Page{})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(sweeps)
	spans := map[int64][]life.Interval{}
	for e, err := range digest.All(func(p history.Page) ([]history.Exposure, string, error) {
		return s.Exposures(ctx, history.Filter{State: history.Any, Vantage: "internet"}, p)
	}) {
		if err != nil {
			t.Fatal(err)
		}
		h, err := s.Host(ctx, e.IP)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range h.Exposures {
			if l.ID == e.ID {
				spans[e.ID] = l.Intervals
			}
		}
	}
	open := func(id int64, at time.Time) bool {
		return slices.ContainsFunc(spans[id], func(i life.Interval) bool { return !i.Opened.After(at) && (i.Fixed == nil || i.Fixed.After(at)) })
	}
	for from := 0; from < len(sweeps); from += 3 {
		for to := from; to < len(sweeps); to += 4 {
			a, b, classes := sweeps[from].Started, sweeps[to].Started, map[int64]life.Kind{}
			for d, err := range s.Differences(ctx, a, b, history.Filter{Vantage: "internet"}) {
				if err != nil || classes[d.Exposure.ID] != "" {
					t.Fatalf("%d twice: %v", d.Exposure.ID, err)
				}
				classes[d.Exposure.ID] = d.Kind
				if (d.Kind == life.NotRescanned) != (d.Why != "") {
					t.Errorf("%s, because %q", d.Kind, d.Why)
				}
				if from == to && d.Kind != life.Still && d.Kind != life.NotRescanned {
					t.Errorf("a sweep held against itself: %s", d.Kind)
				}
			}
			for id := range spans {
				was, now := open(id, a), open(id, b)
				want := map[[2]bool][]life.Kind{
					{false, false}: {""}, {false, true}: {life.New}, {true, false}: {life.Fixed},
					{true, true}: {life.Still, life.Worse, life.Better, life.NotRescanned},
				}[[2]bool{was, now}]
				if !slices.Contains(want, classes[id]) {
					t.Errorf("sweeps %d to %d: %d was open %t, is open %t, and is %q", from, to, id, was, now, classes[id])
				}
			}
		}
	}
}

func TestSparkline(t *testing.T) {
	t.Parallel()
	if got := digest.Sparkline([]int{0, 1, 4, 8, 7}); got != "·▁▄█▇" {
		t.Error(got)
	}
	if got := digest.Sparkline(nil); got != "" {
		t.Error(got)
	}
}

// TestJobAndAddresses: a row of changes says for which job it was seen, at its
// end; and no document has a field that a history cannot fill.
func TestJobAndAddresses(t *testing.T) {
	t.Parallel()
	all := sheets(t, pretended(t, pretend.Size{Exposures: 24, Sweeps: 5}))
	for name, sheet := range all {
		if strings.Contains(write(t, sheet, "json", report.Options{}), `"addresses"`) {
			t.Errorf("%s has addresses", name)
		}
	}
	rows := strings.Split(write(t, all["changes"], "csv", report.Options{}), "\n")
	if !strings.HasSuffix(strings.TrimSpace(rows[0]), ",job") || !strings.HasSuffix(strings.TrimSpace(rows[1]), "-daily") {
		t.Errorf("%s\n%s", rows[0], rows[1])
	}
}
