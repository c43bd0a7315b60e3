package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/memsweep/memsweep/exposure/matrix"
)

// MatrixFormat is one kind of document about several vantages. A new one is
// one file and one line in MatrixFormats.
type MatrixFormat struct {
	Name      string // as given to --format
	Summary   string // one line, for help
	Extension string // with the dot: ".json"
	// Write writes the whole document; tool is who compared.
	Write func(w io.Writer, tool Tool, m matrix.Matrix, o Options) error
}

// MatrixFormats lists the formats of a comparison, the default first.
func MatrixFormats() []MatrixFormat {
	return []MatrixFormat{
		{"text", "a table for people", ".txt", writeMatrixText},
		{"json", "one JSON document, the stable contract for programs", ".json", writeMatrixJSON},
		{"csv", "one row an endpoint, safe to open in a spreadsheet", ".csv", writeMatrixCSV},
		{"html", "one self-contained page: the matrix, and what to fix first", ".html", writeMatrixHTML},
		{"markdown", "for tickets: the matrix, and what it means", ".md", writeMatrixMarkdown},
	}
}

// MatrixFormatByName returns the format with that name.
func MatrixFormatByName(name string) (MatrixFormat, error) {
	var names []string
	for _, f := range MatrixFormats() {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return MatrixFormat{}, fmt.Errorf("unknown format %q of a comparison: want one of %s", name, strings.Join(names, ", "))
}

// headings name the columns of a matrix: the vantages with their trust.
func headings(m matrix.Matrix) []string {
	var list []string
	for _, c := range m.Columns {
		marks := string(c.Vantage.Trust)
		if c.Unfinished() {
			marks += ", unfinished"
		}
		if c.Suspect {
			marks += ", suspect"
		}
		list = append(list, fmt.Sprintf("%s (%s)", c.Vantage.Name, marks))
	}
	return list
}

// kinds are the patterns of a row in a word each.
func kinds(r matrix.Row) []string {
	var list []string
	for _, p := range r.Patterns {
		list = append(list, string(p.Kind))
	}
	return list
}
