// Package life folds what sweeps say of one endpoint, seen from one vantage, into
// its life: since when it is exposed, what changed, and when it was fixed. It is
// pure: no I/O, no clock, and the same facts in the same order give the same life.
package life

import (
	"time"

	"github.com/memsweep/memsweep/exposure"
)

// Kind says what became of an exposure, in a word.
type Kind string

// The kinds. The first five are events: a sweep showed them. All but Changed are
// what a difference between two points in time comes to.
const (
	New     Kind = "new"     // it answers, and did not before (Again: it had been fixed)
	Fixed   Kind = "fixed"   // it was definitively asked again, and does not answer any more
	Worse   Kind = "worse"   // of a higher severity, or easier to abuse
	Better  Kind = "better"  // the reverse
	Changed Kind = "changed" // in something that makes it neither: its version, say

	Still        Kind = "still"         // open then and now
	NotRescanned Kind = "not-rescanned" // open as far as is known; nobody asked again, or not definitively
)

// Detail is what can be seen of an endpoint besides its numbers.
type Detail struct {
	State    exposure.State    `json:"state"`
	Verdict  exposure.Verdict  `json:"verdict"`
	Severity exposure.Severity `json:"severity"` // of this endpoint, from this vantage, under the policy of its report
	Auth     exposure.Auth     `json:"auth"`
	TLS      bool              `json:"tls"`
	Service  string            `json:"service,omitempty"`
	Product  string            `json:"product,omitempty"`
	Version  *string           `json:"version"` // the server's own words, untrusted; nil: none
	// Partial: it answered, and did not say all that it was asked: its statistics.
	Partial   bool   `json:"partial,omitempty"`
	Justified bool   `json:"justified"`
	Owner     string `json:"owner,omitempty"` // who answers for it in the policy
}

// Seen is a Detail with its numbers.
type Seen struct {
	Detail
	BAF *float64 `json:"baf"` // exposure.Amplification; nil: not measured
}

// Interval is a stretch of time in which an exposure was open.
type Interval struct {
	Opened time.Time  `json:"opened"` // the start of the sweep that first saw it
	Fixed  *time.Time `json:"fixed"`  // the start of the sweep that showed it fixed; nil: it is open
}
