package policy

import (
	"fmt"
	"time"

	"github.com/memsweep/memsweep/internal/handwritten"
)

// soon is how many days ahead Review warns.
const soon = 30

// Review says which justifications hold for nothing at a point in time, all of
// them up to ten in one error, and warns of those that will expire soon.
func (p *Policy) Review(now time.Time) (warnings []string, err error) {
	var bad handwritten.Problems
	for _, j := range p.justified {
		if err := j.inForce(now); err != nil {
			bad.Add(err)
			continue
		}
		if left := int(j.expires.Sub(now.UTC().Truncate(24*time.Hour)) / (24 * time.Hour)); left <= soon {
			warnings = append(warnings, fmt.Sprintf("%s: expires after %s, %d days left: ask %s whether it is still needed", j.Source, j.Expires, left, j.Owner))
		}
	}
	return warnings, bad.Err()
}

// Next is the last day of the justification that expires first of those that
// hold at now, and where that stands; "" when there is none.
func (p *Policy) Next(now time.Time) (day, source string) {
	for _, j := range p.justified {
		if j.inForce(now) == nil && (day == "" || j.Expires < day) {
			day, source = j.Expires, j.Source
		}
	}
	return day, source
}
