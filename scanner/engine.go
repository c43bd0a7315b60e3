package scanner

import (
	"context"
	"iter"
	"net"
	"net/netip"
	"time"

	"github.com/memsweep/memsweep/probes"
	"github.com/memsweep/memsweep/targets"
)

// Engine carries discovery questions to the wire and brings back what came of
// them.
type Engine interface {
	// Name is what the report says: "socket".
	Name() string
	// Discover asks every question of the job, once, and reports events until
	// the last has had its time. When ctx ends it stops asking, waits for what
	// is under way, and returns nil: an interrupt is no error. It owns every
	// goroutine that it starts; all have ended when it returns. An error means
	// that the engine could not work at all.
	Discover(ctx context.Context, job Job) error
	// Detail says in plain words how it works here: which means it chose, and
	// which it passed over, and why.
	Detail() []string
	// Losses is what this machine has lost so far although it had taken it.
	Losses() Losses
	// Close gives back what was opened.
	Close() error
}

// Losses are packets that were lost on this machine.
type Losses struct {
	Sent     uint64 // frames that an interface dropped
	Received uint64 // replies that were not read in time
	Astray   uint64 // questions to a gateway that may not have been there any more; at most
}

// Setup is what an engine is made for.
type Setup struct {
	Gate   *Gate
	Plan   Plan
	Set    targets.Set
	Probes []probes.Probe // at the plan's port
	Budget Budget
}

// Job is one pass of one probe over its addresses.
type Job struct {
	Probe     probes.Probe
	Questions iter.Seq[Question]
	// Quiet is how long to listen after the last question.
	Quiet time.Duration
	// Report takes what happened. It may be called from several goroutines.
	Report func(Event)
	// Outstanding reports whether any question of this pass is still without
	// an answer; when none is, there is nothing to listen for.
	Outstanding func() bool
	// Addr is the address that is asked at a position (Question.Pos).
	Addr func(pos uint64) netip.Addr
	// Abort ends what is under way, too.
	Abort context.Context
}

// MaxHeld is how many questions an engine may have taken and not yet sent, or
// reported: a batch that waits at the gate, neighbours that are looked for.
const MaxHeld = 1024

// Question is one address to be asked.
type Question struct {
	Pos   uint64 // position in the walk
	Addr  netip.Addr
	again bool // the last attempt failed on this machine
}

// Event is something that happened to a question, or to an address.
type Event struct {
	Kind EventKind
	Addr netip.Addr
	// Question is set for Failed, Retried and Unasked.
	Question Question
	// First is the reply of a UDP endpoint (Answered).
	First probes.First
	// Conn is the accepted connection of a TCP endpoint (Answered); the
	// receiver of the event closes it. An engine without connections leaves
	// it nil.
	Conn net.Conn
	// Err says why (Failed, Retried).
	Err error
	// By is who refused (Refused), where that is known: a router or firewall
	// may speak for the address.
	By netip.Addr
	// NoHost: By says that nobody has the address (ICMP host unreachable,
	// ICMPv6 address unreachable).
	NoHost bool
}

// EventKind says what happened.
type EventKind int

// The kinds of events. A question without an event was asked, and silence was
// the answer.
const (
	Answered   EventKind = iota // something came back that verifies
	Refused                     // RST, or ICMP unreachable
	Failed                      // this machine could not ask
	Retried                     // a local failure that was tried again
	Unasked                     // the sweep was stopping; the question was not sent
	Unverified                  // something came back that answers no question
)

// Listen waits for late replies to a pass: until its quiet time is over,
// everything that was asked is answered, or the sweep is aborted.
func Listen(job Job) {
	const look = 20 * time.Millisecond
	for end := time.Now().Add(job.Quiet); time.Now().Before(end) && job.Outstanding(); {
		if sleep(job.Abort, look) != nil {
			return
		}
	}
}
