package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/exposure/matrix"
)

// matrixColumns stand before those of the vantages. The list only ever grows,
// and only at its end.
func matrixColumns() []string {
	return []string{"severity", "ip", "names", "transport", "port", "patterns", "meaning"}
}

// writeMatrixCSV writes RFC 4180 with LF: one row an endpoint, and after the
// fixed columns one a vantage, under its name. All of it may quote others.
func writeMatrixCSV(out io.Writer, _ Tool, m matrix.Matrix, _ Options) error {
	w := csv.NewWriter(out) // keeps the first error
	w.Write(slices.Concat(matrixColumns(), guarded(headings(m))))
	for _, r := range m.Rows {
		var meaning []string
		for _, p := range r.Patterns {
			meaning = append(meaning, p.Text)
		}
		row := []string{
			string(r.Severity), r.IP.String(), strings.Join(r.Names, " "), string(r.Transport), strconv.Itoa(int(r.Port)),
			strings.Join(kinds(r), " "), strings.Join(meaning, " "),
		}
		for _, c := range r.Cells {
			row = append(row, c.String())
		}
		w.Write(guarded(row))
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	return nil
}

func guarded(cells []string) []string {
	safe := make([]string, len(cells))
	for i, c := range cells {
		safe[i] = guard(exposure.Escape(c))
	}
	return safe
}
