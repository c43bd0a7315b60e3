package main

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestSpans(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"24h": day, "7d": 7 * day, "2w": 14 * day, "1w3d12h": 10*day + 12*time.Hour, "90m": 90 * time.Minute, "0d": 0, "365d": 365 * day,
	} {
		if got, err := parseSpan(text); err != nil || got != want {
			t.Errorf("%s is %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "-1d", "1.5d", "7", "1d2w", "yesterday", "999999999w", "99999d", "1d-5h", "4294967297d", "1x", "d1"} {
		if got, err := parseSpan(text); err == nil {
			t.Errorf("%q is %s", text, got)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.StringMatching(`[0-9wdhms.\-]{0,12}`).Draw(rt, "text")
		if d, err := parseSpan(text); err == nil && (d < 0 || d > maxSpan) {
			rt.Fatalf("%q is %s", text, d)
		}
	})
}

// TestDaysWithoutMidnight: where the clock skips midnight, east and west of
// Greenwich, a day begins as it goes on, and not on the evening before.
func TestDaysWithoutMidnight(t *testing.T) {
	t.Parallel()
	for zone, tt := range map[string]struct{ day, begins string }{
		"America/Sao_Paulo": {"2018-11-04", "2018-11-04T03:00:00Z"},
		"Africa/Cairo":      {"2026-04-24", "2026-04-23T22:00:00Z"},
		"America/Havana":    {"2026-11-01", "2026-11-01T04:00:00Z"}, // midnight comes twice
		"Europe/Berlin":     {"2026-03-29", "2026-03-28T23:00:00Z"},
	} {
		place, err := time.LoadLocation(zone)
		if err != nil {
			t.Skip(err)
		}
		if at, err := parseDay(tt.day, place); err != nil || at.UTC().Format(time.RFC3339) != tt.begins {
			t.Errorf("%s: %s begins at %s, %v; want %s", zone, tt.day, at.UTC(), err, tt.begins)
		}
	}
}

func TestDates(t *testing.T) {
	t.Parallel()
	midnight, err := parseDate("2026-11-21")
	if err != nil || !midnight.Equal(time.Date(2026, 11, 21, 0, 0, 0, 0, time.Local)) {
		t.Errorf("a day begins at %s, %v", midnight, err)
	}
	if at, err := parseDate("2026-11-21T08:00:00+01:00"); err != nil || !at.Equal(time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC)) {
		t.Errorf("%s, %v", at, err)
	}
	for _, text := range []string{"", "2026-13-01", "21.11.2026", "2026-11-21 08:00"} {
		if at, err := parseDate(text); err == nil {
			t.Errorf("%q is %s", text, at)
		}
	}
}
