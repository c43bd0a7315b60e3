package report

import (
	"bufio"
	"bytes"
	_ "embed" // for compare.schema.json
	"fmt"
	"io"

	"github.com/memsweep/memsweep/exposure/matrix"
)

//go:embed compare.schema.json
var matrixSchema []byte

// MatrixSchema returns the JSON Schema (2020-12) of a comparison.
func MatrixSchema() []byte { return bytes.Clone(matrixSchema) }

// writeMatrixJSON writes one document.
func writeMatrixJSON(w io.Writer, tool Tool, m matrix.Matrix, _ Options) error {
	b := bufio.NewWriter(w) // keeps the first error; Flush returns it
	b.WriteString("{\n")
	for _, member := range []struct {
		name  string
		value any
	}{
		{"schema_version", SchemaVersion},
		{"tool", tool},
		{"partial", m.Partial},
		{"columns", m.Columns},
		{"patterns", m.Patterns},
	} {
		line, err := encode(member.value)
		if err != nil {
			return fmt.Errorf("write %s: %w", member.name, err)
		}
		fmt.Fprintf(b, "  %q: %s,\n", member.name, indent(line, "  "))
	}
	b.WriteString(`  "rows": [`)
	for i, r := range m.Rows {
		line, err := encode(r)
		if err != nil {
			return fmt.Errorf("write row %s: %w", r, err)
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n    ")
		b.Write(indent(line, "    "))
	}
	if len(m.Rows) > 0 {
		b.WriteString("\n  ")
	}
	b.WriteString("]\n}\n")
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write json: %w", err)
	}
	return nil
}
