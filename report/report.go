// Package report turns a stream of findings into a document, one file a
// format. The order of calls is Begin, Finding any number of times, End; a
// document without an End is unfinished and says so to its readers.
package report

import (
	"encoding/json"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

// SchemaVersion is the version of the JSON contract; a minor version only adds.
const SchemaVersion = "1.0"

// Header is what is known when a sweep starts.
type Header struct {
	Tool  Tool
	Sweep Sweep
	Scope *Scope
	// Policy names what the findings were held against; nil: nothing.
	Policy *Policy
}

// Tool names the program that wrote a report.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Sweep is the head of one sweep.
type Sweep struct {
	ID        string
	Started   time.Time // UTC
	Vantage   exposure.Vantage
	Engine    string
	Detail    []string // how the engine works here, in plain words
	Seed      uint64
	RateAsked float64         // packets a second
	Plan      json.RawMessage // an object: everything that repeats the sweep, with its sha256
}

// Scope names the authorisation that a sweep was run under.
type Scope struct {
	SHA256       string `json:"sha256"`
	AuthorisedBy string `json:"authorised_by"`
	Reference    string `json:"reference,omitempty"`
	Contact      string `json:"contact,omitempty"`
}

// Policy names the owner's policy that the findings of a sweep were held
// against.
type Policy struct {
	Name   string `json:"name"` // of the file
	SHA256 string `json:"sha256"`
}

// Summary is what is known when a sweep has ended.
type Summary struct {
	Status       exposure.Status   `json:"status"`
	Finished     time.Time         `json:"finished"`      // UTC
	RateAchieved *float64          `json:"rate_achieved"` // packets a second while sending; nil: too short to tell
	Coverage     exposure.Coverage `json:"coverage"`
	// Problems are the sweep's own failures, in plain words.
	Problems []string `json:"problems,omitempty"`
	// Justified counts the findings that the policy expects or somebody answers
	// for; nil: there was no policy.
	Justified *uint64 `json:"justified,omitempty"`
}

// Writer writes one document.
type Writer interface {
	Begin(Header) error
	Finding(exposure.Finding) error
	End(Summary) error
}
