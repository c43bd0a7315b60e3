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

// matrixColumnsAfter stand after those of the vantages, and say who answers for
// what the owner's policy allows.
func matrixColumnsAfter() []string {
	return []string{"justified_owner", "justified_reason", "justified_until"}
}

// answerable are the justifications that hold for cells of r, in the order of
// its columns.
func answerable(r matrix.Row) (list []exposure.Justification) {
	for _, c := range r.Cells {
		if !c.Justified() || c.Policy.By == nil {
			continue
		}
		for _, j := range append([]exposure.Justification{*c.Policy.By}, c.Policy.Others...) {
			if !slices.Contains(list, j) {
				list = append(list, j)
			}
		}
	}
	return list
}

// writeMatrixCSV writes RFC 4180 with LF: one row an endpoint, and after the
// fixed columns one a vantage, under its name, and then again fixed ones. All of it may quote others.
func writeMatrixCSV(out io.Writer, _ Tool, m matrix.Matrix, _ Options) error {
	w := csv.NewWriter(out) // keeps the first error
	w.Write(slices.Concat(matrixColumns(), guarded(headings(m)), matrixColumnsAfter()))
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
		var owners, reasons, until []string
		for _, j := range answerable(r) {
			owners, reasons, until = append(owners, j.Owner), append(reasons, j.Reason), append(until, j.Expires)
		}
		row = append(row, strings.Join(owners, "; "), strings.Join(reasons, "; "), strings.Join(until, "; "))
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
