package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The longest stretch of time that anybody means.
const maxSpan = 100 * 365 * 24 * time.Hour

// parseSpan reads a duration; besides what Go knows (90m, 24h) there are days and
// weeks, of 24 hours each: 7d, 2w, 1w3d12h.
func parseSpan(text string) (time.Duration, error) {
	wrong := fmt.Errorf("%q is no duration: write 24h, 7d, 2w or 1d12h", text)
	var total time.Duration
	rest := text
	for _, unit := range []struct {
		suffix string
		length time.Duration
	}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}} {
		number, after, found := strings.Cut(rest, unit.suffix)
		if !found {
			continue
		}
		n, err := strconv.ParseUint(number, 10, 32)
		if err != nil || time.Duration(n) > maxSpan/unit.length {
			return 0, wrong
		}
		total, rest = total+time.Duration(n)*unit.length, after
	}
	if rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil || d < 0 {
			return 0, wrong
		}
		total += d
	}
	if total > maxSpan || text == "" {
		return 0, wrong
	}
	return total, nil
}

// parseDate reads a day, which begins at midnight where memsweep runs, or a
// moment with its zone (RFC 3339).
func parseDate(text string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if t, err := parseDay(text, time.Local); err == nil {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("%q is no date: write 2026-11-21, which is midnight in %s, or 2026-11-21T08:00:00Z", text, zone())
}

// parseDay is when a day begins. Where the clock skips midnight, time.Date may
// give a time of the evening before.
func parseDay(text string, place *time.Location) (time.Time, error) {
	t, err := time.ParseInLocation(time.DateOnly, text, place)
	if err != nil || t.Format(time.DateOnly) == text {
		return t, err
	}
	_, begins := t.ZoneBounds()
	return begins, nil
}

// zone names the local time zone.
func zone() string {
	name, offset := time.Now().Zone()
	return fmt.Sprintf("%s (UTC%+03d:%02d)", name, offset/3600, max(offset, -offset)%3600/60)
}
