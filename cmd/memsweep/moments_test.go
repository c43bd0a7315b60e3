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
