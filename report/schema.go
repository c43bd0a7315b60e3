package report

import (
	"bytes"
	_ "embed" // for schema.json
)

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema (2020-12) of a report: the whole document at
// its root, a line of a stream at $defs/line.
func Schema() []byte { return bytes.Clone(schema) }
