package digest

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/report"
)

// Trend says how many exposures were open over time.
func Trend(vantage string, o history.Overview, points []history.Point) report.Sheet {
	columns := trendColumns()
	list := func(yield func(history.Point, error) bool) {
		for _, p := range points {
			if !yield(p, nil) {
				return
			}
		}
	}
	s := report.Sheet{
		About: "trend", Headline: trendHeadline(points), Columns: columnsOf(columns), Alarms: unfinished(vantage, o),
		Parts: []report.Part{{Rows: rows(list, func(history.Point) exposure.Severity { return "" }, columns)}},
		More:  "memsweep history trend --format csv",
		Facts: sparklines(points),
		Members: []report.Member{
			{Name: "document", Value: "trend"},
			{Name: "vantage", Value: nameOrNil(vantage)},
			{Name: "points", List: values(list)},
		},
	}
	if vantage != "" {
		s.Where = []string{"Seen from " + vantage + "."}
	} else {
		s.Where = []string{"Seen from every vantage, each as its latest sweep left it."}
	}
	return s
}

func nameOrNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func trendColumns() []column[history.Point] {
	list := []column[history.Point]{
		{"When (UTC)", "", func(p history.Point) string { return minute(p.At) }},
		{"", "at", func(p history.Point) string { return stamp(p.At) }},
		{"Open", "open", func(p history.Point) string { return strconv.Itoa(total(p)) }},
	}
	for _, s := range exposure.Severities() {
		title := strings.ToUpper(string(s[:1])) + string(s[1:])
		list = append(list, column[history.Point]{title, string(s), func(p history.Point) string { return strconv.Itoa(p.Open[s]) }})
	}
	return list
}

func total(p history.Point) (n int) {
	for _, k := range p.Open {
		n += k
	}
	return n
}

func trendHeadline(points []history.Point) string {
	if len(points) == 0 {
		return "There is nothing to show: no sweep was imported in that time."
	}
	first, last := total(points[0]), total(points[len(points)-1])
	return fmt.Sprintf("%s at %s; there were %d at %s.", count(last, "open exposure"), Clock(points[len(points)-1].At), first, Clock(points[0].At))
}

// sparklines draw each severity that occurs in a line of its own.
func sparklines(points []history.Point) (list []report.Fact) {
	if len(points) < 2 {
		return nil
	}
	draw := func(name string, of func(history.Point) int) {
		numbers, most := make([]int, len(points)), 0
		for i, p := range points {
			numbers[i] = of(p)
			most = max(most, numbers[i])
		}
		if most > 0 {
			list = append(list, report.Fact{Name: name, Value: Sparkline(numbers) + fmt.Sprintf("  at most %d, now %d", most, numbers[len(numbers)-1])})
		}
	}
	draw("open", total)
	for _, s := range exposure.Severities() {
		draw(string(s), func(p history.Point) int { return p.Open[s] })
	}
	return list
}

// Sparkline draws numbers as bars of eight heights, none for nothing.
func Sparkline(numbers []int) string {
	bars := []rune("▁▂▃▄▅▆▇█")
	most := 0
	for _, n := range numbers {
		most = max(most, n)
	}
	var b strings.Builder
	for _, n := range numbers {
		switch {
		case n <= 0:
			b.WriteRune('·')
		default:
			b.WriteRune(bars[(n*len(bars)-1)/most])
		}
	}
	return b.String()
}
