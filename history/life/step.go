package life

import (
	"time"

	"github.com/memsweep/memsweep/exposure"
)

// Fact is what one sweep has to say of an exposure. One that neither saw it nor
// asked definitively has nothing to say, and is no fact.
type Fact struct {
	At time.Time // when the sweep started
	// Seen is what answered; nil: it was asked definitively, in a complete sweep,
	// and there was no answer.
	Seen *Seen
	// Until is when the sweep that saw it ended; zero: that is not known.
	Until time.Time
	// Refused: there was none because it was refused, and not for silence.
	Refused bool
}

// Life is what became of an exposure, up to and including its latest fact. The
// zero value was never seen.
type Life struct {
	First  time.Time `json:"first"`           // when it was first seen
	Last   time.Time `json:"last"`            // when it was last seen
	Asked  time.Time `json:"asked"`           // when it was last seen, or definitively asked
	Until  time.Time `json:"until,omitzero"`  // when the last of the sweeps that saw it ended
	Since  time.Time `json:"since"`           // the beginning of its latest interval
	Fixed  time.Time `json:"fixed,omitzero"`  // its end; zero: it is open
	Misses int       `json:"misses,omitzero"` // complete sweeps in a row that asked, and had no answer; see inPart
	Seen   Seen      `json:"seen"`            // as it was last seen
	Told   Seen      `json:"told"`            // as its latest event left it; see judge
}

// Event is what a fact changes in a life. A fact makes one at most.
type Event struct {
	Kind     Kind
	Again    bool              // new, but it had been fixed before
	Was      *Seen             // nil: new
	Now      *Seen             // nil: fixed
	Severity exposure.Severity // the worse of the two
}

// missesToFix is after how many definitive asks in a row without an answer an
// exposure is fixed. Only a refusal over TCP speaks for itself. Silence may be a
// host that starts anew, or a way that is cut off for an hour; and over UDP a
// refusal is one more datagram that anybody on the way may have sent.
func missesToFix(t exposure.Transport, f Fact) int {
	if t == exposure.TCP && f.Refused {
		return 1
	}
	return 2
}

// inPart reports whether the latest fact was an answer in part, which waits for
// another one (see passing). It is counted as a miss of something that was seen.
func (l *Life) inPart() bool { return l.Misses > 0 && l.Last.Equal(l.Asked) }

// Exists reports whether it was ever seen.
func (l *Life) Exists() bool { return !l.First.IsZero() }

// Open reports whether it is open as far as is known.
func (l *Life) Open() bool { return l.Exists() && l.Fixed.IsZero() }

// Step adds a fact, which must be later than those before it. Nil: it changes
// nothing that has to be told.
func (l *Life) Step(t exposure.Transport, f Fact) *Event {
	if f.Seen != nil {
		return l.see(f)
	}
	if !l.Exists() || f.At.Before(l.Until) {
		return nil // a sweep that went on may have seen it after it was asked
	}
	if l.inPart() {
		l.Misses = 0 // what answered in part was there
	}
	l.Asked = f.At
	l.Misses++
	if !l.Open() || l.Misses < missesToFix(t, f) {
		return nil
	}
	l.Fixed = f.At
	was := l.Seen
	return &Event{Kind: Fixed, Was: &was, Severity: was.Severity}
}

func (l *Life) see(f Fact) *Event {
	now := *f.Seen
	existed, open := l.Exists(), l.Open()
	was := l.Told
	if f.Until.After(l.Until) {
		l.Until = f.Until
	}
	if open && passing(was, now) && !l.inPart() {
		l.Last, l.Asked, l.Misses = f.At, f.At, 1
		return nil
	}
	if !existed {
		l.First = f.At
	}
	l.Last, l.Asked, l.Misses, l.Seen = f.At, f.At, 0, now
	if !open {
		l.Since, l.Fixed, l.Told = f.At, time.Time{}, now
		return &Event{Kind: New, Again: existed, Now: &now, Severity: now.Severity}
	}
	kind := judge(was, now)
	if kind == Still {
		l.Told = complete(was, now)
		l.Told.Owner = now.Owner
		return nil
	}
	l.Told = complete(now, was)
	return &Event{Kind: kind, Was: &was, Now: &now, Severity: worse(was.Severity, now.Severity)}
}

func worse(a, b exposure.Severity) exposure.Severity {
	if a.AtLeast(b) {
		return a
	}
	return b
}

// Fold makes a life of facts in order, with what there is to tell of each (nil:
// nothing), and its intervals.
func Fold(t exposure.Transport, facts []Fact) (l Life, events []*Event, intervals []Interval) {
	for _, f := range facts {
		e := l.Step(t, f)
		events = append(events, e)
		intervals = Intervals(intervals, f.At, e)
	}
	return l, events, intervals
}

// Intervals adds to the intervals of a life what an event means for them.
func Intervals(list []Interval, at time.Time, e *Event) []Interval {
	last := len(list) - 1
	switch {
	case e == nil:
	case e.Kind == New && last >= 0 && list[last].Opened.Equal(at):
		list[last].Fixed = nil // two sweeps that started at once, and a third: it is one interval
	case e.Kind == New:
		list = append(list, Interval{Opened: at})
	case e.Kind == Fixed && last >= 0:
		list[last].Fixed = &at
	}
	return list
}
