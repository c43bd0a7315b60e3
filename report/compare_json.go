package report

import (
	"bytes"
	_ "embed" // for compare.schema.json
	"io"

	"github.com/memsweep/memsweep/exposure/matrix"
)

//go:embed compare.schema.json
var matrixSchema []byte

// MatrixSchema returns the JSON Schema (2020-12) of a comparison.
func MatrixSchema() []byte { return bytes.Clone(matrixSchema) }

// writeMatrixJSON writes one document.
func writeMatrixJSON(w io.Writer, tool Tool, m matrix.Matrix, _ Options) error {
	rows := func(yield func(any, error) bool) {
		for _, r := range m.Rows {
			if !yield(r, nil) {
				return
			}
		}
	}
	return writeMembers(w, []Member{
		{Name: "schema_version", Value: SchemaVersion},
		{Name: "tool", Value: tool},
		{Name: "partial", Value: m.Partial},
		{Name: "columns", Value: m.Columns},
		{Name: "patterns", Value: m.Patterns},
		{Name: "rows", List: rows},
	})
}
