// Package notify tells people what changed: it takes events from the history,
// makes messages of them, and brings each to where people already look.
//
// What is to be told is in the history's outbox before it is sent, and stays
// there until the receiver took it: an event is in one message, and a message
// that is repeated has the same ID. That a repetition is not told twice is for
// the receiver to see to, by that ID: nobody can take a message and have it
// noted in the same instant.
package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Target is somebody to tell, as the configuration has it.
type Target struct {
	Name  string
	Kind  string // a name in kinds
	Where string // for people and logs: without what is secret
	Only  Filter
	Batch int           // events that a message stands for, at most
	Wait  time.Duration // for more to come, before a message is made

	timeout time.Duration // of an attempt
	giveUp  time.Duration // the age at which a message is not tried any more
	page    string        // of `memsweep serve`; "": messages point nowhere
	carrier carrier
}

// carrier brings a message to a receiver.
type carrier interface {
	// carry makes one attempt. The answer is what the receiver said, bounded and
	// untrusted. The error is a *failure when it says how to go on; any other is
	// tried again.
	carry(ctx context.Context, m *Message) (answer string, err error)
}

// prospect says how to go on after an attempt that failed.
type prospect int

const (
	again prospect = iota // until the message is too old
	few                   // a few times more: it looks as if it would not help
	never
)

// failure is an attempt that did not bring the message to its receiver.
type failure struct {
	why      string
	prospect prospect
	after    time.Duration // not before, by the receiver's wish; 0: none
}

func (f *failure) Error() string { return f.why }

func failuref(p prospect, format string, args ...any) error {
	return &failure{why: fmt.Sprintf(format, args...), prospect: p}
}

// Log takes one line for people: at Info what went well, at Warn what is tried
// again, at Error what is not. What is quoted in it is not escaped yet.
type Log func(level slog.Level, format string, args ...any)

// Test sends a marked message to a target, just as it would send another one,
// and yields what the receiver answered.
func Test(ctx context.Context, t Target, now time.Time) (answer string, err error) {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	m := trial(t.Name, now)
	m.linkTo(t.page)
	return t.carrier.carry(ctx, m)
}

// Find picks the target of a name.
func Find(targets []Target, name string) (Target, error) {
	for _, t := range targets {
		if t.Name == name {
			return t, nil
		}
	}
	return Target{}, errors.New("no such target")
}
