package notify_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/history/life"
	"github.com/memsweep/memsweep/internal/notify"
)

func at(s exposure.Severity) *life.Seen {
	return &life.Seen{Detail: life.Detail{State: exposure.Open, Verdict: exposure.OpenTCP, Severity: s, Auth: exposure.AuthNone}}
}

// step is a change of exposure x: from a severity ("": it did not answer) to another.
func step(id int64, x int64, kind life.Kind, was, now exposure.Severity) history.Event {
	c := &history.Change{ID: id, At: epoch.Add(time.Duration(id) * time.Hour), Kind: kind, Severity: was}
	if was != "" {
		c.Was = at(was)
	}
	if now != "" {
		c.Now = at(now)
	}
	if was == "" || now != "" && now.AtLeast(was) {
		c.Severity = now
	}
	c.Exposure = history.Exposure{ID: x, Endpoint: history.Endpoint{IP: netip.AddrFrom4([4]byte{192, 0, 2, byte(x)}), Transport: exposure.TCP, Port: 11211}, Vantage: exposure.Vantage{Name: "internet"}}
	return history.Event{ID: id, Change: c}
}

func TestFlappingIsToldAsWhatItComesTo(t *testing.T) {
	t.Parallel()
	const c, h, l = exposure.Critical, exposure.High, exposure.Low
	again := step(3, 1, life.New, "", h)
	again.Change.Again = true
	for name, x := range map[string]struct {
		events []history.Event
		want   string
	}{
		"new":             {[]history.Event{step(1, 1, life.New, "", h)}, "new high 1"},
		"came and went":   {[]history.Event{step(1, 1, life.New, "", h), step(2, 1, life.Fixed, h, "")}, "fixed high 2"},
		"new, gone, new":  {[]history.Event{step(1, 1, life.New, "", h), step(2, 1, life.Fixed, h, ""), again}, "new again high 3"},
		"gone and back":   {[]history.Event{step(2, 1, life.Fixed, h, ""), again}, "new again high 2"},
		"worse and worse": {[]history.Event{step(1, 1, life.Worse, l, h), step(2, 1, life.Worse, h, c)}, "worse critical 2"},
		"to and fro":      {[]history.Event{step(1, 1, life.Worse, l, h), step(2, 1, life.Better, h, l)}, "changed high 2"},
		"better":          {[]history.Event{step(1, 1, life.Changed, c, c), step(2, 1, life.Better, c, l)}, "better critical 2"},
		"new, then worse": {[]history.Event{step(1, 1, life.New, "", l), step(2, 1, life.Worse, l, c)}, "new critical 2"},
		"two exposures":   {[]history.Event{step(1, 1, life.New, "", l), step(2, 2, life.New, "", c)}, "new critical 1; new low 1"},
	} {
		m := notify.Compose("msg_1", "soc", epoch, x.events, &notify.Filter{})
		var got []string
		for _, e := range m.Events {
			kind := e.Kind
			if e.Again {
				kind += " again"
			}
			got = append(got, fmt.Sprintf("%s %s %d", kind, e.Severity, e.Count))
			if e.Count > 1 && !strings.Contains(e.Text, fmt.Sprintf("changed %d times", e.Count)) {
				t.Errorf("%s: %s", name, e.Text)
			}
		}
		if strings.Join(got, "; ") != x.want {
			t.Errorf("%s: %s, want %s", name, strings.Join(got, "; "), x.want)
		}
	}
}

// TestComposeAccountsForEveryEvent: what is told names each event of the
// exposures that the filter picks, once, and none of the others.
func TestComposeAccountsForEveryEvent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		kinds := []life.Kind{life.New, life.Fixed, life.Worse, life.Better, life.Changed}
		severities := exposure.Severities()
		only := notify.Filter{Kinds: rapid.SliceOfDistinct(rapid.SampledFrom(kinds), func(k life.Kind) life.Kind { return k }).Draw(t, "kinds")}
		if rapid.Bool().Draw(t, "bounded") {
			only.AtLeast = rapid.SampledFrom(severities).Draw(t, "at least")
		}
		only.NoRuns = rapid.Bool().Draw(t, "no runs")
		var events []history.Event
		wanted := map[string]bool{}
		key := func(e history.Event) string {
			if e.Run != nil {
				return fmt.Sprint("run", e.ID)
			}
			return fmt.Sprint(e.Change.Exposure.ID)
		}
		for id := range rapid.Int64Range(0, 30).Draw(t, "events") {
			e := history.Event{ID: id + 1, Run: &history.Run{Job: "dmz", Due: epoch, Outcome: history.Missed}}
			picked := !only.NoRuns
			if rapid.IntRange(0, 5).Draw(t, "run") > 0 {
				kind, severity := rapid.SampledFrom(kinds).Draw(t, "kind"), rapid.SampledFrom(severities).Draw(t, "severity")
				was, now := severity, severity
				if kind == life.New {
					was = ""
				}
				if kind == life.Fixed {
					now = ""
				}
				e = step(id+1, rapid.Int64Range(1, 5).Draw(t, "exposure"), kind, was, now)
				picked = (len(only.Kinds) == 0 || slices.Contains(only.Kinds, kind)) && (only.AtLeast == "" || severity.AtLeast(only.AtLeast))
			}
			events = append(events, e)
			wanted[key(e)] = wanted[key(e)] || picked
		}
		var want, got []int64
		for _, e := range events {
			if wanted[key(e)] {
				want = append(want, e.ID)
			}
		}
		if m := notify.Compose("msg_1", "soc", epoch, events, &only); m != nil {
			for _, e := range m.Events {
				if len(e.Events) != e.Count || !slices.IsSorted(e.Events) {
					t.Fatalf("%+v", e)
				}
				got = append(got, e.Events...)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("told %v, want %v", got, want)
		}
	})
}

func TestFilters(t *testing.T) {
	t.Parallel()
	e := step(1, 1, life.Worse, exposure.Low, exposure.High)
	e.Change.Job, e.Change.Was.Owner, e.Change.Now.Owner = "dmz", "billing", "payments"
	run := history.Event{ID: 2, Run: &history.Run{Job: "dmz", Outcome: history.Failed}}
	for name, c := range map[string]struct {
		only        notify.Filter
		change, run bool
	}{
		"all":           {notify.Filter{}, true, true},
		"no runs":       {notify.Filter{NoRuns: true}, true, false},
		"high":          {notify.Filter{AtLeast: exposure.High}, true, true},
		"critical":      {notify.Filter{AtLeast: exposure.Critical}, false, true},
		"new":           {notify.Filter{Kinds: []life.Kind{life.New}}, false, true},
		"this vantage":  {notify.Filter{Vantages: []string{"internet"}}, true, true},
		"other vantage": {notify.Filter{Vantages: []string{"office"}}, false, true},
		"this job":      {notify.Filter{Jobs: []string{"x", "dmz"}}, true, true},
		"other job":     {notify.Filter{Jobs: []string{"x"}}, false, false},
		"owner before":  {notify.Filter{Owners: []string{"billing"}}, true, true},
		"owner now":     {notify.Filter{Owners: []string{"payments"}}, true, true},
		"other owner":   {notify.Filter{Owners: []string{"other"}}, false, true},
	} {
		for what, x := range map[string]struct {
			e    history.Event
			want bool
		}{"change": {e, c.change}, "run": {run, c.run}} {
			if got := notify.Compose("msg_1", "soc", epoch, []history.Event{x.e}, &c.only) != nil; got != x.want {
				t.Errorf("%s, %s: %v", name, what, got)
			}
		}
	}
}

// TestMessagesAreBounded: however much servers say, a message stays small, valid
// and without hidden characters where it is for people.
func TestMessagesAreBounded(t *testing.T) {
	t.Parallel()
	m := hostileMessage()
	data, err := json.Marshal(m)
	if err != nil || len(data) > 200<<10 {
		t.Fatal(len(data), err)
	}
	fitsSchema(t, string(data))
	for _, e := range m.Events {
		if strings.ContainsFunc(e.Text, exposure.Hidden) || len(e.Text) > 30<<10 {
			t.Errorf("%d bytes: %.500q", len(e.Text), e.Text)
		}
	}
	if strings.ContainsFunc(m.Title, exposure.Hidden) || m.Title != fmt.Sprintf("memsweep: %d worse (%d critical), 1 run-failed", len(evil), len(evil)) {
		t.Error(m.Title)
	}
}

// TestBackOff: it grows, is never longer than an hour, nor shorter than three
// quarters of what it stands for.
func TestBackOff(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n, chance := rapid.IntRange(1, 10_000).Draw(t, "attempts"), rapid.Float64Range(0, 1).Draw(t, "chance")
		least, most := notify.BackOff(n, 1), notify.BackOff(n, 0)
		if got := notify.BackOff(n, chance); got < least || got > most || least != most*3/4 || most > time.Hour || most < notify.BackOff(max(1, n-1), 0) {
			t.Fatal(n, got, least, most)
		}
	})
	if notify.BackOff(1, 0) != 10*time.Second || notify.BackOff(100, 0) != time.Hour {
		t.Error(notify.BackOff(1, 0), notify.BackOff(100, 0))
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()
	hook := "https://hooks.slack.com/services/T0/B0/abc+def/ghijklmnop?x=1"
	for text, want := range map[string]string{
		"Post \"" + hook + "\": EOF":                        "Post \"[secret]\": EOF",
		"no route /services/T0/B0/abc+def/ghijklmnop there": "no route [secret] there",
		"the token ghijklmnop is bad":                       "the token [secret] is bad",
		"nothing here":                                      "nothing here",
	} {
		if got := notify.Redact(text, hook); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
	if got := notify.Redact("aGVsbG8gd29ybGQ= hello+world hello%20world", "hello world"); strings.Count(got, "[secret]") != 3 {
		t.Error(got)
	}
}
