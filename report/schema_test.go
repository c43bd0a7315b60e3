package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// compiled returns the schema of a document or, at "#/$defs/line", of a line.
func compiled(t testing.TB, at string) *jsonschema.Schema {
	t.Helper()
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", parsed); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json" + at)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(s *jsonschema.Schema, document string) error {
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(document))
	if err != nil {
		return fmt.Errorf("parse: %w", err)
	}
	return s.Validate(v)
}

func TestDocumentsAreValid(t *testing.T) {
	t.Parallel()
	document, line := compiled(t, ""), compiled(t, "#/$defs/line")
	cut := whole().write(t, "jsonl", Options{})
	cut = cut[:len(cut)/2]
	if err := validate(document, string(mustConvert(t, cut, "json"))); err != nil {
		t.Errorf("a cut stream as json: %v", err)
	}
	for _, g := range goldens() {
		doc := string(g.report.write(t, g.format, g.opts))
		switch g.format {
		case "json":
			if err := validate(document, doc); err != nil {
				t.Errorf("%s: %v", g.file, err)
			}
		case "jsonl":
			for l := range strings.Lines(doc) {
				if err := validate(line, l); err != nil {
					t.Errorf("%s: %v\n%s", g.file, err, l)
				}
			}
		}
	}
}

// TestMutantsAreInvalid takes each required member out of a valid document,
// and gives others values that mean nothing.
func TestMutantsAreInvalid(t *testing.T) {
	t.Parallel()
	s := compiled(t, "")
	document := string(whole().write(t, "json", Options{}))
	for _, mutant := range [][2]string{
		{`"schema_version": "1.0"`, `"schema_version": "2.0"`},
		{`"schema_version": "1.0"`, `"schema_version": 1`},
		{`"status": "complete"`, `"status": "done"`},
		{`"started": "2026-03-14T09:26:53.589793Z"`, `"started": "yesterday"`},
		{`"started": "2026-03-14T09:26:53.589793Z"`, `"started": "2026-03-14T09:26:53+01:00"`},
		{`"trust": "untrusted"`, `"trust": "none"`},
		{`"planned": 512`, `"planned": -1`},
		{`"planned": 512`, `"planned": null`},
		{`"id": "ms-`, `"id": "xx-`},
		{`"ip": "192.0.2.7"`, `"ip": "localhost"`},
		{`"verdict": "reflector"`, `"verdict": "bad"`},
		{`"severity": "critical"`, `"severity": "severe"`},
		{`"state": "open"`, `"state": "ajar"`},
		{`"auth": "none"`, `"auth": false`},
		{`"port": 11211`, `"port": 70000`},
		{`"pid": 4711`, `"pid": "4711"`},
		{`"baf": 149.13`, `"baf": null`},
		{`"complete": true`, `"complete": "yes"`},
		{`"tls": false`, `"tls": null`},
		{`"evidence": [`, `"evidence": null, "was": [`},
		{`"base64": "`, `"base64": "!`},
		{`"findings": [`, `"findings": null, "was": [`},
	} {
		if !strings.Contains(document, mutant[0]) {
			t.Errorf("%s is not in the document", mutant[0])
		}
		if validate(s, strings.Replace(document, mutant[0], mutant[1], 1)) == nil {
			t.Errorf("valid with %s", mutant[1])
		}
	}
	// Every member that is never left out is required.
	for _, member := range []string{
		"tool", "sweep", "coverage", "vantage", "engine", "seed", "rate_asked", "rate_achieved", "plan", "scope", "finished",
		"outcomes", "not_scanned", "packets_sent", "unverified_replies", "probes",
		"reasons", "fix", "tcp", "udp", "probe", "transport", "version", "stats", "settings", "replied_from", "amplification",
		"request_bytes", "response_bytes", "datagrams", "datagrams_declared", "duplicates", "capped", "paf", "ip_ratio", "wire_ratio", "ceiling_estimate",
		"curr_items", "item_size_max", "question", "text", "bytes", "truncated", "ending", "lines", "title",
	} {
		quoted := fmt.Sprintf("%q: ", member)
		if !strings.Contains(document, quoted) {
			t.Errorf("%s is not in the document", member)
		}
		if validate(s, strings.Replace(document, quoted, `"`+member+`_": `, 1)) == nil {
			t.Errorf("valid without %s", member)
		}
	}
}

// TestSchemaAllowsWhatIsNew: a minor version only adds.
func TestSchemaAllowsWhatIsNew(t *testing.T) {
	t.Parallel()
	document := string(whole().write(t, "json", Options{}))
	document = strings.Replace(document, `"schema_version": "1.0"`, `"schema_version": "1.3", "new": 1`, 1)
	document = strings.ReplaceAll(document, `"probe": `, `"new": [], "probe": `)
	if err := validate(compiled(t, ""), document); err != nil {
		t.Error(err)
	}
}

func TestSchemaNamesEveryMember(t *testing.T) {
	t.Parallel()
	var schema struct {
		Defs map[string]struct{ Properties map[string]any } `json:"$defs"`
	}
	if err := json.Unmarshal(Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"findings": true}
	for _, d := range schema.Defs {
		for name := range d.Properties {
			known[name] = true
		}
	}
	var document map[string]any
	if err := json.Unmarshal(whole().write(t, "json", Options{}), &document); err != nil {
		t.Fatal(err)
	}
	document["sweep"].(map[string]any)["plan"] = nil                   // of no fixed shape
	document["coverage"].(map[string]any)["probes"] = map[string]any{} // named by probe
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, member := range v {
				if !known[name] && name != "schema_version" && name != "coverage" {
					t.Errorf("%s is not in the schema", name)
				}
				walk(member)
			}
		case []any:
			for _, member := range v {
				walk(member)
			}
		}
	}
	walk(document)
}
