package schedule

import (
	"strings"
	"time"
)

// Window is a part of local days in which nothing is swept. One whose end is not
// after its beginning ends the next day; Days and Dates are those on which it
// begins.
type Window struct {
	From, To time.Duration // of the day
	Days     [7]bool       // from Sunday; none: all
	Dates    []Dates       // none: all
}

// Dates are days of the calendar, the last included, as midnights in UTC.
type Dates struct{ First, Last time.Time }

// begins reports whether the window begins on a day.
func (w Window) begins(day time.Time) bool {
	if w.Days != [7]bool{} && !w.Days[day.Weekday()] {
		return false
	}
	for _, d := range w.Dates {
		if !day.Before(d.First) && !day.After(d.Last) {
			return true
		}
	}
	return len(w.Dates) == 0
}

// on are the moments at which the window of a day begins and ends: whatever the clock
// shows inside it, also the second time, lies between them.
func (w Window) on(day time.Time, zone *time.Location) (start, end time.Time) {
	to := w.To
	if to <= w.From {
		to += 24 * time.Hour
	}
	start, _ = shown(day.Add(w.From), zone)
	_, end = shown(day.Add(to), zone)
	return start, end
}

// maxWindows bounds how many windows in a row are followed: ten years of days.
const maxWindows = 4000

// containing is the widest stretch of one window around t.
func (w When) containing(t time.Time) (start, end time.Time, ok bool) {
	if len(w.Blackout) == 0 {
		return start, end, false
	}
	today := wall(t, w.Zone).Truncate(24 * time.Hour)
	for _, b := range w.Blackout {
		for d := -2; d <= 1; d++ {
			day := today.AddDate(0, 0, d)
			if !b.begins(day) {
				continue
			}
			from, to := b.on(day, w.Zone)
			if t.Before(from) || !t.Before(to) {
				continue
			}
			if !ok || from.Before(start) {
				start = from
			}
			if !ok || to.After(end) {
				end = to
			}
			ok = true
		}
	}
	return start, end, ok
}

// Until is t, or the end of the blackout that t is in; false: it does not end.
func (w When) Until(t time.Time) (time.Time, bool) {
	for range maxWindows {
		_, end, in := w.containing(t)
		if !in {
			return t, true
		}
		t = end
	}
	return t, false
}

// before is the last moment whose Until is not after t: t itself, or just before
// the blackout that t is in.
func (w When) before(t time.Time) (time.Time, bool) {
	for range maxWindows {
		start, _, in := w.containing(t)
		if !in {
			return t, true
		}
		t = start.Add(-1)
	}
	return t, false
}

// Longest is the longest time between two of the coming due times: over the weekend
// for working days, an hour more in autumn.
func (w When) Longest(now time.Time) (longest time.Duration) {
	const looked = 64 // runs: more than a weekly job's year
	due := w.Next(now)
	for range looked {
		next := w.Next(due)
		if due.IsZero() || next.IsZero() {
			break
		}
		longest, due = max(longest, next.Sub(due)), next
	}
	return longest
}

// String writes a window as it is written in the file, more or less.
func (w Window) String() string {
	text := clockText(w.From) + "-" + clockText(w.To)
	var days []string
	for d, name := range dayNames {
		if w.Days[d] {
			days = append(days, name)
		}
	}
	if len(days) > 0 {
		text += " " + strings.Join(days, " ")
	}
	for _, d := range w.Dates {
		text += " " + d.First.Format(time.DateOnly)
		if !d.Last.Equal(d.First) {
			text += ".." + d.Last.Format(time.DateOnly)
		}
	}
	return text
}
