package digest

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/history/life"
	"github.com/memsweep/memsweep/report"
)

// Window is what changed in a stretch of time.
type Window struct {
	Since, Until time.Time // Until zero: now
	Of           history.Filter
	Kinds        []life.Kind // that were asked for
	// Changes yields those of one kind, the newest first.
	Changes func(life.Kind) iter.Seq2[history.Change, error]
	Counts  map[life.Kind]int // events by kind, and how many are still open or were not rescanned
	// Unchanged yields what is still open and what was not rescanned, where it is
	// to be listed; nil: it is counted only.
	Unchanged func(life.Kind) iter.Seq2[history.Difference, error]
	Gaps      []string // why the window is not the whole truth
}

// Events are the kinds that stand in a history as changes, as people want them.
func Events() []life.Kind {
	return []life.Kind{life.New, life.Worse, life.Fixed, life.Better, life.Changed}
}

// titles and notes of the kinds.
func titleOf(k life.Kind) (title, note string) {
	switch k {
	case life.New:
		return "New", ""
	case life.Worse:
		return "Worse", ""
	case life.Fixed:
		return "Fixed", "Asked again, definitively, and without an answer."
	case life.Better:
		return "Better", ""
	case life.Changed:
		return "Changed", "In something that makes it neither worse nor better."
	case life.Still:
		return "Still open", ""
	case life.NotRescanned:
		return "Not rescanned", "Open as far as is known: nobody asked again, or not definitively."
	}
	return string(k), ""
}

// Changes lists what changed; for people each kind worst first, which takes
// memory for all of it.
func Changes(w Window, forPeople bool) report.Sheet {
	columns, order := changeColumns("When (UTC)"), func(list iter.Seq2[line, error]) iter.Seq2[line, error] { return list }
	if forPeople {
		order = worstFirst
	}
	s := report.Sheet{
		About: "changes", Headline: changesHeadline(w.Counts), Ranked: true, Columns: columnsOf(columns),
		Where:  append([]string{w.inWords()}, filterInWords(w.Of)...),
		Alarms: w.Gaps, More: "memsweep history changes --format csv", Counts: countsOf(w.Counts),
	}
	var changes []iter.Seq2[history.Change, error]
	for _, k := range w.Kinds {
		list := w.Changes(k)
		title, note := titleOf(k)
		s.Parts = append(s.Parts, report.Part{Title: title, Note: note, Rows: rows(order(lines(list, changeLine)), line.worst, columns)})
		changes = append(changes, list)
	}
	s.Members = []report.Member{
		{Name: "document", Value: "changes"},
		{Name: "since", Value: w.Since.UTC()},
		{Name: "until", Value: timeOrNil(w.Until)},
		{Name: "gaps", Value: append([]string{}, w.Gaps...)},
		{Name: "counts", Value: w.Counts},
		{Name: "changes", List: values(concat(changes...))},
	}
	if w.Unchanged != nil {
		var unchanged []iter.Seq2[history.Difference, error]
		for _, k := range []life.Kind{life.NotRescanned, life.Still} {
			list := w.Unchanged(k)
			title, note := titleOf(k)
			s.Parts = append(s.Parts, report.Part{Title: title, Note: note, Rows: rows(order(lines(list, differenceLine)), line.worst, columns)})
			unchanged = append(unchanged, list)
		}
		s.Members = append(s.Members, report.Member{Name: "unchanged", List: values(concat(unchanged...))})
	}
	return s
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func (w Window) inWords() string {
	text := "Since " + Local(w.Since)
	if !w.Until.IsZero() {
		text += ", until " + Local(w.Until)
	}
	return text + "."
}

// changesHeadline is the sentence to remember: "2 new, 1 fixed; 7 are still open."
func changesHeadline(counts map[life.Kind]int) string {
	var words []string
	for _, k := range Events() {
		if n := counts[k]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, k))
		}
	}
	text := "Nothing changed"
	if len(words) > 0 {
		text = strings.Join(words, ", ")
	}
	return text + "; " + restInWords(counts)
}

// restInWords says how many did not change, and of how many that is not known.
func restInWords(counts map[life.Kind]int) string {
	return fmt.Sprintf("%d still open as before, %d not rescanned.", counts[life.Still], counts[life.NotRescanned])
}

func countsOf(counts map[life.Kind]int) (list []report.Count) {
	for _, k := range append(Events(), life.NotRescanned, life.Still) {
		if n := counts[k]; n > 0 {
			title, _ := titleOf(k)
			list = append(list, report.Count{Name: title, Count: uint64(n)})
		}
	}
	return list
}

// line is a change or a difference as a row of a table.
type line struct {
	kind     life.Kind
	again    bool
	at       *time.Time // when the change was seen; nil: between two points in time
	scan     string
	severity exposure.Severity
	exposure history.Exposure
	was, now *life.Seen
	details  []string
	why      string
	job      string
}

func (l line) worst() exposure.Severity { return l.severity }

func changeLine(c history.Change) line {
	return line{c.Kind, c.Again, &c.At, c.Scan, c.Severity, c.Exposure, c.Was, c.Now, c.Details, "", c.Job}
}

func differenceLine(d history.Difference) line {
	return line{d.Kind, d.Again, nil, "", d.Severity, d.Exposure, d.Was, d.Now, d.Details, d.Why, ""}
}

func lines[T any](list iter.Seq2[T, error], make func(T) line) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		for v, err := range list {
			var l line
			if err == nil {
				l = make(v)
			}
			if !yield(l, err) || err != nil {
				return
			}
		}
	}
}

// changeColumns are those of changes and differences, so that a program reads
// both alike. The list only ever grows, and only at its end. time is what people
// read above the time.
func changeColumns(time string) []column[line] {
	list := []column[line]{
		{"", "kind", func(l line) string { return string(l.kind) }},
		{"", "again", func(l line) string { return strconv.FormatBool(l.again) }},
		{"", "at", func(l line) string { return stampOrNone(l.at) }},
		{"", "scan", func(l line) string { return l.scan }},
	}
	list = append(list, of(func(l line) history.Exposure { return l.exposure }, placeColumns())...)
	list = append(list,
		column[line]{time, "", func(l line) string { return minute(l.when()) }},
		column[line]{"", "since", func(l line) string { return stamp(l.exposure.Since) }},
		column[line]{"", "last_seen", func(l line) string { return stamp(l.exposure.LastSeen) }},
		column[line]{"", "fixed", func(l line) string { return stampOrNone(l.exposure.Fixed) }},
	)
	list = append(list, of(func(l line) *life.Seen { return l.was }, seenColumns("was_"))...)
	list = append(list, of(func(l line) *life.Seen { return l.now }, seenColumns("now_"))...)
	return append(list,
		column[line]{"", "details", func(l line) string { return strings.Join(l.details, "; ") }},
		column[line]{"", "why", func(l line) string { return l.why }},
		column[line]{"What", "", line.inWords},
		column[line]{"", "job", func(l line) string { return l.job }},
	)
}

// inWords says what became of an exposure.
func (l line) inWords() string {
	var words []string
	switch {
	case l.kind == life.Fixed && l.was != nil:
		words = append(words, "was "+sight(*l.was))
	case l.now != nil:
		words = append(words, sight(*l.now))
	}
	if l.again {
		words = append(words, "again: it had been fixed")
	}
	words = append(words, l.details...)
	if l.why != "" {
		words = append(words, l.why)
	}
	return strings.Join(words, "; ")
}

// when is when it was seen, or since when it is so.
func (l line) when() time.Time {
	if l.at != nil {
		return *l.at
	}
	return l.exposure.Since
}

// worstFirst holds everything back and puts the worst first, those as bad in the
// order in which they came.
func worstFirst(list iter.Seq2[line, error]) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		var all []line
		for l, err := range list {
			if err != nil {
				yield(l, err)
				return
			}
			all = append(all, l)
		}
		rank := func(l line) int { return slices.Index(exposure.Severities(), l.severity) }
		slices.SortStableFunc(all, func(a, b line) int { return rank(a) - rank(b) })
		for _, l := range all {
			if !yield(l, nil) {
				return
			}
		}
	}
}
