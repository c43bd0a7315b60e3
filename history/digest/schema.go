package digest

import (
	"bytes"
	_ "embed" // for schema.json
)

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema (2020-12) of every document of this package.
func Schema() []byte { return bytes.Clone(schema) }
