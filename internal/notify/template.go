package notify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/internal/handwritten"
)

// The bounds of a template: what it may hold, write, and do.
const (
	maxTemplate = 64 << 10 // bytes
	maxOutput   = 1 << 20  // bytes
	maxValue    = 64 << 10 // bytes of one text that a function makes
	maxSteps    = 20_000   // passes through the bodies of ranges and definitions
)

// form is somebody's own form of a message. It is executed with bounds, though
// its owner wrote it: a slip must not stop what is to be told.
type form struct{ template *template.Template }

// template reads the keys template and template_file, nil when there is none.
// valid looks at what the template makes of a test message.
func (p *targetFile) template(t *Target, valid func([]byte) error) *form {
	text, at, name := "", p.at("template"), ""
	first := 0 // the line of the configuration before the template's first
	switch {
	case p.has("template") && p.has("template_file"):
		p.Refuse(p.at("template_file"), "template and template_file are both there: write one of them")
		return nil
	case p.has("template"):
		n := p.nodes["template"]
		if n.value.Kind != yaml.ScalarNode || handwritten.IsNull(n.value) {
			p.Refuse(n.key, "template is not text: write `template: |`, and the text below it, indented")
			return nil
		}
		text, name, first = n.value.Value, p.Path, n.value.Line-1
		if n.value.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
			first++
		}
	case p.has("template_file"):
		at, name = p.at("template_file"), p.path(p.word("template_file"))
		data, err := handwritten.Read(name, maxTemplate)
		if err != nil {
			p.Refuse(at, "template_file: %v", err)
			return nil
		}
		text = string(data)
	default:
		return nil
	}
	f, err := newForm(text)
	if err == nil {
		err = f.try(t.Name, valid)
	}
	if err != nil {
		p.refuseTemplate(at, name, first, err)
		return nil
	}
	return f
}

var templateLine = regexp.MustCompile(`^template: form:(\d+)(:\d+)?: `)

// refuseTemplate names the line that is wrong, where the template is.
func (p *targetFile) refuseTemplate(at *yaml.Node, name string, first int, err error) {
	text := err.Error()
	m := templateLine.FindStringSubmatch(text)
	if m == nil {
		p.Refuse(at, "template: %s", text)
		return
	}
	line, _ := strconv.Atoi(m[1])
	p.Add(fmt.Errorf("%s:%d: template: %s", name, first+line, strings.TrimPrefix(text, m[0])))
}

func newForm(text string) (*form, error) {
	if len(text) > maxTemplate {
		return nil, fmt.Errorf("larger than %d bytes", maxTemplate)
	}
	t, err := template.New("form").Option("missingkey=error").Funcs(functions(func() (string, error) { return "", nil })).Parse(text)
	if err != nil {
		return nil, err
	}
	step, err := template.New("step").Funcs(template.FuncMap{"step": func() string { return "" }}).Parse("{{step}}")
	if err != nil {
		return nil, err
	}
	for _, defined := range t.Templates() {
		if defined.Tree != nil {
			countSteps(defined.Root, step.Root.Nodes[0], true)
		}
	}
	return &form{t}, nil
}

// countSteps has every body that can be passed more than once begin with a step.
func countSteps(n parse.Node, step parse.Node, body bool) {
	switch n := n.(type) {
	case *parse.ListNode:
		if n == nil {
			return
		}
		for _, inner := range n.Nodes {
			countSteps(inner, step, false)
		}
		if body {
			n.Nodes = append([]parse.Node{step}, n.Nodes...)
		}
	case *parse.RangeNode:
		countSteps(n.List, step, true)
		countSteps(n.ElseList, step, false)
	case *parse.IfNode:
		countSteps(n.List, step, false)
		countSteps(n.ElseList, step, false)
	case *parse.WithNode:
		countSteps(n.List, step, false)
		countSteps(n.ElseList, step, false)
	}
}

// functions are what a template may call besides Go's own. Those of Go's own
// that make texts are bounded here.
func functions(step func() (string, error)) template.FuncMap {
	bounded := func(make func(...any) string) func(...any) (string, error) {
		return func(args ...any) (string, error) {
			for _, a := range args {
				if s, ok := a.(string); ok && len(s) > maxValue {
					return "", errTooLong
				}
			}
			return shortEnough(make(args...))
		}
	}
	return template.FuncMap{
		"step":    step,
		"print":   bounded(fmt.Sprint),
		"println": bounded(fmt.Sprintln),
		"printf": func(format string, args ...any) (string, error) {
			return bounded(func(a ...any) string { return fmt.Sprintf(format, a...) })(args...)
		},
		"html":     bounded(func(a ...any) string { return html.EscapeString(fmt.Sprint(a...)) }),
		"urlquery": bounded(func(a ...any) string { return url.QueryEscape(fmt.Sprint(a...)) }),
		"js":       bounded(func(a ...any) string { return template.JSEscapeString(fmt.Sprint(a...)) }),
		"json": func(v any) (string, error) {
			data, err := json.Marshal(v)
			if len(data) > maxOutput {
				return "", errOutput
			}
			return string(data), err
		},
		"escape": bounded(func(a ...any) string { return exposure.Escape(fmt.Sprint(a...)) }),
		"upper":  bounded(func(a ...any) string { return strings.ToUpper(fmt.Sprint(a...)) }),
		"join":   func(list []string, by string) (string, error) { return shortEnough(strings.Join(list, by)) },
		"date":   func(layout string, t time.Time) string { return t.UTC().Format(layout) },
	}
}

var (
	errTooLong = fmt.Errorf("a text of more than %d bytes", maxValue)
	errSteps   = fmt.Errorf("more than %d steps", maxSteps)
	errOutput  = fmt.Errorf("more than %d bytes of output", maxOutput)
)

func shortEnough(s string) (string, error) {
	if len(s) > maxValue {
		return "", errTooLong
	}
	return s, nil
}

// limited is a buffer that refuses to grow beyond a limit.
type limited struct {
	bytes.Buffer
	limit int
}

func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > l.limit {
		return 0, errOutput
	}
	return l.Buffer.Write(p)
}

// execute makes a text of a message.
func (f *form) execute(m *Message) ([]byte, error) {
	t, err := f.template.Clone()
	if err != nil {
		return nil, err
	}
	steps := 0
	t.Funcs(functions(func() (string, error) {
		if steps++; steps > maxSteps {
			return "", errSteps
		}
		return "", nil
	}))
	out := &limited{limit: maxOutput}
	if err := t.Execute(out, m); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// try executes it for a message with a change, and for one with a run.
func (f *form) try(target string, valid func([]byte) error) error {
	for _, m := range []*Message{trial(target, time.Unix(0, 0)), trialRun(target)} {
		out, err := f.execute(m)
		for _, bound := range []error{errSteps, errOutput, errTooLong} {
			if errors.Is(err, bound) {
				return bound
			}
		}
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(out)) == 0 {
			return errors.New("it makes nothing of a message")
		}
		if valid != nil {
			if err := valid(out); err != nil {
				return err
			}
		}
	}
	return nil
}
