// Package matrix holds what several vantages saw of the same hosts against
// each other: one row a host and transport, one column a vantage. It never
// guesses: what a vantage did not ask is not closed.
package matrix

import (
	"net/netip"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

// View is what one vantage saw: a column.
type View struct {
	Source   string // where it was read: the name of a file
	Vantage  exposure.Vantage
	Sweep    string // its ID
	Engine   string
	Started  time.Time
	Finished time.Time // zero: it did not
	Status   exposure.Status
	Problems []string
	Plan     string // digest of what was asked, without who asked; "": not known
	Scope    string // digest of the authorisation; "": none
	// Fate is what became of an endpoint of which there is no finding: Closed,
	// Silent, LocalError or NotScanned; "" when it was not in the plan. Nil:
	// nothing is known of such endpoints.
	Fate     func(netip.Addr, exposure.Transport) exposure.State
	Findings []exposure.Finding
}
