package history

import (
	"encoding/json"
	"errors"
	"net/netip"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history/life"
)

// ErrNotFound says that there is no such sweep, host or exposure in the history.
var ErrNotFound = errors.New("not in the history")

// Endpoint is where an exposure is.
type Endpoint struct {
	IP        netip.Addr         `json:"ip"`
	Transport exposure.Transport `json:"transport"`
	Port      uint16             `json:"port"`
}

// Exposure is one endpoint seen from one vantage, as it is known now.
type Exposure struct {
	ID int64 `json:"id"`
	Endpoint
	Names   []string         `json:"names,omitempty"`
	Vantage exposure.Vantage `json:"vantage"` // name and trust alone
	life.Seen
	Open      bool       `json:"open"`
	FirstSeen time.Time  `json:"first_seen"` // UTC, as are all times
	LastSeen  time.Time  `json:"last_seen"`
	LastAsked time.Time  `json:"last_asked"` // definitively; later than LastSeen: it did not answer then
	Since     time.Time  `json:"since"`      // the beginning of its latest interval
	Fixed     *time.Time `json:"fixed"`      // its end; nil: it is open
	Misses    int        `json:"misses"`     // complete sweeps in a row that asked, and had no answer; 1 also for an answer in part
}

// State picks exposures by whether they are open.
type State string

// The states of exposures.
const (
	OnlyOpen  State = "open"
	OnlyFixed State = "fixed"
	Any       State = "any"
)

// Filter picks exposures. The zero value picks all that are open.
type Filter struct {
	State     State              // "": open
	Ranges    []netip.Prefix     // any of them; none: everywhere
	AtLeast   exposure.Severity  // "": any
	Only      exposure.Severity  // "": any
	Vantage   string             // "": any
	Owner     string             // "": any
	Verdict   exposure.Verdict   // "": any
	Transport exposure.Transport // "": both
}

// Page picks a part of a long list. Its cursor is what the part before gave as
// Next; it stays right while rows come and go.
type Page struct {
	After string // "": from the beginning
	Limit int    // rows; 0: 100
}

// Change is an event in the life of an exposure.
type Change struct {
	ID       int64             `json:"id"` // grows in the order in which changes became known
	At       time.Time         `json:"at"` // when the sweep that showed it started
	Kind     life.Kind         `json:"kind"`
	Again    bool              `json:"again,omitempty"` // new, but it had been fixed before
	Scan     string            `json:"scan"`            // the sweep that showed it
	Job      string            `json:"job,omitempty"`   // that sweep's; "": of no schedule
	Exposure Exposure          `json:"exposure"`        // as it is known now
	Was      *life.Seen        `json:"was"`             // nil: new
	Now      *life.Seen        `json:"now"`             // nil: fixed
	Severity exposure.Severity `json:"severity"`        // the worse of the two
	// Details say what changed, in plain words: "version 1.4.25 → 1.6.39". They
	// may quote servers, and are escaped by whoever prints them.
	Details []string `json:"details,omitempty"`
}

// ChangeFilter picks changes. The zero value picks all.
type ChangeFilter struct {
	Since, Until time.Time // by At; zero: without end
	Kinds        []life.Kind
	Of           Filter // its State is not asked
}

// Sweep is one sweep that was imported.
type Sweep struct {
	Scan         string            `json:"scan"` // the report's sweep.id
	Job          string            `json:"job,omitempty"`
	Vantage      exposure.Vantage  `json:"vantage"` // name and trust alone
	Started      time.Time         `json:"started"`
	Finished     *time.Time        `json:"finished"`
	Status       exposure.Status   `json:"status"`
	Engine       string            `json:"engine"`
	Plan         string            `json:"plan"`    // SHA-256, hexadecimal; "": not known
	Planned      uint64            `json:"planned"` // endpoints
	Outcomes     exposure.Outcomes `json:"outcomes"`
	RateAsked    float64           `json:"rate_asked"` // packets a second
	RateAchieved *float64          `json:"rate_achieved"`
	Problems     []string          `json:"problems,omitempty"`
	Imported     time.Time         `json:"imported"`
}

// Outcome is how a run of a job ended.
type Outcome string

// The outcomes of runs.
const (
	Running    Outcome = "running"
	Complete   Outcome = "complete"
	Incomplete Outcome = "incomplete" // part of the plan was not scanned
	Failed     Outcome = "failed"     // there is no sweep to show for it
	Missed     Outcome = "missed"     // it was due, and nothing ran
)

// Run is a run of a scheduled job, or one that was missed.
type Run struct {
	ID       int64      `json:"id"`
	Job      string     `json:"job"`
	Due      time.Time  `json:"due"`
	Started  *time.Time `json:"started"`
	Finished *time.Time `json:"finished"`
	Outcome  Outcome    `json:"outcome"`
	Scan     string     `json:"scan,omitempty"`
	Problem  string     `json:"problem,omitempty"`  // in plain words
	Progress *Progress  `json:"progress,omitempty"` // of one that is running
}

// Progress is how far a running sweep has come.
type Progress struct {
	At       time.Time `json:"at"`
	Done     float64   `json:"done"` // share of the questions, 0 to 1
	Pass     int       `json:"pass"`
	Tries    int       `json:"tries"`
	Answered uint64    `json:"answered"` // endpoints
	Rate     float64   `json:"rate"`     // packets a second
	Left     float64   `json:"left"`     // seconds; 0: not known
}

// Event is something that may have to be told: a change, or a run that went
// wrong. Exactly one of the two is set.
type Event struct {
	ID     int64   `json:"id"`
	Change *Change `json:"change,omitempty"`
	Run    *Run    `json:"run,omitempty"`
}

// Message is a batch of events on its way to one target.
type Message struct {
	ID       string          `json:"id"` // the same at each attempt, so that a receiver can tell a repetition
	Target   string          `json:"target"`
	Created  time.Time       `json:"created"`
	Payload  json.RawMessage `json:"payload"`
	Attempts int             `json:"attempts"`
	Next     *time.Time      `json:"next"`              // not before; nil: sent, or given up
	Sent     *time.Time      `json:"sent"`              // nil: not, or not yet
	Problem  string          `json:"problem,omitempty"` // of the last attempt
}

// Host is everything that is known of one address.
type Host struct {
	IP        netip.Addr `json:"ip"`
	Names     []string   `json:"names,omitempty"`
	Exposures []Life     `json:"exposures"` // worst first
	Changes   []Change   `json:"changes"`   // newest first, at most 500
}

// Life is an exposure with its intervals and the finding that shows it.
type Life struct {
	Exposure
	Intervals []life.Interval `json:"intervals"` // oldest first
	// Finding is as the report of Evidence had it: that of the sweep in which
	// what can be seen of the exposure last changed. Nil: it was not kept.
	Finding  *exposure.Finding `json:"finding"`
	Evidence string            `json:"evidence"` // that sweep's ID
}

// Point is how many exposures were open at a time, by severity.
type Point struct {
	At   time.Time                 `json:"at"`
	Open map[exposure.Severity]int `json:"open"`
}

// Overview is the present state in numbers.
type Overview struct {
	Open       int                       `json:"open"`
	Severities map[exposure.Severity]int `json:"severities"` // open ones
	Verdicts   map[exposure.Verdict]int  `json:"verdicts"`   // open ones
	Vantages   []VantageState            `json:"vantages"`
	Oldest     *time.Time                `json:"oldest"` // the earliest Since of those open; nil: none
	Jobs       []JobState                `json:"jobs"`
	Changed    map[life.Kind]int         `json:"changed"` // in the last 24 hours before the newest sweep
}

// VantageState is what one vantage knows at present.
type VantageState struct {
	Vantage    exposure.Vantage          `json:"vantage"`
	Open       int                       `json:"open"`
	Severities map[exposure.Severity]int `json:"severities"`
	Last       *Sweep                    `json:"last"`     // its newest sweep
	Complete   *Sweep                    `json:"complete"` // its newest complete one; nil: never
}

// JobState is what is known of a scheduled job.
type JobState struct {
	Job      string `json:"job"`
	Last     *Run   `json:"last"`
	Complete *Run   `json:"complete"` // its newest complete run; nil: never
}

// Matrix is what is known of endpoints from every vantage.
type Matrix struct {
	Vantages []exposure.Vantage `json:"vantages"` // the columns, most trusted first
	Rows     []MatrixRow        `json:"rows"`     // what to fix first first
}

// MatrixRow is one endpoint. A vantage that never had an answer there has nil:
// that says nothing, for it may never have asked.
type MatrixRow struct {
	Endpoint
	Names []string    `json:"names,omitempty"`
	Cells []*Exposure `json:"cells"` // one a vantage, in their order
}
