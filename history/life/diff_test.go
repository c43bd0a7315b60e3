package life_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history/life"
)

func anySeen() *rapid.Generator[life.Seen] {
	return rapid.Custom(func(t *rapid.T) life.Seen {
		s := life.Seen{Detail: life.Detail{
			State:     rapid.SampledFrom([]exposure.State{exposure.Open, exposure.AuthRequired, exposure.TLS}).Draw(t, "state"),
			Verdict:   rapid.SampledFrom([]exposure.Verdict{exposure.OpenTCP, exposure.Reflector, exposure.AuthVerdict}).Draw(t, "verdict"),
			Severity:  rapid.SampledFrom(exposure.Severities()).Draw(t, "severity"),
			Auth:      rapid.SampledFrom([]exposure.Auth{"", exposure.AuthNone, exposure.AuthASCII, exposure.AuthUnknown}).Draw(t, "auth"),
			TLS:       rapid.Bool().Draw(t, "tls"),
			Version:   rapid.SampledFrom([]*string{nil, new("1.4.25"), new("1.6.39")}).Draw(t, "version"),
			Justified: rapid.Bool().Draw(t, "justified"),
		}}
		if rapid.Bool().Draw(t, "measured") {
			s.BAF = new(rapid.Float64Range(0, 1000).Draw(t, "baf"))
		}
		return s
	})
}

func anyMoment() *rapid.Generator[life.Moment] {
	return rapid.Custom(func(t *rapid.T) (m life.Moment) {
		if rapid.IntRange(0, 4).Draw(t, "seen") > 0 {
			m.Seen = new(anySeen().Draw(t, "as"))
			m.Open = rapid.Bool().Draw(t, "open")
		}
		return m
	})
}

// TestDiffIsSymmetric: what is new one way is fixed the other way, what is worse
// is better, and what is still open is so from both ends. What is open at an end
// is in exactly one class, and what is open at neither is in none.
func TestDiffIsSymmetric(t *testing.T) {
	t.Parallel()
	reverse := map[life.Kind]life.Kind{
		life.New: life.Fixed, life.Fixed: life.New, life.Worse: life.Better, life.Better: life.Worse, life.Still: life.Still, life.NotRescanned: life.NotRescanned,
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b, answered := anyMoment().Draw(t, "a"), anyMoment().Draw(t, "b"), rapid.Bool().Draw(t, "answered")
		there, back := life.Diff(a, b, answered), life.Diff(b, a, answered)
		if (there != nil) != (a.Open || b.Open) || (back != nil) != (there != nil) {
			t.Fatalf("open %t, then %t: %v, and back %v", a.Open, b.Open, there, back)
		}
		if there == nil {
			return
		}
		if reverse[there.Kind] == "" || reverse[there.Kind] != back.Kind {
			t.Fatalf("%s one way, %s the other", there.Kind, back.Kind)
		}
		if there.Kind == life.NotRescanned == answered && a.Open && b.Open {
			t.Fatalf("answered %t, and it is %s", answered, there.Kind)
		}
		if there.Severity == "" || there.Kind != life.NotRescanned && there.Severity != back.Severity {
			t.Fatalf("severity %q one way, %q the other", there.Severity, back.Severity)
		}
		if there.Again != (there.Kind == life.New && a.Seen != nil) {
			t.Fatalf("again %t, seen before %t", there.Again, a.Seen != nil)
		}
	})
}

// TestDiffWithItself: nothing becomes of what is held against itself.
func TestDiffWithItself(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := anyMoment().Draw(t, "a")
		d := life.Diff(a, a, true)
		if !a.Open {
			if d != nil {
				t.Fatalf("it is not open, and %s", d.Kind)
			}
			return
		}
		if d == nil || d.Kind != life.Still || len(d.Details) > 0 {
			t.Fatalf("%+v", d)
		}
	})
}

// TestDiffIsWhatHappened: between two points in the life of an exposure, the
// difference is what its facts say, whatever lies between.
func TestDiffIsWhatHappened(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		transport := rapid.SampledFrom([]exposure.Transport{exposure.TCP, exposure.UDP}).Draw(t, "transport")
		facts := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) (f life.Fact) {
			if rapid.IntRange(0, 2).Draw(t, "answer") > 0 {
				f.Seen = new(anySeen().Draw(t, "as"))
			}
			return f
		}), 1, 8).Draw(t, "facts")
		for i := range facts {
			facts[i].At = time.Unix(int64(i), 0)
		}
		cut := rapid.IntRange(0, len(facts)).Draw(t, "cut")
		before, _, _ := life.Fold(transport, facts[:cut])
		after, events, _ := life.Fold(transport, facts)
		answered := false
		for _, f := range facts[cut:] {
			answered = answered || f.Seen != nil
		}
		d := life.Diff(momentOf(before), momentOf(after), answered)
		told := map[life.Kind]bool{}
		for _, e := range events[cut:] {
			if e != nil {
				told[e.Kind] = true
			}
		}
		switch {
		case d == nil:
		case d.Kind == life.New && !told[life.New], d.Kind == life.Fixed && !told[life.Fixed]:
			t.Fatalf("%s, and no event says so", d.Kind)
		case d.Kind == life.NotRescanned && (told[life.New] || told[life.Fixed] || answered):
			t.Fatalf("not rescanned, and %v happened", told)
		case d.Kind == life.Still && len(facts) == cut:
			t.Fatal("still open, and nobody asked")
		}
	})
}

func momentOf(l life.Life) life.Moment {
	m := life.Moment{Open: l.Open()}
	if l.Exists() {
		m.Seen = &l.Seen
	}
	return m
}
