package report

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func shownInSARIF(t *testing.T, doc []byte) []shown {
	var list []shown
	for _, r := range sarifRun(t, doc).Results {
		list = append(list, shown{r.Properties.ID, r.Properties.IP, r.Properties.Verdict, r.Properties.Severity})
		if want := "memcached/" + r.Properties.Verdict + "/" + r.Properties.Severity; r.RuleID != want {
			t.Errorf("rule %s, want %s", r.RuleID, want)
		}
	}
	return list
}

type sarifRunDocument struct {
	Tool        sarifTool
	Invocations []sarifInvocation
	Results     []sarifResult
}

func sarifRun(t *testing.T, doc []byte) sarifRunDocument {
	t.Helper()
	var d struct{ Runs []sarifRunDocument }
	if err := json.Unmarshal(doc, &d); err != nil || len(d.Runs) != 1 {
		t.Fatalf("%d runs, %v", len(d.Runs), err)
	}
	return d.Runs[0]
}

func TestSARIFIsValid(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "testdata", "schema", "sarif-schema-2.1.0.json"))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(sarifSchema, parsed); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile(sarifSchema)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range everything() {
		doc := x.write(t, "sarif", Options{})
		if err := validate(schema, string(doc)); err != nil {
			t.Errorf("%d: %v\n%s", i, err, doc)
		}
		checkGitHub(t, doc)
	}
	if doc := whole().write(t, "sarif", Options{}); validate(schema, strings.Replace(string(doc), `"error"`, `"fatal"`, 1)) == nil {
		t.Error("the schema allows everything")
	}
}

var relativePath = regexp.MustCompile(`^exposure/[A-Za-z0-9._-]+$`)

// checkGitHub holds a log against what GitHub asks for beyond the schema.
func checkGitHub(t *testing.T, doc []byte) {
	t.Helper()
	run := sarifRun(t, doc)
	rules := map[string]sarifRule{}
	for _, r := range run.Tool.Driver.Rules {
		rules[r.ID] = r
		if n, err := strconv.ParseFloat(r.Properties.SecuritySeverity, 64); err != nil || n < 0 || n > 10 {
			t.Errorf("%s: security-severity %q", r.ID, r.Properties.SecuritySeverity)
		}
		if r.Help.Text == "" || r.Help.Markdown == "" || r.Short.Text == "" || r.Full.Text == "" {
			t.Errorf("%s: no help", r.ID)
		}
	}
	for _, r := range run.Results {
		if _, ok := rules[r.RuleID]; !ok {
			t.Errorf("no rule %s", r.RuleID)
		}
		if r.Fingerprints["primaryLocationLineHash"] == "" || len(r.Locations) == 0 {
			t.Errorf("%s: fingerprints %v, %d locations", r.RuleID, r.Fingerprints, len(r.Locations))
		}
		for _, l := range r.Locations {
			if !relativePath.MatchString(l.Physical.Artifact.URI) || l.Physical.Region.StartLine < 1 {
				t.Errorf("location %+v", l.Physical)
			}
		}
		if placeholder.MatchString(strings.ReplaceAll(r.Message.Text, "{{", "")) || link.MatchString(r.Message.Text) {
			t.Errorf("a link or a placeholder: %s", r.Message.Text)
		}
	}
}

var (
	placeholder = regexp.MustCompile(`\{[0-9]+\}`)
	link        = regexp.MustCompile(`(^|[^\\])\[[^\]]*[^\\]\]\(`)
)
