package report

import (
	"fmt"
	"io"
	"strings"
)

// Format is one kind of document. A new format is one file and one line in All.
type Format struct {
	Name      string // as given to --format
	Summary   string // one line, for help
	Extension string // with the dot: ".json"
	New       func(w io.Writer, o Options) Writer
}

// Options are what a format may want to know about its reader. Only formats
// for people look at them: what a machine reads depends on the findings alone.
type Options struct {
	Color   bool // ANSI colours are welcome
	Width   int  // columns of the terminal; 0: as wide as it takes
	Verbose bool // every reason and every fix, however many findings there are
}

// All lists the formats, the default first.
func All() []Format {
	return []Format{
		{"text", "a table for people", ".txt", newText},
		{"json", "one JSON document, the stable contract for programs", ".json", newJSON},
		{"jsonl", "one JSON object a line, as findings come", ".jsonl", newJSONL},
		{"csv", "one row a finding, safe to open in a spreadsheet", ".csv", newCSV},
		{"sarif", "SARIF 2.1.0, for code scanning", ".sarif", newSARIF},
		{"shadowserver", "the CSV of Shadowserver's scan_memcached", ".csv", newShadowserver},
		{"defectdojo", "DefectDojo's generic findings, JSON", ".json", newDefectDojo},
		{"nmap", "nmap's XML", ".xml", newNmap},
		{"prometheus", "metrics for node_exporter's textfile collector", ".prom", newPrometheus},
		{"html", "one self-contained page: what to fix first, and how", ".html", newHTML},
		{"markdown", "for tickets: a table, and the fix of each host", ".md", newMarkdown},
	}
}

// ByName returns the format with that name.
func ByName(name string) (Format, error) {
	var names []string
	for _, f := range All() {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return Format{}, fmt.Errorf("unknown format %q: want one of %s", name, strings.Join(names, ", "))
}
