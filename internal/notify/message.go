package notify

import (
	"crypto/rand"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/history/life"
)

// Message is what a target is told at once: the JSON that the outbox keeps, that
// a webhook and a command get, and that templates see. message.schema.json
// describes it. More fields may be added; these keep their names and meaning.
type Message struct {
	ID      string    `json:"id"` // the same at each attempt
	Created time.Time `json:"created"`
	Target  string    `json:"target"`
	Test    bool      `json:"test,omitempty"` // nothing happened: somebody tries the target
	Title   string    `json:"title"`          // what it comes to, in one line, in our own words
	Page    string    `json:"page,omitempty"` // of `memsweep serve`, as the configuration has it
	Events  []Told    `json:"events"`         // the worst first
}

// Told is what one or more events come to: those of one exposure in one message
// are told together. Text that servers chose is in Was, Now and Details,
// bounded and not escaped; Text is escaped.
type Told struct {
	Events   []int64           `json:"events"` // the IDs of the events that it stands for, each in one message only
	Kind     string            `json:"kind"`   // new, fixed, worse, better, changed; run-missed, run-failed, run-incomplete
	Again    bool              `json:"again,omitempty"`
	Count    int               `json:"count"` // how often it changed; more than 1: only what it comes to is told
	At       time.Time         `json:"at"`    // when the last of the sweeps that showed it started, or the run was due
	Severity exposure.Severity `json:"severity,omitempty"`
	Text     string            `json:"text"`           // all of it in one line
	Link     string            `json:"link,omitempty"` // to its address's page

	// Of a change:
	IP        *netip.Addr        `json:"ip,omitempty"`
	Transport exposure.Transport `json:"transport,omitempty"`
	Port      uint16             `json:"port,omitempty"`
	Names     []string           `json:"names,omitempty"`
	Vantage   string             `json:"vantage,omitempty"`
	Trust     exposure.Trust     `json:"trust,omitempty"`
	Owner     string             `json:"owner,omitempty"`
	Since     *time.Time         `json:"since,omitempty"` // the beginning of its latest interval
	Scan      string             `json:"scan,omitempty"`  // the last of the sweeps that showed it
	Job       string             `json:"job,omitempty"`   // of a change or a run
	Was       *life.Seen         `json:"was,omitempty"`   // before the first of the events; absent: it did not answer
	Now       *life.Seen         `json:"now,omitempty"`   // after the last; absent: it does not answer any more
	Details   []string           `json:"details,omitempty"`

	// Of a run:
	Run *history.Run `json:"run,omitempty"`
}

// Endpoint is where the exposure is, "192.0.2.7:11211/udp"; "": it is a run.
func (t *Told) Endpoint() string {
	if t.IP == nil {
		return ""
	}
	return netip.AddrPortFrom(t.IP.WithZone(""), t.Port).String() + "/" + string(t.Transport)
}

// linkTo has a message point to a page.
func (m *Message) linkTo(page string) {
	if m.Page = page; page == "" {
		return
	}
	for i := range m.Events {
		if ip := m.Events[i].IP; ip != nil {
			m.Events[i].Link = page + "/host/" + ip.WithZone("").String()
		}
	}
}

// The bounds of what a message quotes.
const (
	maxText    = 200 // runes of one text
	maxNames   = 8
	maxDetails = 8
)

// compose makes a message of events, those of one exposure folded into one. A
// filter that picks one of them picks what they come to. Nil: nothing is to be
// told.
func compose(id, target string, now time.Time, events []history.Event, only *Filter) *Message {
	m := &Message{ID: id, Target: target, Created: now.UTC()}
	of := map[int64]int{} // exposure: its place in groups
	var groups [][]history.Event
	picked := map[int]bool{}
	for _, e := range events {
		at := len(groups)
		if e.Change != nil {
			if before, ok := of[e.Change.Exposure.ID]; ok {
				at = before
			} else {
				of[e.Change.Exposure.ID] = at
			}
		}
		if at == len(groups) {
			groups = append(groups, nil)
		}
		groups[at] = append(groups[at], e)
		picked[at] = picked[at] || only.picks(&e)
	}
	for i, group := range groups {
		if picked[i] {
			m.Events = append(m.Events, fold(group))
		}
	}
	if len(m.Events) == 0 {
		return nil
	}
	sortTold(m.Events)
	m.Title = title(m)
	return m
}

// fold tells the events of one exposure, or one event of a run, as what they
// come to.
func fold(group []history.Event) Told {
	last := group[len(group)-1]
	t := Told{Count: len(group)}
	for _, e := range group {
		t.Events = append(t.Events, e.ID)
	}
	if last.Run != nil {
		r := *last.Run
		r.Job, r.Problem, r.Progress = clip(r.Job), clip(r.Problem), nil
		t.Kind, t.Run, t.At, t.Job = "run-"+string(r.Outcome), &r, r.Due, r.Job
		t.Text = runText(&t)
		return t
	}
	t.change(group)
	t.Text = changeText(&t)
	return t
}

func (t *Told) change(group []history.Event) {
	first, last := group[0].Change, group[len(group)-1].Change
	x := &last.Exposure
	t.At, t.Scan, t.Job, t.Severity = last.At, last.Scan, clip(last.Job), last.Severity
	t.IP, t.Transport, t.Port = &x.IP, x.Transport, x.Port
	t.Vantage, t.Trust, t.Owner = clip(x.Vantage.Name), x.Vantage.Trust, clip(x.Owner)
	for _, name := range x.Names[:min(len(x.Names), maxNames)] {
		t.Names = append(t.Names, clip(name))
	}
	if !x.Since.IsZero() {
		t.Since = &x.Since
	}
	t.Was, t.Now = clipped(first.Was), clipped(last.Now)
	t.Kind, t.Again = comesTo(group)
	for _, e := range group {
		if !t.Severity.AtLeast(e.Change.Severity) {
			t.Severity = e.Change.Severity
		}
		for _, d := range e.Change.Details {
			if len(t.Details) < maxDetails {
				t.Details = append(t.Details, clip(d))
			}
		}
	}
}

// comesTo says what several changes of one exposure come to. One that was fixed
// and is there again is new, again.
func comesTo(group []history.Event) (kind string, again bool) {
	first, last := group[0].Change, group[len(group)-1].Change
	if len(group) == 1 || last.Kind == life.Fixed {
		return string(last.Kind), last.Again
	}
	appeared := false
	for _, e := range group {
		appeared = appeared || e.Change.Kind == life.New
		again = again || e.Change.Again
	}
	switch {
	case appeared:
		return string(life.New), again
	case first.Was == nil || last.Now == nil || first.Was.Severity == last.Now.Severity:
		return string(life.Changed), false
	case first.Was.Severity.AtLeast(last.Now.Severity):
		return string(life.Better), false
	}
	return string(life.Worse), false
}

func clipped(s *life.Seen) *life.Seen {
	if s == nil {
		return nil
	}
	c := *s
	c.Service, c.Product, c.Owner = clip(s.Service), clip(s.Product), clip(s.Owner)
	if s.Version != nil {
		v := clip(*s.Version)
		c.Version = &v
	}
	return &c
}

// clip bounds a text, and makes it valid UTF-8.
func clip(s string) string { return clipTo(s, maxText) }

func clipTo(s string, runes int) string {
	if len(s) > 4*runes {
		s = s[:4*runes+utf8.UTFMax] // what is cut off below anyway
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	n := 0
	for i := range s {
		if n == runes {
			return s[:i] + "…"
		}
		n++
	}
	return s
}

// trial is a message that says that it is one. Its address is one of those that
// are for examples (RFC 5737).
func trial(target string, now time.Time) *Message {
	ip, baf, version := netip.MustParseAddr("192.0.2.7"), 149.1, "1.4.25"
	at := now.UTC().Truncate(time.Second)
	t := Told{
		Events: []int64{}, Kind: string(life.New), Count: 1, At: at, Severity: exposure.Critical, IP: &ip, Transport: exposure.UDP, Port: 11211,
		Names: []string{"cache.example.net"}, Vantage: "example", Trust: exposure.Untrusted, Since: &at, Scan: "example",
		Now: &life.Seen{BAF: &baf, Detail: life.Detail{State: exposure.Open, Verdict: exposure.Reflector, Severity: exposure.Critical, Auth: exposure.AuthNone, Version: &version}},
	}
	t.Text = changeText(&t)
	m := &Message{ID: "msg_test" + rand.Text(), Created: at, Target: target, Test: true, Events: []Told{t}}
	m.Title = title(m)
	return m
}

// trialRun is one with a run instead: templates are tried with both.
func trialRun(target string) *Message {
	m := trial(target, time.Unix(0, 0))
	r := &history.Run{Job: "example", Due: m.Created, Outcome: history.Missed, Problem: "memsweep was not running"}
	m.Events = []Told{{Events: []int64{}, Kind: "run-missed", Count: 1, At: m.Created, Job: r.Job, Run: r}}
	m.Events[0].Text = runText(&m.Events[0])
	return m
}
