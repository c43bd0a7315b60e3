package report

import (
	"encoding/csv"
	"fmt"
	"io"
)

// writeSheetCSV writes RFC 4180 with LF: the rows of all parts, one after the
// other as they come. All of it may quote others.
func writeSheetCSV(out io.Writer, _ Tool, s Sheet, _ Options) error {
	w := csv.NewWriter(out) // keeps the first error
	var head []string
	if s.Ranked {
		head = append(head, "severity")
	}
	for _, c := range s.Columns {
		if c.Field != "" {
			head = append(head, c.Field)
		}
	}
	w.Write(head)
	for _, p := range s.Parts {
		if p.Columns != nil {
			continue // it is for people alone
		}
		for r, err := range p.Rows {
			if err != nil {
				return fmt.Errorf("write csv: %w", err)
			}
			if w.Write(guarded(s.fields(r))) != nil {
				break // Flush says why
			}
		}
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	return nil
}

// fields are the cells of a row that programs see.
func (s Sheet) fields(r Row) (list []string) {
	if s.Ranked {
		list = append(list, string(r.Severity))
	}
	for i, c := range s.Columns {
		if c.Field != "" && i < len(r.Cells) {
			list = append(list, r.Cells[i])
		}
	}
	return list
}
