package schedule

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/memsweep/memsweep/internal/handwritten"
)

// when reads when a job is due, and when it may not run.
func (c *configFile) when(j *Job, key, value *yaml.Node) bool {
	switch key.Value {
	case "every":
		j.When.Every = c.duration(key, value, time.Second, 366*24*time.Hour, "24h")
	case "at":
		for _, item := range c.items(key, value, `"03:10"`) {
			at, err := parseClock(item.Value)
			if err != nil || at >= 24*time.Hour {
				c.Refuse(item, "at %s: write the time of the day from 00:00 to 23:59, in quotes, as \"03:10\"", handwritten.Quote(item.Value))
				continue
			}
			if slices.Contains(j.When.At, at) {
				c.Refuse(item, "at %s stands twice: write it once", handwritten.Quote(item.Value))
				continue
			}
			j.When.At = append(j.When.At, at)
		}
		slices.Sort(j.When.At)
	case "cron":
		text, ok := c.scalar(key, value, `"10 3 * * 1-5"`)
		if !ok {
			return true
		}
		line, err := parseCron(text)
		if err != nil {
			c.Refuse(key, "cron %s: %v: write minute, hour, day of the month, month and day of the week, as \"10 3 * * 1-5\"", handwritten.Quote(text), err)
		}
		j.When.Cron, j.When.CronText = line, text
	case "zone":
		j.When.Zone = c.location(key, value)
	case "jitter":
		j.When.Jitter = c.duration(key, value, 0, 24*time.Hour, "10m")
	case "blackout":
		c.blackout(j, key, value)
	default:
		return false
	}
	return true
}

// finishWhen demands exactly one of every, at and cron, and that it is ever due.
func (c *configFile) finishWhen(key *yaml.Node, j *Job) {
	n := 0
	for _, k := range []string{"every", "at", "cron"} {
		if j.nodes[k] != nil {
			n++
		}
	}
	switch {
	case n == 0:
		c.Refuse(key, "job %s: it is never due: write one of `every: 24h`, `at: \"03:10\"` and `cron: \"10 3 * * 1-5\"`", j.Name)
		return
	case n > 1:
		c.Refuse(key, "job %s: more than one of every, at and cron: write one", j.Name)
		return
	}
	if j.When.Every > 0 && j.When.Jitter > j.When.Every {
		c.Refuse(j.nodes["jitter"], "job %s: jitter is longer than every: write at most %s", j.Name, brief(j.When.Every))
		return
	}
	j.When.spread(c.config.Instance, j.Name)
	if j.When.set() && j.When.Next(c.reading.Now).IsZero() {
		c.Refuse(key, "job %s: it is never due in the coming years: look at its days, and at its blackout windows", j.Name)
	}
}

var clockForm = regexp.MustCompile(`^([01][0-9]|2[0-4]):([0-5][0-9])(:[0-5][0-9])?$`)

// parseClock reads a time of the day, up to 24:00.
func parseClock(text string) (time.Duration, error) {
	text = strings.TrimSpace(text)
	if !clockForm.MatchString(text) {
		return 0, errNotAClock
	}
	if text == "24:00" || text == "24:00:00" {
		return 24 * time.Hour, nil
	}
	layout := "15:04"
	if len(text) > len(layout) {
		layout = time.TimeOnly
	}
	t, err := time.Parse(layout, text)
	if err != nil {
		return 0, err
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second, nil
}

var windowKeys = []string{"time", "days", "dates"}

// blackout reads a list of windows: "08:00-10:00", or {time, days, dates}.
func (c *configFile) blackout(j *Job, key, value *yaml.Node) {
	list := value.Content
	if value.Kind != yaml.SequenceNode {
		list = []*yaml.Node{value}
	}
	for _, item := range list {
		if w, ok := c.window(item); ok {
			j.When.Blackout = append(j.When.Blackout, w)
		}
	}
}

func (c *configFile) window(item *yaml.Node) (w Window, ok bool) {
	w.To = 24 * time.Hour
	switch {
	case item.Kind == yaml.ScalarNode && !handwritten.IsNull(item):
		ok = c.windowTime(&w, item)
		return w, ok
	case item.Kind != yaml.MappingNode || len(item.Content) == 0:
		c.Refuse(item, "blackout: write a window as \"08:00-10:00\", or as {time: \"08:00-10:00\", days: mon-fri}")
		return w, false
	}
	ok = true
	c.Mapping(item, func(key, value *yaml.Node) {
		good := true
		switch key.Value {
		case "time":
			good = c.windowTime(&w, value)
		case "days":
			w.Days = c.days(key, value)
			good = w.Days != [7]bool{}
		case "dates":
			w.Dates = c.dates(key, value)
			good = len(w.Dates) > 0
		default:
			c.unknown(key, windowKeys)
			good = false
		}
		ok = ok && good
	})
	return w, ok
}

func (c *configFile) windowTime(w *Window, value *yaml.Node) bool {
	from, to, ok := strings.Cut(value.Value, "-")
	begin, err := parseClock(from)
	end, errEnd := parseClock(to)
	if !ok || err != nil || errEnd != nil || begin == end || begin == 24*time.Hour {
		c.Refuse(value, "blackout %s: write a window as \"08:00-10:00\", or \"22:00-06:00\", which ends the next day", handwritten.Quote(value.Value))
		return false
	}
	w.From, w.To = begin, end
	return true
}

var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// days reads days of the week: mon, or mon-fri.
func (c *configFile) days(key, value *yaml.Node) (days [7]bool) {
	for _, item := range c.items(key, value, "mon-fri") {
		from, to, ok := strings.Cut(strings.ToLower(item.Value), "-")
		if !ok {
			to = from
		}
		first, last := slices.Index(dayNames, from), slices.Index(dayNames, to)
		if first < 0 || last < 0 {
			c.Refuse(item, "days %s: write mon, tue, wed, thu, fri, sat, sun, or a range as mon-fri", handwritten.Quote(item.Value))
			continue
		}
		for d := first; ; d = (d + 1) % 7 {
			days[d] = true
			if d == last {
				break
			}
		}
	}
	return days
}

// dates reads days of the calendar: 2026-12-24, or 2026-12-24..2027-01-06.
func (c *configFile) dates(key, value *yaml.Node) (list []Dates) {
	for _, item := range c.items(key, value, `"2026-12-24..2027-01-06"`) {
		from, to, ok := strings.Cut(item.Value, "..")
		if !ok {
			to = from
		}
		first, err := time.Parse(time.DateOnly, strings.TrimSpace(from))
		last, errLast := time.Parse(time.DateOnly, strings.TrimSpace(to))
		if err != nil || errLast != nil || last.Before(first) {
			c.Refuse(item, "dates %s: write a day as 2026-12-24, or a range as 2026-12-24..2027-01-06", handwritten.Quote(item.Value))
			continue
		}
		list = append(list, Dates{First: first, Last: last})
	}
	return list
}
