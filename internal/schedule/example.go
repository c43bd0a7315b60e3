package schedule

import _ "embed"

// Example is a configuration to fill in.
//
//go:embed example.yaml
var Example string
