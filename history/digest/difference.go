package digest

import (
	"cmp"
	"fmt"
	"iter"
	"slices"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/history/life"
	"github.com/memsweep/memsweep/report"
)

// Span is the difference between two sweeps of one vantage.
type Span struct {
	From, To    history.Sweep
	Sweeps      int // from the first to the last, both counted
	Of          history.Filter
	Differences []history.Difference
	Show        []life.Kind // that people see in full; of the others the number
}

// Counts are how many differences there are of each kind.
func (s Span) Counts() map[life.Kind]int {
	counts := map[life.Kind]int{}
	for _, d := range s.Differences {
		counts[d.Kind]++
	}
	return counts
}

// Order sorts differences as people want to see them: by kind, then the worst
// first.
func Order(list []history.Difference) {
	kinds, severities := life.Kinds(), exposure.Severities()
	slices.SortStableFunc(list, func(a, b history.Difference) int {
		return cmp.Or(
			slices.Index(kinds, a.Kind)-slices.Index(kinds, b.Kind),
			slices.Index(severities, a.Severity)-slices.Index(severities, b.Severity),
			a.Exposure.IP.Compare(b.Exposure.IP),
			cmp.Compare(a.Exposure.Port, b.Exposure.Port),
			cmp.Compare(a.Exposure.Transport, b.Exposure.Transport),
		)
	})
}

// Difference says what became of every exposure between two sweeps.
func Difference(s Span) report.Sheet {
	columns, counts := changeColumns("Since (UTC)"), s.Counts()
	sheet := report.Sheet{
		About: "difference", Headline: changesHeadline(counts), Ranked: true, Columns: columnsOf(columns),
		Where:  append([]string{s.inWords()}, filterInWords(s.without())...),
		Alarms: s.gaps(), Counts: countsOf(counts), More: "memsweep diff --format csv",
	}
	for _, k := range life.Kinds() {
		title, note := titleOf(k)
		if !slices.Contains(s.Show, k) {
			continue
		}
		sheet.Parts = append(sheet.Parts, report.Part{Title: title, Note: note, Rows: rows(lines(s.those(k), differenceLine), line.worst, columns)})
	}
	sheet.Members = []report.Member{
		{Name: "document", Value: "difference"},
		{Name: "from", Value: s.From},
		{Name: "to", Value: s.To},
		{Name: "sweeps", Value: s.Sweeps},
		{Name: "gaps", Value: append([]string{}, s.gaps()...)},
		{Name: "counts", Value: counts},
		{Name: "differences", List: values(concat(all(life.Kinds(), s.those)...))},
	}
	return sheet
}

func all[S, T any](list []S, f func(S) T) (made []T) {
	for _, v := range list {
		made = append(made, f(v))
	}
	return made
}

// those are the differences of one kind.
func (s Span) those(k life.Kind) iter.Seq2[history.Difference, error] {
	return func(yield func(history.Difference, error) bool) {
		for _, d := range s.Differences {
			if d.Kind == k && !yield(d, nil) {
				return
			}
		}
	}
}

// without is the filter but for the vantage, which is said already.
func (s Span) without() history.Filter {
	f := s.Of
	f.Vantage = ""
	return f
}

func (s Span) inWords() string {
	text := fmt.Sprintf("Seen from %s (%s): %s to %s", s.To.Vantage.Name, s.To.Vantage.Trust, Clock(s.From.Started), Clock(s.To.Started))
	if s.Sweeps > 2 {
		text += ", " + count(s.Sweeps, "sweep")
	}
	return text + "."
}

// gaps say why the difference is not the whole truth.
func (s Span) gaps() (list []string) {
	for _, end := range []struct {
		sweep history.Sweep
		means string
	}{{s.From, "what it did not see may have been open already, and is shown as new"}, {s.To, "what it did not see may be open still, and nothing is fixed by it"}} {
		if end.sweep.Status != exposure.Complete {
			list = append(list, fmt.Sprintf("The sweep of %s is %s: %s.", Clock(end.sweep.Started), end.sweep.Status, end.means))
		}
	}
	return list
}
