package digest

import (
	"iter"
	"strconv"
	"strings"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/report"
)

// Sweeps lists sweeps, the newest first.
func Sweeps(o history.Overview, list iter.Seq2[history.Sweep, error]) report.Sheet {
	columns := sweepColumns()
	return report.Sheet{
		About: "sweeps", Headline: sweepsHeadline(o), Columns: columnsOf(columns),
		Alarms: unfinished("", o), More: "memsweep history sweeps --format csv",
		Parts: []report.Part{{Rows: rows(list, func(history.Sweep) exposure.Severity { return "" }, columns)}},
		Members: []report.Member{
			{Name: "document", Value: "sweeps"},
			{Name: "sweeps", List: values(list)},
		},
	}
}

func sweepsHeadline(o history.Overview) string {
	if len(o.Vantages) == 0 {
		return "There is no sweep in the history."
	}
	return "Sweeps from " + count(len(o.Vantages), "vantage") + "."
}

func sweepColumns() []column[history.Sweep] {
	number := func(get func(history.Sweep) uint64) func(history.Sweep) string {
		return func(s history.Sweep) string { return strconv.FormatUint(get(s), 10) }
	}
	return []column[history.Sweep]{
		{"Sweep", "scan", func(s history.Sweep) string { return s.Scan }},
		{"Vantage", "vantage", func(s history.Sweep) string { return s.Vantage.Name }},
		{"", "trust", func(s history.Sweep) string { return string(s.Vantage.Trust) }},
		{"Job", "job", func(s history.Sweep) string { return s.Job }},
		{"Started (UTC)", "", func(s history.Sweep) string { return minute(s.Started) }},
		{"", "started", func(s history.Sweep) string { return stamp(s.Started) }},
		{"", "finished", func(s history.Sweep) string { return stampOrNone(s.Finished) }},
		{"Status", "status", func(s history.Sweep) string { return string(s.Status) }},
		{"", "engine", func(s history.Sweep) string { return s.Engine }},
		{"", "plan", func(s history.Sweep) string { return s.Plan }},
		{"Planned", "planned", number(func(s history.Sweep) uint64 { return s.Planned })},
		{"Answered", "answered", number(func(s history.Sweep) uint64 { return s.Outcomes.Answered })},
		{"", "closed", number(func(s history.Sweep) uint64 { return s.Outcomes.Closed })},
		{"", "silent", number(func(s history.Sweep) uint64 { return s.Outcomes.Silent })},
		{"", "local_error", number(func(s history.Sweep) uint64 { return s.Outcomes.LocalError })},
		{"Not scanned", "not_scanned", number(func(s history.Sweep) uint64 { return s.Outcomes.NotScanned })},
		{"", "rate_asked", func(s history.Sweep) string { return strconv.FormatFloat(s.RateAsked, 'f', -1, 64) }},
		{"", "rate_achieved", func(s history.Sweep) string {
			if s.RateAchieved == nil {
				return ""
			}
			return strconv.FormatFloat(*s.RateAchieved, 'f', -1, 64)
		}},
		{"Problems", "problems", func(s history.Sweep) string { return strings.Join(s.Problems, "; ") }},
		{"", "imported", func(s history.Sweep) string { return stamp(s.Imported) }},
	}
}
