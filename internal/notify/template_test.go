package notify_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/internal/notify"
)

func indented(form string) string {
	return "      " + strings.ReplaceAll(form, "\n", "\n      ") + "\n"
}

// TestTemplatesReplaceTheForm: a webhook's body, and the title and lines of a
// room; what servers say is inert there, too.
func TestTemplatesReplaceTheForm(t *testing.T) {
	t.Parallel()
	r := receive(t, nil)
	list := targets(t, `
- name: soc
  kind: webhook
  url: `+r.URL+`
  secret_file: key
  template: |
`+indented(`{"what": {{json .Title}}, "lines": [
{{range $i, $e := .Events}}{{if $i}},{{end}}{{json (printf "%s %s %s" $e.Kind $e.Endpoint $e.Text)}}{{end}}]}`)+`
- name: chat
  kind: slack
  url_file: url
  template: |
`+indented(`{{len .Events}} things <!here>
{{range .Events}}{{upper .Kind}} {{.Endpoint}} {{with .Now}}{{with .Version}}{{.}}{{end}}{{end}} {{date "2006" .At}}
{{end}}`), "url", r.URL)
	for i := range list {
		if _, err := list[i].Carry(context.Background(), hostileMessage()); err != nil {
			t.Fatal(err)
		}
	}
	got := r.deliveries()
	var soc struct {
		What  string
		Lines []string
	}
	if err := json.Unmarshal([]byte(got[0].body), &soc); err != nil || len(soc.Lines) != len(evil)+1 || !verified(got[0], []byte(key)) {
		t.Errorf("%v: %.500s", err, got[0].body)
	}
	var slack struct {
		Text   string
		Blocks []struct{ Text struct{ Type, Text string } }
	}
	if err := json.Unmarshal([]byte(got[1].body), &slack); err != nil || slack.Blocks[0].Text.Text != "12 things <!here>" || !strings.HasPrefix(slack.Text, "12 things &lt;!here&gt;\n`") {
		t.Errorf("%v: %.500s", err, got[1].body)
	}
	for _, b := range slack.Blocks {
		if b.Text.Type != "plain_text" || strings.ContainsFunc(b.Text.Text, func(r rune) bool { return r != '\n' && exposure.Hidden(r) }) {
			t.Errorf("%q", b.Text.Text)
		}
	}
}

// TestTemplatesHaveBounds: a template that would never end, or fill the memory,
// is refused, and quickly.
func TestTemplatesHaveBounds(t *testing.T) {
	t.Parallel()
	for name, form := range map[string]string{
		"empty loop":     `{{range 1000000000}}{{end}}x`,
		"nested loops":   `{{range 1000}}{{range 1000}}{{range 1000}}{{end}}{{end}}{{end}}x`,
		"loop with else": `{{range $i := 1000000000}}{{else}}{{end}}x`,
		"continue":       `{{range 1000000000}}{{continue}}{{end}}x`,
		"in if":          `{{if true}}{{with 1}}{{range 1000000000}}{{if false}}{{end}}{{end}}{{end}}{{end}}x`,
		"endless output": `{{range 100000}}0123456789abcdef{{end}}`,
		"recursion":      `{{define "a"}}{{template "a"}}{{template "a"}}{{end}}{{template "a"}}`,
		"doubling":       `{{$x := "x"}}{{range 100}}{{$x = print $x $x}}{{end}}{{$x}}`,
		"format":         `{{$x := "x"}}{{range 100}}{{$x = printf "%s%s" $x $x}}{{end}}{{$x}}`,
		"width":          `{{range 1000}}{{printf "%1000000d" 1}}{{end}}`,
		"escaping":       `{{$x := "\\"}}{{range 100}}{{$x = js $x}}{{end}}{{$x}}`,
		"as JSON":        `{{$x := "\\"}}{{range 100}}{{$x = json $x}}{{end}}{{$x}}`,
		"nothing":        `{{/* nothing */}}`,
	} {
		began := time.Now()
		_, err := parse(t, "- {name: t, kind: command, command: sh, template_file: form}\n", "form", form)
		if err == nil || time.Since(began) > time.Minute {
			t.Errorf("%s: %v after %s", name, err, time.Since(began))
		}
	}
}

func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"{{.Title}}", "{{range .Events}}{{.Text}}{{end}}", `{{define "x"}}{{end}}{{template "x" .}}`, "{{range 9}}{{break}}{{end}}x", "{{block \"b\" .}}x{{end}}", "{{with $x := .Test}}{{else with .Title}}{{.}}{{end}}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, form string) {
		began := time.Now()
		list, err := parse(t, "- {name: t, kind: command, command: 'true', template_file: form}\n", "form", form)
		if took := time.Since(began); took > time.Minute {
			t.Fatalf("%q took %s", form, took)
		}
		if err == nil {
			list[0].Carry(context.Background(), notify.Trial("t"))
		}
	})
}
