package digest

import (
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/history/life"
	"github.com/memsweep/memsweep/report"
)

// Exposures lists what a filter picks; o is the state of the whole history, and
// picked how many the filter picks.
func Exposures(f history.Filter, o history.Overview, picked int, list iter.Seq2[history.Exposure, error]) report.Sheet {
	columns := exposureColumns()
	return report.Sheet{
		About:    "exposures",
		Headline: exposuresHeadline(f, picked),
		Where:    filterInWords(f),
		Alarms:   unfinished(f.Vantage, o),
		Ranked:   true,
		Columns:  columnsOf(columns),
		Parts:    []report.Part{{Rows: rows(list, func(e history.Exposure) exposure.Severity { return e.Severity }, columns)}},
		More:     "memsweep history list --format csv",
		Facts:    vantageFacts(f.Vantage, o),
		Members: []report.Member{
			{Name: "document", Value: "exposures"},
			{Name: "state", Value: stateOf(f)},
			{Name: "vantages", Value: vantagesOf(f.Vantage, o)},
			{Name: "count", Value: picked},
			{Name: "exposures", List: values(list)},
		},
	}
}

func exposureColumns() []column[history.Exposure] {
	list := placeColumns()
	list = append(list, when("Since (UTC)", "since", func(e history.Exposure) *time.Time { return &e.Since })...)
	list = append(list, when("", "last_seen", func(e history.Exposure) *time.Time { return &e.LastSeen })...)
	list = append(list,
		column[history.Exposure]{"State (UTC)", "", func(e history.Exposure) string { return standing(e) }},
		column[history.Exposure]{"", "open", func(e history.Exposure) string { return strconv.FormatBool(e.Open) }},
		column[history.Exposure]{"", "first_seen", func(e history.Exposure) string { return stamp(e.FirstSeen) }},
		column[history.Exposure]{"", "last_asked", func(e history.Exposure) string { return stamp(e.LastAsked) }},
		column[history.Exposure]{"", "fixed", func(e history.Exposure) string { return stampOrNone(e.Fixed) }},
		column[history.Exposure]{"", "misses", func(e history.Exposure) string { return strconv.Itoa(e.Misses) }},
	)
	seen := of(func(e history.Exposure) *life.Seen { return &e.Seen }, seenColumns(""))
	list = append(list, seen[1:]...) // the severity stands first already
	return append(list, column[history.Exposure]{"What", "", func(e history.Exposure) string { return sight(e.Seen) }})
}

// standing says when it was fixed, or what was last known while it is open.
func standing(e history.Exposure) string {
	switch {
	case !e.Open && e.Fixed != nil:
		return "fixed " + minute(*e.Fixed)
	case e.Misses > 0 && e.LastSeen.Before(e.LastAsked):
		return "no answer " + minute(e.LastAsked)
	}
	return "seen " + minute(e.LastSeen)
}

func stateOf(f history.Filter) history.State {
	if f.State == "" {
		return history.OnlyOpen
	}
	return f.State
}

func exposuresHeadline(f history.Filter, picked int) string {
	what := map[history.State]string{history.OnlyOpen: "open exposure", history.OnlyFixed: "fixed exposure", history.Any: "exposure"}[stateOf(f)]
	if picked == 0 {
		return "No " + what + " is known."
	}
	return count(picked, what) + "."
}

// filterInWords says what was left out.
func filterInWords(f history.Filter) (list []string) {
	var words []string
	add := func(name, value string) {
		if value != "" {
			words = append(words, name+" "+value)
		}
	}
	var ranges []string
	for _, p := range f.Ranges {
		ranges = append(ranges, p.String())
	}
	add("in", strings.Join(ranges, ", "))
	add("of severity", string(f.Only))
	if f.AtLeast != "" {
		add("of severity", string(f.AtLeast)+" or worse")
	}
	add("seen from", f.Vantage)
	add("answered for by", f.Owner)
	add("with verdict", string(f.Verdict))
	add("over", string(f.Transport))
	if len(words) == 0 {
		return nil
	}
	return []string{"Only what is " + strings.Join(words, ", ") + "."}
}

func vantagesOf(name string, o history.Overview) []history.VantageState {
	list := []history.VantageState{}
	for _, v := range o.Vantages {
		if name == "" || v.Vantage.Name == name {
			list = append(list, v)
		}
	}
	return list
}

// unfinished warns of vantages whose newest sweep did not finish.
func unfinished(vantage string, o history.Overview) (list []string) {
	for _, v := range vantagesOf(vantage, o) {
		switch {
		case v.Last == nil:
		case v.Complete == nil:
			list = append(list, "No sweep from "+v.Vantage.Name+" is known to be complete.")
		case v.Last.Status != exposure.Complete:
			list = append(list, "The last sweep from "+v.Vantage.Name+" ("+Clock(v.Last.Started)+") is "+string(v.Last.Status)+"; the last complete one is of "+Clock(v.Complete.Started)+".")
		}
	}
	return list
}

// vantageFacts say up to when what each vantage knows is good.
func vantageFacts(vantage string, o history.Overview) (list []report.Fact) {
	for _, v := range vantagesOf(vantage, o) {
		if v.Last == nil && v.Open == 0 {
			continue // nobody sweeps from there any more
		}
		last := "and all its sweeps were pruned"
		if v.Last != nil {
			last = "last sweep " + Clock(v.Last.Started) + ", " + string(v.Last.Status)
		}
		list = append(list, report.Fact{
			Name:  "From " + v.Vantage.Name + " (" + string(v.Vantage.Trust) + ")",
			Value: count(v.Open, "open exposure") + ", " + last,
		})
	}
	return list
}
