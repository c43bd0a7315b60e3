package schedule

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func zone(t interface{ Fatal(...any) }, name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// zones whose clocks change by an hour, by half of one, at midnight, by a day, and
// not at all.
var zonesTested = []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Pacific/Apia", "Asia/Kolkata", "UTC"}

// Over years, whatever the zone, a time of the day comes once a local day.
func TestOnceALocalDay(t *testing.T) {
	for _, name := range zonesTested {
		z := zone(t, name)
		for _, text := range []string{"00:00", "00:30", "01:45", "02:00", "02:15", "02:30", "02:59", "03:00", "12:00", "22:59"} {
			at, err := parseClock(text)
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range []When{{At: []time.Duration{at}, Zone: z}, {Cron: mustCron(t, cronOf(at)), Zone: z}} {
				day := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
				due := instant(day.Add(-time.Second), z)
				for range 3 * 365 {
					if due = w.Next(due); due.In(z).Format(time.DateOnly) != day.Format(time.DateOnly) {
						t.Fatalf("%s %s %s: due %s, on the day %s", name, text, w.CronText, due.In(z), day.Format(time.DateOnly))
					}
					day = day.AddDate(0, 0, 1)
				}
			}
		}
	}
}

func cronOf(at time.Duration) string {
	return fmt.Sprintf("%d %d * * *", at/time.Minute%60, at/time.Hour)
}

func mustCron(t interface{ Fatal(...any) }, text string) interface {
	Next(time.Time) time.Time
	Prev(time.Time) time.Time
} {
	line, err := parseCron(text)
	if err != nil {
		t.Fatal(err)
	}
	return line.(interface {
		Next(time.Time) time.Time
		Prev(time.Time) time.Time
	})
}

// The changes of the clock, spelled out.
func TestChangesOfTheClock(t *testing.T) {
	for _, c := range []struct{ zone, at, after, want string }{
		{"Europe/Berlin", "02:30", "2026-03-28T12:00:00Z", "2026-03-29T03:30:00+02:00"}, // skipped
		{"Europe/Berlin", "03:15", "2026-03-28T12:00:00Z", "2026-03-29T03:15:00+02:00"},
		{"Europe/Berlin", "02:30", "2026-10-24T12:00:00Z", "2026-10-25T02:30:00+02:00"}, // shown twice: the first
		{"Europe/Berlin", "02:30", "2026-10-25T00:30:00Z", "2026-10-26T02:30:00+01:00"},
		{"America/New_York", "02:30", "2026-03-07T12:00:00Z", "2026-03-08T03:30:00-04:00"},
		{"America/New_York", "01:30", "2026-10-31T12:00:00Z", "2026-11-01T01:30:00-04:00"},
		{"Australia/Lord_Howe", "02:15", "2026-10-03T00:00:00Z", "2026-10-04T02:45:00+11:00"},
		{"Australia/Lord_Howe", "01:45", "2026-04-04T00:00:00Z", "2026-04-05T01:45:00+11:00"},
		{"America/Sao_Paulo", "00:10", "2018-11-03T12:00:00Z", "2018-11-04T01:10:00-02:00"},
	} {
		at, _ := parseClock(c.at)
		after, err := time.Parse(time.RFC3339, c.after)
		if err != nil {
			t.Fatal(err)
		}
		z := zone(t, c.zone)
		for _, w := range []When{{At: []time.Duration{at}, Zone: z}, {Cron: mustCron(t, cronOf(at)), Zone: z}} {
			if got := w.Next(after).In(z).Format(time.RFC3339); got != c.want {
				t.Errorf("%s %s: %s, want %s", c.zone, w, got, c.want)
			}
		}
	}
}

// `every` is elapsed time: no clock changes it.
func TestEveryIsElapsedTime(t *testing.T) {
	w := When{Every: 24 * time.Hour, Zone: zone(t, "Europe/Berlin")}
	w.spread("host", "job")
	due := w.Next(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	for range 400 {
		next := w.Next(due)
		if next.Sub(due) != 24*time.Hour {
			t.Fatalf("%s after %s", next.Sub(due), due)
		}
		due = next
	}
}

// Where both kinds of days are restricted either will do, as in crontab(5); */2 is no restriction there.
func TestCronDays(t *testing.T) {
	w := When{Cron: mustCron(t, "10 3 13 * 5"), Zone: time.UTC}
	var got []string
	due := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for range 5 {
		due = w.Next(due)
		got = append(got, due.Format("01-02"))
	}
	if want := []string{"11-06", "11-13", "11-20", "11-27", "12-04"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	w.Cron = mustCron(t, "10 3 13 * 1")
	if got := w.Next(time.Date(2026, 11, 12, 0, 0, 0, 0, time.UTC)).Format("01-02"); got != "11-13" {
		t.Errorf("%s", got)
	}
	w.Cron = mustCron(t, "10 3 */2 * 1") // a star in front: both
	if got := w.Next(time.Date(2026, 11, 12, 0, 0, 0, 0, time.UTC)).Format("01-02"); got != "11-23" {
		t.Errorf("%s", got)
	}
	for _, bad := range []string{"", "* * *", "61 * * * *", "@daily", "CRON_TZ=UTC 1 1 * * *", "H H * * *", "1 2 3 4 5 6"} {
		if _, err := parseCron(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func drawWhen(t *rapid.T) When {
	w := When{Zone: zone(t, rapid.SampledFrom(zonesTested).Draw(t, "zone"))}
	switch rapid.IntRange(0, 2).Draw(t, "kind") {
	case 0:
		w.Every = time.Duration(rapid.IntRange(7, 3000).Draw(t, "every")) * time.Minute
	case 1:
		for _, m := range rapid.SliceOfNDistinct(rapid.IntRange(0, 1439), 1, 3, rapid.ID[int]).Draw(t, "at") {
			w.At = append(w.At, time.Duration(m)*time.Minute)
		}
		slices.Sort(w.At)
	default:
		w.CronText = rapid.SampledFrom([]string{"*/10 * * * *", "30 2 * * *", "15,45 1-3 * * *", "0 0 1 * *", "10 3 * * 1-5", "0 12 13 * 5"}).Draw(t, "cron")
		w.Cron = mustCron(t, w.CronText)
	}
	w.Jitter = time.Duration(rapid.IntRange(0, 240).Draw(t, "jitter")) * time.Minute
	for range rapid.IntRange(0, 2).Draw(t, "windows") {
		b := Window{
			From: time.Duration(rapid.IntRange(0, 23).Draw(t, "from")) * time.Hour,
			To:   time.Duration(rapid.IntRange(0, 24).Draw(t, "to")) * time.Hour,
		}
		if b.From == b.To {
			b.To += 30 * time.Minute
		}
		if rapid.Bool().Draw(t, "on days") {
			b.Days[rapid.IntRange(0, 6).Draw(t, "day")] = true
			b.Days[rapid.IntRange(0, 6).Draw(t, "day")] = true
		}
		w.Blackout = append(w.Blackout, b)
	}
	w.spread(rapid.String().Draw(t, "instance"), "job")
	return w
}

// Due times only grow, none lies in a blackout, and going from one to the next
// finds each that all nominal times, one by one, come to: none is left out.
func TestDueTimesProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWhen(t)
		start := time.Date(2026, time.Month(rapid.IntRange(1, 12).Draw(t, "month")), rapid.IntRange(1, 31).Draw(t, "day"), rapid.IntRange(0, 23).Draw(t, "hour"), 0, 0, 0, time.UTC)
		want := map[int64]bool{}
		horizon := start.AddDate(0, 0, 10)
		for n := w.nominal(start.AddDate(0, 0, -9)); !n.IsZero() && n.Before(horizon); n = w.nominal(n) {
			moved, ok := w.Until(n)
			if !ok {
				return // never due
			}
			due, ok := w.Until(moved.Add(w.Offset))
			if ok && due.After(start) && due.Before(horizon) {
				want[due.Unix()] = true
			}
		}
		before, due := start, w.Next(start)
		for ; !due.IsZero() && due.Before(horizon); before, due = due, w.Next(due) {
			if !due.After(before) {
				t.Fatalf("%s: %s is not after %s", w, due, before)
			}
			if _, _, in := w.containing(due); in {
				t.Fatalf("%s: %s is in a blackout", w, due)
			}
			if !want[due.Unix()] {
				t.Fatalf("%s: %s follows from nothing", w, due)
			}
			delete(want, due.Unix())
		}
		if len(want) > 0 {
			t.Fatalf("%s: from %s, left out: %v", w, start, want)
		}
	})
}

// A fleet is spread evenly over the jitter, each time in the same way.
func TestSpreadIsEven(t *testing.T) {
	const fleet, parts = 100_000, 10
	var counts [parts]int
	w := When{Jitter: 10 * time.Minute}
	for i := range fleet {
		shift := offset(fmt.Sprintf("scan%05d.example.net", i), "office", w)
		if shift < 0 || shift >= w.Jitter || shift != offset(fmt.Sprintf("scan%05d.example.net", i), "office", w) {
			t.Fatalf("host %d: %s", i, shift)
		}
		counts[shift*parts/w.Jitter]++
	}
	chi := 0.0
	for _, n := range counts {
		d := float64(n - fleet/parts)
		chi += d * d / (fleet / parts)
	}
	if chi > 27.9 { // nine degrees of freedom, one in a thousand
		t.Errorf("not even: %v, chi square %.1f", counts, chi)
	}
}

// A sweep that is due inside a window runs when it ends.
func TestBlackouts(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	clock := func(text string) time.Duration {
		d, err := parseClock(text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	christmas := Dates{First: time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC), Last: time.Date(2026, 12, 26, 0, 0, 0, 0, time.UTC)}
	for name, c := range map[string]struct {
		when        When
		after, want string
	}{
		"daily":          {When{At: []time.Duration{clock("09:00")}, Blackout: []Window{{From: clock("08:00"), To: clock("10:00")}}}, "2026-11-20T12:00:00Z", "2026-11-21T10:00:00+01:00"},
		"over night":     {When{At: []time.Duration{clock("03:10")}, Blackout: []Window{{From: clock("22:00"), To: clock("06:00")}}}, "2026-11-20T12:00:00Z", "2026-11-21T06:00:00+01:00"},
		"on its day":     {When{At: []time.Duration{clock("03:10")}, Blackout: []Window{{From: clock("22:00"), To: clock("06:00"), Days: [7]bool{5: true}}}}, "2026-11-21T12:00:00Z", "2026-11-22T03:10:00+01:00"},
		"days in a row":  {When{At: []time.Duration{clock("03:10")}, Blackout: []Window{{To: clock("24:00"), Dates: []Dates{christmas}}}}, "2026-12-23T12:00:00Z", "2026-12-27T00:00:00+01:00"},
		"the end is out": {When{At: []time.Duration{clock("10:00")}, Blackout: []Window{{From: clock("08:00"), To: clock("10:00")}}}, "2026-11-20T12:00:00Z", "2026-11-21T10:00:00+01:00"},
		"its long day":   {When{At: []time.Duration{clock("02:30")}, Blackout: []Window{{From: clock("02:00"), To: clock("03:00")}}}, "2026-10-24T12:00:00Z", "2026-10-25T03:00:00+01:00"},
	} {
		c.when.Zone = berlin
		after, err := time.Parse(time.RFC3339, c.after)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.when.Next(after).In(berlin).Format(time.RFC3339); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	always := When{At: []time.Duration{0}, Zone: berlin, Blackout: []Window{{To: 24 * time.Hour}}}
	if due := always.Next(time.Now()); !due.IsZero() {
		t.Errorf("due at %s, in a blackout that does not end", due)
	}
}

// Whatever the clock shows when it is changed, what it shows inside a window is in
// it, also the second time.
func TestBlackoutsWhenTheClockChanges(t *testing.T) {
	for _, c := range []struct {
		zone string
		day  time.Time // of the change back, or forward
	}{
		{"Europe/Berlin", time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC)}, {"Europe/Berlin", time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC)},
		{"America/New_York", time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}, {"Australia/Lord_Howe", time.Date(2026, 4, 4, 0, 0, 0, 0, time.UTC)},
		{"America/Sao_Paulo", time.Date(2018, 2, 17, 0, 0, 0, 0, time.UTC)}, {"America/Sao_Paulo", time.Date(2018, 11, 4, 0, 0, 0, 0, time.UTC)},
	} {
		z := zone(t, c.zone)
		for from := -2 * time.Hour; from < 5*time.Hour; from += 30 * time.Minute { // about midnight and after
			for _, long := range []time.Duration{15 * time.Minute, time.Hour, 150 * time.Minute} {
				b := Window{From: (from + 24*time.Hour) % (24 * time.Hour), To: (from + 24*time.Hour + long) % (24 * time.Hour)}
				w := When{At: []time.Duration{0}, Zone: z, Blackout: []Window{b}}
				for at := instant(c.day.Add(-3*time.Hour), z); wall(at, z).Before(c.day.Add(30 * time.Hour)); at = at.Add(15 * time.Minute) {
					clock := wall(at, z).Sub(wall(at, z).Truncate(24 * time.Hour))
					inside := clock >= b.From && clock < b.To
					if b.To <= b.From {
						inside = clock >= b.From || clock < b.To
					}
					if _, _, in := w.containing(at); inside && !in {
						t.Fatalf("%s: %s is not in %s", c.zone, at.In(z), b)
					}
				}
			}
		}
	}
}
