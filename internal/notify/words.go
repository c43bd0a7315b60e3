package notify

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history/life"
)

// kindsInOrder are the kinds of what is told, what matters most first.
var kindsInOrder = []string{
	string(life.New), string(life.Worse), "run-missed", "run-failed", "run-incomplete",
	string(life.Changed), string(life.Better), string(life.Fixed),
}

// sortTold puts what matters most first: what got worse before what got better,
// each by severity; then in the order in which it became known.
func sortTold(list []Told) {
	rank := func(t *Told) int { return slices.Index(kindsInOrder, t.Kind) }
	slices.SortStableFunc(list, func(a, b Told) int {
		if c := cmp.Compare(rank(&a), rank(&b)); c != 0 {
			return c
		}
		switch worse, better := a.Severity.AtLeast(b.Severity), b.Severity.AtLeast(a.Severity); {
		case worse && !better:
			return -1
		case better && !worse:
			return 1
		}
		return 0
	})
}

// title says how much of what there is: "3 new (2 critical), 1 fixed". It has
// nothing in it that a server chose.
func title(m *Message) string {
	var parts []string
	for _, kind := range kindsInOrder {
		n, of := 0, map[exposure.Severity]int{}
		for i := range m.Events {
			if t := &m.Events[i]; t.Kind == kind {
				n++
				of[t.Severity]++
			}
		}
		if n == 0 {
			continue
		}
		part := fmt.Sprintf("%d %s", n, kind)
		for _, s := range exposure.Severities()[:2] {
			if of[s] > 0 && kind != string(life.Fixed) {
				part += fmt.Sprintf(" (%d %s)", of[s], s)
				break
			}
		}
		parts = append(parts, part)
	}
	text := "memsweep: " + strings.Join(parts, ", ")
	if m.Test {
		text = "memsweep: this is a test of notifications; nothing happened"
	}
	return text
}

// changeText is one line, escaped: "new critical: 192.0.2.7:11211/udp from
// internet: reflector, ×149.1, version 1.4.25".
func changeText(t *Told) string {
	var b strings.Builder
	b.WriteString(t.Kind)
	if t.Again {
		b.WriteString(" again,")
	}
	if t.Kind == string(life.Fixed) {
		fmt.Fprintf(&b, " (was %s)", t.Severity)
	} else {
		fmt.Fprintf(&b, " %s", t.Severity)
	}
	b.WriteString(": " + t.Endpoint())
	if len(t.Names) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(t.Names, ", "))
	}
	if t.Vantage != "" {
		fmt.Fprintf(&b, " from %s", t.Vantage)
	}
	fmt.Fprintf(&b, ": %s", strings.Join(t.facts(), ", "))
	if t.Count > 1 {
		fmt.Fprintf(&b, "; it changed %d times", t.Count)
	}
	return exposure.Escape(b.String())
}

// facts are what there is to say of an exposure besides where it is.
func (t *Told) facts() []string {
	if t.Now == nil {
		facts := []string{"it does not answer any more"}
		if t.Since != nil {
			facts = append(facts, "it was open since "+t.Since.UTC().Format(time.DateTime)+" UTC")
		}
		return facts
	}
	s := t.Now
	facts := []string{string(s.Verdict)}
	if s.BAF != nil && *s.BAF > 0 {
		facts = append(facts, fmt.Sprintf("×%.1f", *s.BAF))
	}
	if s.Product != "" {
		facts = append(facts, s.Product)
	}
	if s.Version != nil {
		facts = append(facts, "version "+*s.Version)
	}
	if t.Owner != "" {
		facts = append(facts, "owner "+t.Owner)
	}
	if t.Kind != string(life.New) {
		facts = append(facts, t.Details...)
	}
	return facts
}

func runText(t *Told) string {
	r := t.Run
	text := fmt.Sprintf("%s: job %s, due %s UTC", t.Kind, r.Job, r.Due.UTC().Format(time.DateTime))
	if r.Problem != "" {
		text += ": " + r.Problem
	}
	return exposure.Escape(text)
}
