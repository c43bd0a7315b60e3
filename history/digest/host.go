package digest

import (
	"fmt"
	"iter"
	"strings"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/history/life"
	"github.com/memsweep/memsweep/report"
)

// Host tells one address's whole life: its exposures, what changed, and what
// proves and closes each.
func Host(h history.Host) report.Sheet {
	columns := exposureColumns()
	columns = append(columns[:len(columns)-1], column[history.Exposure]{}, columns[len(columns)-1])
	lives := make([]history.Exposure, len(h.Exposures))
	spans := map[int64]string{}
	for i, l := range h.Exposures {
		lives[i], spans[l.ID] = l.Exposure, spansInWords(l.Intervals)
	}
	columns[len(columns)-2] = column[history.Exposure]{"Was open (UTC)", "intervals", func(e history.Exposure) string { return spans[e.ID] }}
	s := report.Sheet{
		About: "host", Headline: hostHeadline(h), Ranked: true, Columns: columnsOf(columns),
		More: "memsweep history show " + h.IP.String() + " --format json",
		Parts: []report.Part{
			{Title: "Exposures", Rows: rows(listed(lives), func(e history.Exposure) exposure.Severity { return e.Severity }, columns)},
			{Title: "Changes", Note: "The newest first.", Rows: rows(lines(listed(h.Changes), changeLine), line.worst, hostChangeColumns()), Columns: columnsOf(hostChangeColumns())},
		},
		Members: []report.Member{{Name: "document", Value: "host"}, {Name: "host", Value: h}},
	}
	if len(h.Names) > 0 {
		s.Where = []string{"Known as " + strings.Join(h.Names, ", ") + "."}
	}
	s.Findings = proofs(h)
	return s
}

func listed[T any](list []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, v := range list {
			if !yield(v, nil) {
				return
			}
		}
	}
}

// proofs are the findings behind what is open, or was at last, each once: one
// finding stands for several endpoints of its host.
func proofs(h history.Host) (list []report.Shown) {
	told := map[string]bool{}
	for _, l := range h.Exposures {
		if l.Finding == nil || told[l.Evidence+" "+l.Finding.ID] {
			continue
		}
		told[l.Evidence+" "+l.Finding.ID] = true
		from := fmt.Sprintf("%s (%s)", l.Vantage.Name, l.Vantage.Trust)
		if l.Evidence != "" {
			from += ", sweep " + l.Evidence
		}
		list = append(list, report.Shown{From: from, Finding: *l.Finding})
	}
	return list
}

func hostHeadline(h history.Host) string {
	open := 0
	for _, l := range h.Exposures {
		if l.Open {
			open++
		}
	}
	if open == 0 {
		return fmt.Sprintf("%s: nothing is open; %s.", h.IP, count(len(h.Exposures), "fixed exposure"))
	}
	return fmt.Sprintf("%s: %s.", h.IP, count(open, "open exposure"))
}

func spansInWords(list []life.Interval) string {
	var words []string
	for _, i := range list {
		until := "now"
		if i.Fixed != nil {
			until = minute(*i.Fixed)
		}
		words = append(words, minute(i.Opened)+" – "+until)
	}
	return strings.Join(words, "; ")
}

func hostChangeColumns() []column[line] {
	return []column[line]{
		{"When (UTC)", "", func(l line) string { return minute(*l.at) }},
		{"Endpoint", "", func(l line) string { return Place(l.exposure.Endpoint) }},
		{"Vantage", "", func(l line) string { return l.exposure.Vantage.Name }},
		{"Kind", "", func(l line) string { return string(l.kind) }},
		{"What", "", line.inWords},
	}
}
