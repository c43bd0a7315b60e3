package report

import (
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/memsweep/memsweep/exposure"
)

// Sheet is a document of tables that have their columns in common: what is to
// be said of many endpoints, or of many sweeps. Its strings are as they came; each
// format escapes them for its reader.
type Sheet struct {
	About    string   // what the document is, in a word or two: "changes"
	Headline string   // the one sentence to remember
	Where    []string // of what, and of which time, it speaks
	Alarms   []string // what keeps it from being the whole truth
	Counts   []Count  // in the order in which they are shown
	Ranked   bool     // each row has a severity; it stands first
	Columns  []Column
	Parts    []Part
	Findings []Shown  // what stands behind the rows, in detail, for people
	More     string   // where to look for the rows that a format for people leaves out
	Facts    []Fact   // what else is worth knowing
	Members  []Member // of the JSON document, after schema_version and tool
}

// Count is how many rows there are of one sort.
type Count struct {
	Name  string
	Count uint64
}

// Column is one column of a sheet.
type Column struct {
	Title string // for people; "": programs alone see it
	Field string // for programs; "": people alone see it
}

// Part is one table of a sheet.
type Part struct {
	Title   string
	Note    string // what it means, in a sentence
	Rows    iter.Seq2[Row, error]
	Columns []Column // its own, for people alone; nil: the sheet's
}

// Shown is a finding with the place that it was seen from, in words.
type Shown struct {
	From    string
	Finding exposure.Finding
}

// Row has a cell for each column of its sheet.
type Row struct {
	Severity exposure.Severity
	Cells    []string
}

// Fact is something worth knowing, with its name.
type Fact struct{ Name, Value string }

// SheetFormat is one kind of document that a sheet can become. A new one is one
// file and one line in SheetFormats.
type SheetFormat struct {
	Name      string // as given to --format
	Summary   string // one line, for help
	Extension string // with the dot: ".json"
	// Write writes the whole document; tool is who made it.
	Write func(w io.Writer, tool Tool, s Sheet, o Options) error
}

// SheetFormats lists the formats of a sheet, the default first.
func SheetFormats() []SheetFormat {
	return []SheetFormat{
		{"text", "tables for people", ".txt", writeSheetText},
		{"json", "one JSON document, the stable contract for programs", ".json", writeSheetJSON},
		{"csv", "one row each, safe to open in a spreadsheet", ".csv", writeSheetCSV},
		{"html", "one self-contained page", ".html", writeSheetHTML},
		{"markdown", "for tickets", ".md", writeSheetMarkdown},
	}
}

// SheetFormatByName returns the format with that name.
func SheetFormatByName(name string) (SheetFormat, error) {
	var names []string
	for _, f := range SheetFormats() {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return SheetFormat{}, fmt.Errorf("unknown format %q: want one of %s", name, strings.Join(names, ", "))
}

// columns are those of a part.
func (s Sheet) columns(p Part) []Column {
	if p.Columns != nil {
		return p.Columns
	}
	return s.Columns
}

// titles are the headings that people see, the severity's first.
func (s Sheet) titles(p Part) (list []string) {
	if s.Ranked {
		list = append(list, "Severity")
	}
	for _, c := range s.columns(p) {
		if c.Title != "" {
			list = append(list, c.Title)
		}
	}
	return list
}

// shown are the cells of a row that people see, the severity's first.
func (s Sheet) shown(p Part, r Row) (list []string) {
	if s.Ranked {
		list = append(list, string(r.Severity))
	}
	for i, c := range s.columns(p) {
		if c.Title != "" && i < len(r.Cells) {
			list = append(list, r.Cells[i])
		}
	}
	return list
}

// take reads at most limit rows of a part, and counts the rest.
func (p Part) take(limit int) (rows []Row, left uint64, err error) {
	for r, err := range p.Rows {
		if err != nil {
			return nil, 0, err
		}
		if len(rows) == limit {
			left++
			continue
		}
		rows = append(rows, r)
	}
	return rows, left, nil
}
