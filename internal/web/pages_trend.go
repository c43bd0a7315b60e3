package web

import (
	"fmt"
	"maps"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
)

// trendPage is how many exposures were open over time.
type trendPage struct {
	frame
	Form   filterForm
	Chart  *trendChart // nil: there is nothing to draw
	Rows   []trendLine // the same in numbers, the newest first: where one changed, and both ends
	Words  string
	Names  []badge
	Export []entry
}

type trendLine struct {
	At     moment
	Counts []int // by severity, worst first
	Sum    int
}

// trendChart is a picture of layers, the worst at the bottom, in units of its
// own. A count holds until the next sweep says another, so its lines are steps.
type trendChart struct {
	Width, Height            float64
	Left, Right, Top, Bottom float64 // of the plane in it
	Description              string
	Layers                   []layer
	Ys, Xs                   []tick
}

// layer is one severity.
type layer struct {
	badge
	Path  string // of its area
	Count int    // now
}

type tick struct {
	At   float64
	Text string
}

// trendPoints is how many steps the picture has, at most.
const trendPoints = 120

func (p *pages) trend(r *http.Request, pulse history.Pulse) (string, any, error) {
	q := &parameters{values: r.URL.Query()}
	vantage, since, until := q.one(paramVantage), q.moment(paramSince, p.now()), q.moment(paramUntil, p.now())
	if q.wrong != nil {
		return "", nil, q.wrong
	}
	points, err := p.store.Trend(r.Context(), vantage, since, until, trendPoints)
	if err != nil {
		return "", nil, err
	}
	known, err := p.knowledge(r.Context(), pulse)
	if err != nil {
		return "", nil, err
	}
	page := trendPage{
		frame: p.frame(r, pulse, "/trend", "Trend"), Form: newFilterForm(r, vantagesOf(known.Overview), nil, paramSince, paramUntil, paramVantage), Export: newPager(r, "").Exports,
	}
	page.Form.Ranges = false
	for _, s := range exposure.Severities() {
		page.Names = append(page.Names, newBadge(s))
	}
	for i := len(points) - 1; i >= 0; i-- {
		if i > 0 && i < len(points)-1 && maps.Equal(points[i].Open, points[i-1].Open) {
			continue // the table says when a number changed
		}
		page.Rows = append(page.Rows, p.newTrendLine(points[i]))
	}
	if len(points) > 0 {
		page.Chart, page.Words = p.draw(points), trendWords(page.Rows)
	}
	return "trend", page, nil
}

func (p *pages) newTrendLine(point history.Point) trendLine {
	line := trendLine{At: p.moment(point.At)}
	for _, s := range exposure.Severities() {
		line.Counts = append(line.Counts, point.Open[s])
		line.Sum += point.Open[s]
	}
	return line
}

// trendWords are what the picture says, in a sentence.
func trendWords(rows []trendLine) string {
	last, first := rows[0], rows[len(rows)-1]
	text := fmt.Sprintf("%s open on %s", thousands(last.Sum), last.At.Text)
	if len(rows) == 1 {
		return text + "."
	}
	before := "on " + first.At.Text
	if first.At.Text == last.At.Text {
		before = "a moment before"
	}
	switch difference := last.Sum - first.Sum; {
	case difference > 0:
		text += fmt.Sprintf(": %s more than %s", thousands(difference), before)
	case difference < 0:
		text += fmt.Sprintf(": %s fewer than %s", thousands(-difference), before)
	default:
		text += ": as many as " + before
	}
	return text + "."
}

// draw lays the points on a plane of 960 by 360.
func (p *pages) draw(points []history.Point) *trendChart {
	c := &trendChart{Width: 960, Height: 360, Left: 56, Right: 944, Top: 14, Bottom: 320}
	most := 0
	for _, point := range points {
		most = max(most, p.newTrendLine(point).Sum)
	}
	step := niceStep(most)
	top := step * int(math.Ceil(float64(max(most, 1))/float64(step)))
	y := func(n int) float64 { return c.Bottom - (c.Bottom-c.Top)*float64(n)/float64(top) }
	for n := 0; n <= top; n += step {
		c.Ys = append(c.Ys, tick{y(n), thousands(n)})
	}
	from, to := points[0].At, points[len(points)-1].At
	if !to.After(from) {
		from, to = from.Add(-12*time.Hour), to.Add(12*time.Hour)
	}
	const held = 24 // the newest count holds for nobody knows how long, and has room to be seen
	x := func(t time.Time) float64 {
		return c.Left + (c.Right-held-c.Left)*float64(t.Sub(from))/float64(to.Sub(from))
	}
	c.Xs = dates(from, to, x)
	below := make([]int, len(points))
	for _, s := range exposure.Severities() {
		l := layer{badge: newBadge(s), Count: points[len(points)-1].Open[s]}
		above := make([]int, len(points))
		for i, point := range points {
			above[i] = below[i] + max(0, point.Open[s])
		}
		l.Path = area(points, above, below, x, y, c.Right)
		below = above
		c.Layers = append(c.Layers, l)
	}
	c.Description = fmt.Sprintf("Open exposures by severity from %s to %s, stacked, the worst at the bottom; at most %s.",
		p.moment(points[0].At).Text, p.moment(points[len(points)-1].At).Text, thousands(most))
	return c
}

// area is the path around a layer, in steps.
func area(points []history.Point, above, below []int, x func(time.Time) float64, y func(int) float64, right float64) string {
	var b strings.Builder
	for i, point := range points {
		if i == 0 {
			fmt.Fprintf(&b, "M%.1f %.1f", x(point.At), y(above[0]))
		} else {
			fmt.Fprintf(&b, "H%.1fV%.1f", x(point.At), y(above[i]))
		}
	}
	fmt.Fprintf(&b, "H%.1fV%.1f", right, y(below[len(points)-1]))
	for i := len(points) - 1; i >= 0; i-- {
		fmt.Fprintf(&b, "H%.1f", x(points[i].At))
		if i > 0 {
			fmt.Fprintf(&b, "V%.1f", y(below[i-1]))
		}
	}
	return b.String() + "Z"
}

// niceStep is 1, 2 or 5 times a power of ten, so that four to eight of it reach n.
func niceStep(n int) int {
	step := 1
	for _, m := range []int{2, 5} {
		if step*6 < n {
			step = m
		}
	}
	for scale := 10; step*6 < n && scale < 1_000_000_000; scale *= 10 {
		for _, m := range []int{1, 2, 5} {
			if step*6 < n {
				step = m * scale
			}
		}
	}
	return step
}

// dates are some times along the axis.
func dates(from, to time.Time, x func(time.Time) float64) []tick {
	layout := "2 Jan 2006"
	switch span := to.Sub(from); {
	case span < 5*time.Minute:
		layout = "15:04:05"
	case span < 4*24*time.Hour:
		layout = "2 Jan 15:04"
	}
	const n = 5
	var list []tick
	for i := range n {
		t := from.Add(time.Duration(float64(to.Sub(from)) * float64(i) / (n - 1)))
		list = append(list, tick{x(t), t.UTC().Format(layout)})
	}
	return list
}
