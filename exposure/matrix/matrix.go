// Package matrix holds what several vantages saw of the same hosts against
// each other: one row a host, transport and port, one column a vantage. It
// never guesses: what a vantage did not ask is not closed. It is pure: no I/O,
// no clock, and the same views give the same matrix.
package matrix

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

// View is what one vantage saw: what a column is made of.
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
	// Outcomes counts what became of everything that was asked; nil: not known.
	Outcomes *exposure.Outcomes
	// RefusedBy counts refusals by who sent them, where that was not the address
	// asked. The socket engine learns that of some alone.
	RefusedBy map[netip.Addr]uint64
	// Contradicts: what the report says of its own numbers is missing or does
	// not agree; Problems say how.
	Contradicts bool
	Policy      *Policy // that the findings were held against; nil: none
	// Fate is what became of an endpoint of which there is no finding: Closed,
	// Silent, LocalError, NotScanned, or one of the states of this package. Nil:
	// nothing is known of such endpoints.
	Fate     func(netip.AddrPort, exposure.Transport) exposure.State
	Findings []exposure.Finding
}

// States of a cell besides those of an endpoint.
const (
	NotInPlan exposure.State = "not_in_plan" // nobody meant to ask
	NoAnswer  exposure.State = "no_answer"   // asked; the report does not tell refused from silent
	Unknown   exposure.State = "unknown"     // the report does not say whether it was asked
)

// Matrix is what the vantages saw, side by side. Text in it may quote servers
// and reports: it is escaped by whoever prints it.
type Matrix struct {
	Partial  bool      `json:"partial"`  // the columns are not of one plan
	Columns  []Column  `json:"columns"`  // in the order of the views
	Rows     []Row     `json:"rows"`     // worst first, then by address
	Patterns []Pattern `json:"patterns"` // about whole columns
}

// Column is one vantage.
type Column struct {
	Source   string           `json:"source"`
	Vantage  exposure.Vantage `json:"vantage"`
	Sweep    string           `json:"sweep"`
	Engine   string           `json:"engine"`
	Started  time.Time        `json:"started,omitzero"` // UTC; zero: not known
	Finished *time.Time       `json:"finished"`         // UTC; nil: it did not, or not known
	Status   exposure.Status  `json:"status"`           // other than complete: the column is unfinished
	Problems []string         `json:"problems,omitempty"`
	Plan     string           `json:"plan,omitempty"`  // SHA-256, hexadecimal
	Scope    string           `json:"scope,omitempty"` // SHA-256, hexadecimal
	// Suspect: what it did not see proves little; a pattern says why.
	Suspect bool `json:"suspect"`
	// Uncertain: its numbers contradict one another, or a row stays undecided
	// because it does not say what became of that endpoint.
	Uncertain bool    `json:"uncertain,omitempty"`
	Policy    *Policy `json:"policy,omitempty"` // that the findings were held against
}

// Policy names the owner's policy.
type Policy struct {
	Name   string `json:"name"` // of the file
	SHA256 string `json:"sha256"`
}

// Unfinished reports whether the sweep did not do all that was planned.
func (c Column) Unfinished() bool { return c.Status != exposure.Complete }

// Row is one endpoint of a host at which at least one vantage found something.
type Row struct {
	IP        netip.Addr         `json:"ip"`
	Names     []string           `json:"names,omitempty"`
	Transport exposure.Transport `json:"transport"`
	Port      uint16             `json:"port"`
	// Severity is the worst of the cells, "" when none has one: no vantage had an
	// answer here.
	Severity exposure.Severity `json:"severity,omitempty"`
	Cells    []Cell            `json:"cells"` // one a column, in their order
	// Patterns say what the cells mean together; the first says from where the
	// endpoint can be reached, when there is more than one column.
	Patterns []Pattern `json:"patterns"`
}

// Cell is what one vantage saw of one endpoint.
type Cell struct {
	State      exposure.State `json:"state"`
	Text       string         `json:"text"`       // the same in a few words: "reflector ×148", "not scanned"
	Unfinished bool           `json:"unfinished"` // the sweep did not do all that was planned

	// What follows is there only when something answered; the severity also when
	// an audit knows that a restart would open what is closed.
	Verdict  exposure.Verdict   `json:"verdict,omitempty"`  // of this endpoint alone
	Severity exposure.Severity  `json:"severity,omitempty"` // of this endpoint alone, from this vantage
	Version  *string            `json:"version,omitempty"`  // the server's own words
	BAF      *float64           `json:"baf,omitempty"`      // see exposure.Amplification
	Finding  string             `json:"finding,omitempty"`  // its ID in the report
	Policy   *exposure.Standing `json:"policy,omitempty"`   // what the owner's policy says of that finding

	// Observation is all that the vantage saw there; nil when there is no
	// finding. Programs read it in the report itself.
	Observation *exposure.Observation `json:"-"`
}

// Answered reports whether something came back other than a refusal.
func (c Cell) Answered() bool { return c.State.Answered() }

// Asked reports whether the vantage is known to have asked, and had an answer
// or not.
func (c Cell) Asked() bool {
	return c.Answered() || c.State == exposure.Closed || c.State == exposure.Silent || c.State == NoAnswer
}

// Justified reports whether something answered that the owner's policy allows.
func (c Cell) Justified() bool { return c.Answered() && c.Policy.Allows() }

// String is the cell for people: its text, that the owner's policy allows it,
// and that the sweep was not finished where more of it could have turned out
// otherwise.
func (c Cell) String() string {
	var marks []string
	if c.Justified() {
		marks = append(marks, "justified")
	}
	if c.Unfinished && c.Asked() {
		marks = append(marks, "unfinished")
	}
	if len(marks) == 0 {
		return c.Text
	}
	return fmt.Sprintf("%s (%s)", c.Text, strings.Join(marks, ", "))
}

// Pattern is what several cells or a column mean, for programs and for people.
type Pattern struct {
	Kind     Kind     `json:"kind"`
	Text     string   `json:"text"`               // one or two plain sentences
	Vantages []string `json:"vantages,omitempty"` // the names of those that it is about
}

// Kind names a pattern in a word.
type Kind string

// From where an endpoint can be reached: the first pattern of a row.
const (
	Everywhere  Kind = "everywhere"   // every vantage had an answer
	OutsideOnly Kind = "outside-only" // only vantages that are trusted less than those that had none
	InsideOnly  Kind = "inside-only"  // only vantages that are trusted more than those that had none
	Uneven      Kind = "uneven"       // some had an answer and some had none, whatever their trust
	Nowhere     Kind = "nowhere"      // none had an answer
	Undecided   Kind = "undecided"    // somebody who would decide it is not known to have asked
)

// Further patterns of a row.
const (
	LeaksUDP         Kind = "leaks-udp"         // TCP is filtered on the way to a vantage, UDP is not
	LeaksTCP         Kind = "leaks-tcp"         // UDP is filtered on the way to a vantage, TCP is not
	DifferentServers Kind = "different-servers" // different processes behind one address
	Restarted        Kind = "restarted"         // different processes, but one may have taken the other's place in between
	DifferentAccess  Kind = "different-access"  // credentials or TLS are wanted from some and not from others
	Justified        Kind = "justified"         // the owner's policy allows it
	Unfounded        Kind = "unfounded"         // somebody answers for it in the policy, and that does not hold
)

// Patterns of columns.
const (
	Blind       Kind = "blind"        // nothing came back from those that were asked: its own network is suspect
	SeesNothing Kind = "sees-nothing" // no answer at all, where vantages trusted no more have some
	Unfinished  Kind = "unfinished"   // the sweep did not do all that was planned
	Unplanned   Kind = "unplanned"    // the report does not say what was asked
	TimesApart  Kind = "times-apart"  // the sweeps lie more than a day apart
)
