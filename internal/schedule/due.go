package schedule

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	cron "github.com/netresearch/go-cron"
)

var errNotAClock = errors.New("not a time of the day")

// When says when a job is due. It is pure: the same When has the same due times,
// whoever asks, whenever. Exactly one of Every, At and Cron is set.
type When struct {
	Every time.Duration   // of elapsed time, counted from 1970 in UTC and moved by Phase
	At    []time.Duration // times of each local day, ascending
	Cron  cron.Schedule   // read as if the local clock were UTC
	Zone  *time.Location

	Jitter   time.Duration
	Blackout []Window

	CronText string
	Offset   time.Duration // within Jitter, this scheduler's own: added to each due time
	Phase    time.Duration // within Every, when there is no Jitter
}

func (w When) set() bool { return w.Every > 0 || len(w.At) > 0 || w.Cron != nil }

// parseCron reads a line as crontab(5) does: five fields; where neither the day of
// the month nor that of the week begins with a star, either will do, else both must.
func parseCron(text string) (cron.Schedule, error) {
	if strings.Contains(text, "=") {
		return nil, errors.New("a zone stands under `zone`")
	}
	options := cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow
	if f := strings.Fields(text); len(f) == 5 && !strings.HasPrefix(f[2], "*") && !strings.HasPrefix(f[4], "*") {
		options |= cron.DowOrDom
	}
	p, err := cron.TryNewParser(options)
	if err != nil {
		return nil, err
	}
	return p.WithMaxSearchYears(9).Parse(text)
}

// offset spreads a fleet: a scheduler's own share of the jitter, or of the period
// when no jitter was asked for, from a digest of its name and the job's. The same
// each time, in whole seconds, and evenly distributed over many names.
func offset(instance, job string, w When) (shift time.Duration) {
	sum := sha256.Sum256([]byte(instance + "\x00" + job))
	if seconds := uint64(w.Jitter / time.Second); seconds > 0 {
		shift = time.Duration(binary.BigEndian.Uint64(sum[:])%seconds) * time.Second
	}
	return shift
}

// spread sets what of a due time is this scheduler's own.
func (w *When) spread(instance, job string) {
	w.Offset, w.Phase = offset(instance, job, *w), 0
	if w.Every > 0 && w.Jitter == 0 {
		w.Phase = offset(instance, job, When{Jitter: w.Every})
	}
}

// Next is the first due time after a moment; zero: there is none in the coming
// years. One that would lie in a blackout lies at its end.
//
// A nominal time n is due at Until(Until(n)+Offset), which never decreases with
// n. So the first due time after a moment is that of the first nominal time
// whose due time is later, and that one is found by going back over the windows.
func (w When) Next(after time.Time) time.Time {
	from, ok := w.before(after)
	if !ok {
		return time.Time{}
	}
	if from, ok = w.before(from.Add(-w.Offset)); !ok {
		return time.Time{}
	}
	n := w.nominal(from)
	if n.IsZero() {
		return n
	}
	if n, ok = w.Until(n); !ok {
		return time.Time{}
	}
	n, ok = w.Until(n.Add(w.Offset))
	if !ok {
		return time.Time{}
	}
	return n.UTC()
}

// nominal is the first time after x that the schedule names, before jitter and
// blackouts.
func (w When) nominal(x time.Time) time.Time {
	switch {
	case w.Every > 0:
		since := x.Sub(time.Unix(0, 0)) - w.Phase
		k := since / w.Every
		if since < 0 && since%w.Every != 0 {
			k--
		}
		return time.Unix(0, 0).Add((k+1)*w.Every + w.Phase).UTC()
	case len(w.At) > 0:
		return w.nextAt(x)
	case w.Cron != nil:
		return w.nextCron(x)
	}
	return time.Time{}
}

// nextAt looks through the days around: a clock that is put forward moves times
// of the day past others.
func (w When) nextAt(x time.Time) (next time.Time) {
	day := wall(x, w.Zone).Truncate(24 * time.Hour)
	for d := -2; d <= 3; d++ {
		for _, at := range w.At {
			t := instant(day.AddDate(0, 0, d).Add(at), w.Zone)
			if t.After(x) && (next.IsZero() || t.Before(next)) {
				next = t
			}
		}
	}
	return next
}

// farthest is by how much a clock is put forward or back at most: a whole day, as
// Samoa's was in 2011, and a little.
const farthest = 25 * time.Hour

func (w When) nextCron(x time.Time) (next time.Time) {
	at := wall(x, w.Zone)
	if changes(x, w.Zone) {
		at = at.Add(-farthest)
	}
	var limit time.Time
	for range 20_000 { // more than the minutes of farthest, twice
		at = w.Cron.Next(at)
		if at.IsZero() || !next.IsZero() && at.After(limit) {
			break
		}
		t := instant(at, w.Zone)
		switch {
		case !t.After(x):
		case next.IsZero():
			if next = t; !changes(t, w.Zone) {
				return next
			}
			limit = at.Add(farthest)
		case t.Before(next):
			next = t
		}
	}
	return next
}

// wall is what a clock in the zone shows at t, written as a time in UTC.
func wall(t time.Time, zone *time.Location) time.Time {
	_, offset := t.In(zone).Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// instant is when a clock in the zone shows what wall says, in UTC. One that it
// shows twice is the first of both; one that it skips is counted on from before the
// change: 02:30, when the clock goes from 02:00 to 03:00, is what it calls 03:30.
func instant(wall time.Time, zone *time.Location) time.Time {
	var before time.Time // the candidate of the part of time before
	t := wall.Add(-2 * farthest)
	for range 8 { // parts of time with one offset each
		_, end := t.In(zone).ZoneBounds()
		_, offset := t.In(zone).Zone()
		candidate := wall.Add(-time.Duration(offset) * time.Second)
		start, _ := t.In(zone).ZoneBounds()
		switch {
		case !start.IsZero() && candidate.Before(start):
			if before.IsZero() {
				return candidate
			}
			return before // skipped: between two parts
		case end.IsZero() || candidate.Before(end):
			return candidate
		}
		before, t = candidate, end
	}
	return before
}

// shown are the first and the last moment at which a clock in the zone shows a time:
// two of one that it shows twice. Of one that it skips, both are the change.
func shown(clock time.Time, zone *time.Location) (first, last time.Time) {
	first = instant(clock, zone)
	start, end := first.In(zone).ZoneBounds()
	if !wall(first, zone).Equal(clock) {
		return start.UTC(), start.UTC()
	}
	if !end.IsZero() {
		_, offset := end.In(zone).Zone()
		if second := clock.Add(-time.Duration(offset) * time.Second); !second.Before(end) {
			return first, second
		}
	}
	return first, first
}

// changes reports whether the clock of a zone is changed within a day of t.
func changes(t time.Time, zone *time.Location) bool {
	_, before := t.Add(-farthest).In(zone).Zone()
	_, now := t.In(zone).Zone()
	_, after := t.Add(farthest).In(zone).Zone()
	return before != now || now != after
}

// String says when, as `run --check` prints it.
func (w When) String() string {
	var text string
	switch {
	case w.Every > 0:
		text = "every " + brief(w.Every)
	case len(w.At) > 0:
		var times []string
		for _, at := range w.At {
			times = append(times, clockText(at))
		}
		text = "at " + strings.Join(times, ", ")
	default:
		text = "cron " + w.CronText
	}
	if w.Zone != nil {
		text += " (" + w.Zone.String() + ")"
	}
	if w.Jitter > 0 {
		text += fmt.Sprintf(", jitter %s: %s here", brief(w.Jitter), brief(w.Offset))
	}
	for _, b := range w.Blackout {
		text += ", not " + b.String()
	}
	return text
}

func clockText(d time.Duration) string {
	if d%time.Minute != 0 {
		return fmt.Sprintf("%02d:%02d:%02d", d/time.Hour, d/time.Minute%60, d/time.Second%60)
	}
	return fmt.Sprintf("%02d:%02d", d/time.Hour, d/time.Minute%60)
}
