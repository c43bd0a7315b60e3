package report

import (
	"fmt"
	"slices"

	"github.com/memsweep/memsweep/exposure"
)

// chart is a table whose rows have a bar each: what it shows is in its words
// and numbers, for readers who do not see the bars.
type chart struct {
	Title, Unit, Note string
	Bars              []bar
}

type bar struct {
	Label, Class, Value string
	Anchor              string  // where Label leads to; "" for nowhere
	Percent             float64 // of the longest bar
}

// slice is a part of the one bar that shows what became of the endpoints.
type slice struct {
	Label, Class string
	Count        uint64
	Start, Width float64 // percent
}

// maxReflectorBars is how many hosts the amplification chart shows.
const maxReflectorBars = 10

// charts are those that have something to show; the page shows as many
// findings as shown says.
func charts(d *docket, shown int) []chart {
	var list []chart
	if len(d.list) > 0 {
		list = append(list, severityChart(d.found))
	}
	if c := amplificationChart(d, shown); len(c.Bars) > 0 {
		list = append(list, c)
	}
	return list
}

func severityChart(found severityCount) chart {
	c := chart{Title: "Findings by severity", Unit: "findings"}
	var most uint64
	for _, n := range found {
		most = max(most, n)
	}
	names := all(exposure.Severities(), func(s exposure.Severity) string { return string(s) })
	for _, name := range found.names() {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, name := range names {
		n := found[name]
		c.Bars = append(c.Bars, bar{
			Label: say(name), Class: severityClass(name), Value: fmt.Sprint(n), Percent: percent(float64(n), float64(most)),
		})
	}
	return c
}

// amplificationChart shows the hosts that amplify most, as it was measured.
func amplificationChart(d *docket, shown int) chart {
	c := chart{Title: "UDP amplification, as measured", Unit: "BAF"}
	var places []int
	for place, h := range d.list {
		if h.baf > 0 {
			places = append(places, place)
		}
	}
	if len(places) == 0 {
		return c
	}
	slices.SortStableFunc(places, func(a, b int) int {
		switch x, y := d.list[a].baf, d.list[b].baf; {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	worst := d.list[places[0]].baf
	for _, place := range places[:min(maxReflectorBars, len(places))] {
		h := d.list[place]
		value := times(h.baf)
		if !h.complete {
			value = "≥" + value
		}
		b := bar{Label: say(h.ip.String()), Class: "udp", Value: value, Percent: percent(h.baf, worst)}
		if place < shown {
			b.Anchor = anchor(h.id, place)
		}
		c.Bars = append(c.Bars, b)
	}
	c.Note = fmt.Sprintf("At %s, 1 Mbit/s of forged requests becomes %s Mbit/s at a victim (UDP payload).", times(worst), decimal(worst))
	if left := len(places) - len(c.Bars); left > 0 {
		c.Note += fmt.Sprintf(" %s amplify less; the median of all is %s.", plural(uint64(left), "further host"), times(d.list[places[len(places)/2]].baf))
	}
	return c
}

func slicesOf(o exposure.Outcomes) []slice {
	parts := []slice{
		{Label: "answered", Class: "answered", Count: o.Answered},
		{Label: "closed", Class: "closed", Count: o.Closed},
		{Label: "silent", Class: "silent", Count: o.Silent},
		{Label: "not scanned", Class: "unasked", Count: o.NotScanned},
		{Label: "local error, so not scanned", Class: "unasked", Count: o.LocalError},
	}
	sum, start := float64(o.Sum()), 0.0
	var list []slice
	for _, p := range parts {
		if p.Count == 0 {
			continue
		}
		p.Start, p.Width = start, percent(float64(p.Count), sum)
		start += p.Width
		list = append(list, p)
	}
	return list
}

func percent(part, whole float64) float64 {
	if whole <= 0 {
		return 0
	}
	return 100 * part / whole
}
