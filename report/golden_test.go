package report

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// goldens is every golden document: a report in a format.
func goldens() []struct {
	file, format string
	report       fixture
	opts         Options
} {
	type golden = struct {
		file, format string
		report       fixture
		opts         Options
	}
	return []golden{
		{"report.json", "json", whole(), Options{}},
		{"report.jsonl", "jsonl", whole(), Options{}},
		{"report.csv", "csv", whole(), Options{}},
		{"report.sarif", "sarif", whole(), Options{}},
		{"report.shadowserver.csv", "shadowserver", whole(), Options{}},
		{"report.defectdojo.json", "defectdojo", whole(), Options{}},
		{"report.nmap.xml", "nmap", whole(), Options{}},
		{"report.prom", "prometheus", whole(), Options{}},
		{"policy.sarif", "sarif", held(), Options{}},
		{"policy.shadowserver.csv", "shadowserver", held(), Options{}},
		{"policy.defectdojo.json", "defectdojo", held(), Options{}},
		{"policy.nmap.xml", "nmap", held(), Options{}},
		{"policy.prom", "prometheus", held(), Options{}},
		{"interrupted.sarif", "sarif", interrupted(), Options{}},
		{"interrupted.shadowserver.csv", "shadowserver", interrupted(), Options{}},
		{"interrupted.defectdojo.json", "defectdojo", interrupted(), Options{}},
		{"interrupted.nmap.xml", "nmap", interrupted(), Options{}},
		{"interrupted.prom", "prometheus", interrupted(), Options{}},
		{"report.txt", "text", whole(), Options{}},
		{"report-140.txt", "text", whole(), Options{Width: 140}},
		{"report-100.txt", "text", whole(), Options{Width: 100}},
		{"report-60.txt", "text", whole(), Options{Width: 60}},
		{"report-colour.txt", "text", whole(), Options{Width: 140, Color: true}},
		{"report-verbose.txt", "text", interrupted(), Options{Width: 100, Verbose: true}},
		{"nothing.json", "json", nothing(), Options{}},
		{"nothing.jsonl", "jsonl", nothing(), Options{}},
		{"nothing.csv", "csv", nothing(), Options{}},
		{"nothing.txt", "text", nothing(), Options{Width: 100}},
		{"nothing.html", "html", nothing(), Options{}},
		{"interrupted.html", "html", interrupted(), Options{}},
		{"held.md", "markdown", held(), Options{}},
		{"interrupted.md", "markdown", interrupted(), Options{}},
		{"interrupted.json", "json", interrupted(), Options{}},
		{"interrupted.jsonl", "jsonl", interrupted(), Options{}},
		{"held.json", "json", held(), Options{}},
		{"held.jsonl", "jsonl", held(), Options{}},
		{"held.csv", "csv", held(), Options{}},
		{"held.txt", "text", held(), Options{Width: 100}},
		{"interrupted.txt", "text", interrupted(), Options{Width: 100}},
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for _, g := range goldens() {
		got := withoutStyle(g.report.write(t, g.format, g.opts))
		path := filepath.Join("..", "testdata", "golden", g.file)
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want = bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n")) // a checkout on Windows
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (-want +got; -update writes it anew):\n%s", g.file, diff)
		}
	}
}

// withoutStyle leaves the style sheet and its digest out of a page: they stand
// in a file of their own.
func withoutStyle(page []byte) []byte {
	page = bytes.Replace(page, []byte("<style>"+htmlStyle()+"</style>"), []byte("<style>…</style>"), 1)
	return regexp.MustCompile("sha256-[^ ;]+=").ReplaceAll(page, []byte("sha256-…"))
}
