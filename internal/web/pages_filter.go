package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
)

// filterForm is the one form that searches and filters. It is sent by GET, so
// that what it picks has an address.
type filterForm struct {
	Action  string
	Range   string
	Ranges  bool // it has the field of the range
	Selects []choice
	Checks  []choice
	Kept    []pair // parameters that the form has no field for
	Active  []chip // what is picked, each with the way to let it go
	Reset   string // everything let go
}

// choice is one of several options, or some of them.
type choice struct {
	Name, Label string
	Options     []option
}

type option struct {
	Value, Text string
	Chosen      bool
}

type pair struct{ Name, Value string }

type chip struct{ Text, Without string }

// names of parameters, as the API has them too.
const (
	paramRange     = "range"
	paramSeverity  = "severity" // at least
	paramOnly      = "only"
	paramVantage   = "vantage"
	paramOwner     = "owner"
	paramVerdict   = "verdict"
	paramTransport = "transport"
	paramState     = "state"
	paramKind      = "kind"
	paramSince     = "since"
	paramUntil     = "until"
)

// newFilterForm is the form as the request filled it in. Of the fields that are
// named, it has those.
func newFilterForm(r *http.Request, vantages []exposure.Vantage, owners []string, fields ...string) filterForm {
	q := r.URL.Query()
	f := filterForm{Action: r.URL.Path, Range: rangesText(q), Reset: r.URL.Path, Ranges: true}
	all := map[string]choice{
		paramSeverity:  {Label: "Severity", Options: severityOptions()},
		paramVantage:   {Label: "Seen from", Options: vantageOptions(vantages)},
		paramOwner:     {Label: "Owner", Options: ownerOptions(owners)},
		paramVerdict:   {Label: "Verdict", Options: verdictOptions()},
		paramTransport: {Label: "Over", Options: []option{{"", "TCP and UDP", false}, {"tcp", "TCP", false}, {"udp", "UDP", false}}},
		paramState:     {Label: "State", Options: []option{{"", "open", false}, {"fixed", "fixed", false}, {"any", "open or fixed", false}}},
		paramSince:     {Label: "Time", Options: sinceOptions()},
		paramKind:      {Label: "What", Options: kindOptions()},
	}
	for _, name := range fields {
		c, ok := all[name]
		if !ok {
			continue
		}
		c.Name = name
		f.add(r, c, q[name])
	}
	f.addChips(r, fields)
	return f
}

// add adds one choice; a value that it does not offer is offered then, so that
// the form never says something else than what was asked.
func (f *filterForm) add(r *http.Request, c choice, values []string) {
	if len(values) == 0 {
		values = []string{""}
	}
	for _, v := range values {
		i := slices.IndexFunc(c.Options, func(o option) bool { return o.Value == v })
		if i < 0 {
			c.Options = append(c.Options, option{Value: v, Text: oneLine(v)})
			i = len(c.Options) - 1
		}
		c.Options[i].Chosen = true
	}
	if c.Name == paramKind {
		c.Options = slices.DeleteFunc(c.Options, func(o option) bool { return o.Value == "" })
		f.Checks = append(f.Checks, c)
		return
	}
	f.Selects = append(f.Selects, c)
}

func (f *filterForm) addChips(r *http.Request, fields []string) {
	q := r.URL.Query()
	if v := rangesText(q); v != "" {
		f.Active = append(f.Active, chip{"in " + oneLine(v), linkWith(r, paramRange, "")})
	}
	for _, c := range append(slices.Clone(f.Selects), f.Checks...) {
		for _, o := range c.Options {
			if o.Chosen && o.Value != "" {
				f.Active = append(f.Active, chip{c.Label + ": " + o.Text, linkWith(r, c.Name, "")})
			}
		}
	}
	for _, name := range []string{paramOnly, paramUntil} {
		if v := q.Get(name); v != "" && slices.Contains(fields, name) {
			f.Active = append(f.Active, chip{name + " " + oneLine(v), linkWith(r, name, "")})
			f.Kept = append(f.Kept, pair{name, v})
		}
	}
}

// rangesText is all ranges that were asked for, as a field takes them again. What
// was refused may be anything, and is only to be seen.
func rangesText(q url.Values) string {
	p := &parameters{values: q}
	if p.ranges(); p.wrong != nil {
		return oneLine(q.Get(paramRange))
	}
	return strings.Join(p.several(paramRange), ", ")
}

func severityOptions() []option {
	list := []option{{"", "any", false}}
	for _, s := range exposure.Severities()[:4] {
		text := string(s) + " or worse"
		if s == exposure.Critical {
			text = string(s)
		}
		list = append(list, option{string(s), text, false})
	}
	return list
}

func vantageOptions(vantages []exposure.Vantage) []option {
	list := []option{{"", "anywhere", false}}
	for _, v := range vantages {
		list = append(list, option{v.Name, oneLine(v.Name) + " (" + oneLine(string(v.Trust)) + ")", false})
	}
	return list
}

func ownerOptions(owners []string) []option {
	list := []option{{"", "anybody", false}}
	for _, o := range owners {
		list = append(list, option{o, oneLine(o), false})
	}
	return list
}

func verdictOptions() []option {
	list := []option{{"", "any", false}}
	for _, v := range exposure.Verdicts() {
		list = append(list, option{string(v), string(v), false})
	}
	return list
}

func sinceOptions() []option {
	return []option{{"", "all of it", false}, {"24h", "last 24 hours", false}, {"7d", "last 7 days", false}, {"30d", "last 30 days", false}, {"90d", "last 90 days", false}, {"365d", "last year", false}}
}

func kindOptions() []option {
	return []option{{"new", "new", false}, {"fixed", "fixed", false}, {"worse", "worse", false}, {"better", "better", false}, {"changed", "changed", false}}
}

// vantagesOf lists the vantages that an overview knows.
func vantagesOf(o history.Overview) []exposure.Vantage {
	var list []exposure.Vantage
	for _, v := range o.Vantages {
		list = append(list, v.Vantage)
	}
	return list
}

// pager leads through a long list.
type pager struct {
	First, Next string // "" where there is none
	Exports     []entry
}

// documents are the formats that a view can be taken away in.
var documents = []entry{{"csv", "CSV"}, {"json", "JSON"}, {"markdown", "Markdown"}}

// newPager makes the pager of what the request asks for; next is the cursor of
// the part that follows.
func newPager(r *http.Request, next string) pager {
	var p pager
	if r.URL.Query().Get("after") != "" {
		p.First = linkWith(r)
	}
	if next != "" {
		p.Next = linkWith(r, "after", next)
	}
	for _, format := range documents {
		p.Exports = append(p.Exports, entry{linkWith(r, "format", format.Path, "limit", ""), format.Name})
	}
	return p
}
