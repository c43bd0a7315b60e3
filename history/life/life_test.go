package life

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/memsweep/memsweep/exposure"
)

func ptr[T any](v T) *T { return &v }

var dayOne = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func drawSeen(t *rapid.T) *Seen {
	s := &Seen{Detail: Detail{
		State:   rapid.SampledFrom([]exposure.State{exposure.Open, exposure.Open, exposure.Mute}).Draw(t, "state"),
		Partial: rapid.IntRange(0, 3).Draw(t, "partial") == 0,
		Verdict: exposure.OpenTCP, Service: rapid.SampledFrom([]string{"memcached", ""}).Draw(t, "service"),
		Severity:  rapid.SampledFrom(exposure.Severities()).Draw(t, "severity"),
		Auth:      rapid.SampledFrom([]exposure.Auth{exposure.AuthNone, exposure.AuthSASL, exposure.AuthUnknown}).Draw(t, "auth"),
		Justified: rapid.Bool().Draw(t, "justified"), Owner: rapid.SampledFrom([]string{"", "Ada"}).Draw(t, "owner"),
	}}
	if rapid.Bool().Draw(t, "version known") {
		s.Version = ptr(rapid.SampledFrom([]string{"1.6.18", "1.6.39"}).Draw(t, "version"))
	}
	if rapid.Bool().Draw(t, "measured") {
		s.BAF = ptr(rapid.SampledFrom([]float64{10, 12, 16, 25}).Draw(t, "baf"))
	}
	return s
}

func drawFacts(t *rapid.T) (list []Fact) {
	for i := range rapid.IntRange(0, 20).Draw(t, "facts") {
		f := Fact{At: dayOne.Add(time.Duration(i) * time.Hour)}
		if rapid.IntRange(0, 2).Draw(t, "answered") > 0 {
			f.Seen = drawSeen(t)
		} else {
			f.Refused = rapid.Bool().Draw(t, "refused")
		}
		list = append(list, f)
	}
	return list
}

// TestLivesHoldTogether: whatever the facts, the events tell the life, nothing is
// fixed before it was asked definitively as often as its transport demands, and
// a life that was stored goes on as if it had not been.
func TestLivesHoldTogether(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		transport := rapid.SampledFrom([]exposure.Transport{exposure.TCP, exposure.UDP}).Draw(t, "transport")
		facts := drawFacts(t)
		l, events, intervals := Fold(transport, facts)
		again, _, _ := Fold(transport, facts)
		if diff := cmp.Diff(l, again); diff != "" {
			t.Fatal(diff)
		}
		open, missed, answers := false, 0, 0
		for i, f := range facts {
			if f.Seen != nil {
				missed, answers = 0, answers+1
			} else {
				missed++
			}
			e := events[i]
			switch {
			case e == nil:
				if f.Seen != nil && !open {
					t.Fatalf("fact %d: it answers, was not open, and nobody is told", i)
				}
				continue
			case e.Kind == New:
				if open || e.Was != nil || e.Now == nil || e.Again != (answers > 1) {
					t.Fatalf("fact %d: %+v", i, e)
				}
				open = true
			case e.Kind == Fixed:
				if !open || e.Now != nil || f.Seen != nil || missed < 2 && (transport == exposure.UDP || !f.Refused) {
					t.Fatalf("fact %d: fixed after %d definitive asks without an answer: %+v", i, missed, e)
				}
				open = false
			default:
				if !open || e.Was == nil || e.Now == nil || f.Seen == nil {
					t.Fatalf("fact %d: %+v", i, e)
				}
			}
		}
		if l.Open() != open || l.Exists() != (answers > 0) || (answers > 0 && l.Misses != missed && !(l.inPart() && missed == 0)) {
			t.Fatalf("open %v, %d answers, %d missed: %+v", open, answers, missed, l)
		}
		for i, x := range intervals {
			last := i == len(intervals)-1
			if (x.Fixed == nil) != (last && open) || i > 0 && !intervals[i-1].Fixed.Before(x.Opened) {
				t.Fatalf("interval %d of %v", i, intervals)
			}
		}
		if len(intervals) > 0 && !intervals[len(intervals)-1].Opened.Equal(l.Since) {
			t.Fatalf("since %s, intervals %v", l.Since, intervals)
		}
		if cut := rapid.IntRange(0, len(facts)).Draw(t, "stored after"); len(facts) > 0 {
			part, _, _ := Fold(transport, facts[:cut])
			for _, f := range facts[cut:] {
				part.Step(transport, f)
			}
			if diff := cmp.Diff(l, part); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

// TestAskedBeforeItEnded: what a sweep missed that began before the one that saw
// it had ended says nothing, over and over.
func TestAskedBeforeItEnded(t *testing.T) {
	t.Parallel()
	at := func(hour int) time.Time { return dayOne.Add(time.Duration(hour) * time.Hour) }
	seen := &Seen{Detail: Detail{State: exposure.Open, Severity: exposure.High}}
	l, events, _ := Fold(exposure.TCP, []Fact{
		{At: at(0), Seen: seen, Until: at(9)}, {At: at(1), Refused: true}, {At: at(2), Seen: seen, Until: at(3)}, {At: at(8), Refused: true},
	})
	if events[1] != nil || events[3] != nil || !l.Open() || l.Misses != 0 || !l.Asked.Equal(at(2)) {
		t.Errorf("%v, %+v", events, l)
	}
	if e := l.Step(exposure.TCP, Fact{At: at(9), Refused: true}); e == nil || e.Kind != Fixed {
		t.Errorf("asked when it had ended: %+v", e)
	}
}

// TestRule is the rule in examples.
func TestRule(t *testing.T) {
	t.Parallel()
	plain := Seen{Detail: Detail{State: exposure.Open, Verdict: exposure.OpenTCP, Severity: exposure.High, Auth: exposure.AuthNone, Service: "memcached", Version: ptr("1.6.18")}, BAF: ptr(100.0)}
	for name, tt := range map[string]struct {
		change func(*Seen)
		want   Kind
		back   Kind
	}{
		"nothing":                       {func(*Seen) {}, Still, Still},
		"a severity":                    {func(s *Seen) { s.Severity = exposure.Critical }, Worse, Better},
		"credentials":                   {func(s *Seen) { s.Auth = exposure.AuthSASL }, Better, Worse},
		"credentials, and louder":       {func(s *Seen) { s.Auth, s.BAF = exposure.AuthSASL, ptr(900.0) }, Better, Worse},
		"credentials not known":         {func(s *Seen) { s.Auth = exposure.AuthUnknown }, Still, Still},
		"a little louder":               {func(s *Seen) { s.BAF = ptr(149.9) }, Still, Still},
		"half as loud again":            {func(s *Seen) { s.BAF = ptr(150.0) }, Worse, Better},
		"not measured":                  {func(s *Seen) { s.BAF = nil }, Still, Still},
		"another version":               {func(s *Seen) { s.Version = ptr("1.6.39") }, Changed, Changed},
		"no version":                    {func(s *Seen) { s.Version = nil }, Still, Still},
		"TLS":                           {func(s *Seen) { s.TLS = true }, Changed, Changed},
		"a proxy":                       {func(s *Seen) { s.Product = "mcrouter" }, Changed, Changed},
		"another owner":                 {func(s *Seen) { s.Owner = "Ada" }, Still, Still},
		"justified":                     {func(s *Seen) { s.Justified = true }, Changed, Changed},
		"justified, and so better":      {func(s *Seen) { s.Justified, s.Severity = true, exposure.Info }, Better, Worse},
		"severity before amplification": {func(s *Seen) { s.Severity, s.BAF = exposure.Low, ptr(900.0) }, Better, Worse},
	} {
		other := plain
		tt.change(&other)
		if got := judge(plain, other); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
		if got := judge(other, plain); got != tt.back {
			t.Errorf("%s, back: %s, want %s", name, got, tt.back)
		}
	}
}

// TestSlowGrowthIsTold once it comes to much, and what was not measured in between
// hides nothing.
func TestSlowGrowthIsTold(t *testing.T) {
	t.Parallel()
	var l Life
	var said []string
	for i, baf := range []float64{100, 120, 0, 140, 155, 160, 0, 90} {
		s := Seen{Detail: Detail{State: exposure.Open, Verdict: exposure.Reflector, Severity: exposure.Critical, Service: "memcached"}}
		if baf > 0 {
			s.BAF, s.Version = &baf, ptr("1")
		}
		if i == 7 {
			s.Version = ptr("2")
		}
		if e := l.Step(exposure.UDP, Fact{At: dayOne.Add(time.Duration(i) * time.Hour), Seen: &s}); e != nil {
			said = append(said, fmt.Sprint(i, e.Kind))
		}
	}
	if diff := cmp.Diff([]string{"0new", "4worse", "7better"}, said); diff != "" {
		t.Error(diff)
	}
}

// TestAMomentsWeakness: a server that once says nothing, or not all, is as it
// was told; twice in a row it is what it says then.
func TestAMomentsWeakness(t *testing.T) {
	t.Parallel()
	whole := Seen{Detail: Detail{State: exposure.Open, Verdict: exposure.Impostor, Severity: exposure.Critical, Service: "memcached", Product: "lookalike"}}
	mute := Seen{Detail: Detail{State: exposure.Mute, Verdict: exposure.Unidentified, Severity: exposure.Info}}
	full := Seen{Detail: Detail{State: exposure.Full, Verdict: exposure.Verdict("full"), Severity: exposure.Medium}}
	part := Seen{Detail: Detail{State: exposure.Open, Verdict: exposure.OpenTCP, Severity: exposure.Critical, Service: "memcached", Partial: true}}
	for name, tt := range map[string]struct {
		facts []*Seen // nil: silent
		want  string
	}{
		"once mute":             {[]*Seen{&whole, &mute, &whole}, "new - -"},
		"now and then":          {[]*Seen{&whole, &mute, &whole, &full, &whole, &part, &whole}, "new - - - - - -"},
		"mute twice":            {[]*Seen{&whole, &mute, &mute, &mute, &whole}, "new - better - worse"},
		"in part for good":      {[]*Seen{&whole, &part, &part, &part}, "new - changed -"},
		"mute, then silent":     {[]*Seen{&whole, &mute, nil, nil}, "new - - fixed"},
		"silent, then mute":     {[]*Seen{&whole, nil, &mute, nil, &whole}, "new - - - -"},
		"silent once":           {[]*Seen{&whole, nil, &whole}, "new - -"},
		"it was mute from new":  {[]*Seen{&mute, &mute, &whole}, "new - worse"},
		"the worse counts, too": {[]*Seen{&part, &whole}, "new changed"},
	} {
		var l Life
		var got []string
		for i, s := range tt.facts {
			said := "-"
			if e := l.Step(exposure.TCP, Fact{At: dayOne.Add(time.Duration(i) * time.Hour), Seen: s}); e != nil {
				said = string(e.Kind)
			}
			got = append(got, said)
			if s != nil && said == "-" && l.Open() && l.Seen.Severity != l.Told.Severity {
				t.Errorf("%s: it is listed as %s, and was told as %s", name, l.Seen.Severity, l.Told.Severity)
			}
		}
		if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
