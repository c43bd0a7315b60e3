package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
)

// pace is how often, and how soon again, something is tried.
type pace struct {
	look  time.Duration // between looks at the history
	first time.Duration // before the second attempt; then twice as long each time
	most  time.Duration
	grace time.Duration // for an attempt under way when the program ends
}

func usualPace() pace {
	return pace{look: time.Second, first: 10 * time.Second, most: time.Hour, grace: 5 * time.Second}
}

const (
	fewAttempts = 8   // within 20 minutes, for what looks as if it would not help
	maxProblem  = 400 // runes that are kept of what went wrong
	// How many events are looked at to find those that a filter picks.
	maxLook = 2000
)

// Run tells the targets what the history has for them, until ctx ends. Each has
// its own order, and none waits for another. It returns when all have stopped.
// One Run at a time may tell of a history: a second one would repeat messages.
func Run(ctx context.Context, store *history.Store, targets []Target, log Log) error {
	return run(ctx, store, targets, log, usualPace())
}

func run(ctx context.Context, store *history.Store, targets []Target, log Log, p pace) error {
	if err := Begin(ctx, store, targets, log); err != nil && ctx.Err() == nil {
		log(slog.LevelWarn, "notify: %s; it is tried again", err) // by each target for itself
	}
	var wg sync.WaitGroup
	for _, t := range targets {
		d := &desk{Target: t, store: store, log: log, pace: p}
		wg.Go(func() { d.serve(ctx) })
	}
	<-ctx.Done()
	wg.Wait()
	return nil
}

// desk is where one target's messages are made and sent.
type desk struct {
	Target
	store *history.Store
	log   Log
	pace  pace
	hurry bool // nothing waits for more to come

	since time.Time // when something to tell was first seen waiting; zero: nothing waits
	wrong string    // the last problem with the history that was logged
}

func (d *desk) serve(ctx context.Context) {
	for ctx.Err() == nil {
		pause, err := d.turn(ctx)
		d.complain(ctx, err)
		idle(ctx, pause)
	}
}

// idle waits, until ctx ends at most.
func idle(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// complain logs a problem with the history once, until it is another.
func (d *desk) complain(ctx context.Context, err error) {
	if err == nil || ctx.Err() != nil {
		d.wrong = ""
		return
	}
	if text := err.Error(); text != d.wrong {
		d.log(slog.LevelWarn, "notify %s: %s; it is tried again", d.Name, text)
		d.wrong = text
	}
}

// turn makes a message if it is time, and sends one if one is due. It yields how
// long to wait for the next turn.
func (d *desk) turn(ctx context.Context) (time.Duration, error) {
	more, err := d.gather(ctx, time.Now())
	if err != nil {
		return 10 * d.pace.look, err
	}
	sent, err := d.send(ctx)
	if err != nil {
		return 10 * d.pace.look, err
	}
	if more || sent != nothing {
		return 0, nil
	}
	return d.pace.look, nil
}

// gather makes a message of what waits, when there is enough of it or it has
// waited long enough. It says whether there may be more.
func (d *desk) gather(ctx context.Context, now time.Time) (more bool, err error) {
	events, known, err := d.store.Pending(ctx, d.Name, maxLook)
	if err != nil {
		return false, err
	}
	if !known {
		return false, d.welcome(ctx, now)
	}
	take, picked := d.take(events)
	switch {
	case take == 0:
		return false, nil
	case picked == 0: // nothing of it is for this target
	case d.since.IsZero():
		d.since = now
		fallthrough
	default:
		if !d.hurry && picked < d.Batch && len(events) < maxLook && now.Sub(d.since) < d.Wait {
			return false, nil
		}
	}
	if _, err := d.store.Enqueue(ctx, d.Name, take, now, d.compose(now)); err != nil {
		return false, err
	}
	if picked > 0 {
		d.since = time.Time{}
	}
	return take < len(events) || len(events) == maxLook, nil
}

// welcome makes a target known: what is there before it was is not its news.
func (d *desk) welcome(ctx context.Context, now time.Time) error {
	_, err := d.store.Enqueue(ctx, d.Name, 1, now, d.compose(now))
	return err
}

// take says how many of the events make a message: as many as hold a batch of
// those that the filter picks.
func (d *desk) take(events []history.Event) (n, picked int) {
	for n < len(events) && picked < d.Batch {
		if d.Only.picks(&events[n]) {
			picked++
		}
		n++
	}
	return n, picked
}

func (d *desk) compose(now time.Time) func(string, []history.Event) ([]byte, error) {
	return func(id string, events []history.Event) ([]byte, error) {
		m := compose(id, d.Name, now, events, &d.Only)
		if m == nil {
			return nil, nil
		}
		m.linkTo(d.page)
		return json.Marshal(m)
	}
}

// attempted is what came of looking for something to send.
type attempted int

const (
	nothing attempted = iota // nothing is due
	arrived
	failed
)

// send makes an attempt at the target's oldest message, if it is due.
func (d *desk) send(ctx context.Context) (attempted, error) {
	m, err := d.store.Next(ctx, d.Name)
	if errors.Is(err, history.ErrNotFound) {
		return nothing, nil
	}
	if err != nil || m.Next.After(time.Now()) {
		return nothing, err
	}
	answer, problem := d.attempt(ctx, m)
	if problem != nil && ctx.Err() != nil {
		return nothing, nil // cut off by our own end: the next start tries it again
	}
	// What became of it is noted even when the program is about to end.
	ctx = context.WithoutCancel(ctx)
	if problem == nil {
		d.log(slog.LevelInfo, "notify %s: message %s is delivered (attempt %d): %s", d.Name, m.ID, m.Attempts+1, answer)
		return arrived, d.store.Delivered(ctx, m.ID, time.Now())
	}
	return failed, d.undelivered(ctx, m, problem)
}

// attempt sends a message. It goes on for a moment when ctx ends, so that what
// is on its way need not be sent again.
func (d *desk) attempt(ctx context.Context, m history.Message) (answer string, err error) {
	var message Message
	if err := json.Unmarshal(m.Payload, &message); err != nil {
		return "", failuref(never, "the outbox has something else than a message: %v", err)
	}
	sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.timeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		grace := time.NewTimer(d.pace.grace)
		defer grace.Stop()
		select {
		case <-grace.C:
			cancel()
		case <-sending.Done():
		}
	})
	defer stop()
	return d.carrier.carry(sending, &message)
}

// undelivered notes a failed attempt: when to try again, or that it is given up.
func (d *desk) undelivered(ctx context.Context, m history.Message, problem error) error {
	f := &failure{why: problem.Error()}
	errors.As(problem, &f)
	why := clipTo(exposure.Escape(f.why), maxProblem)
	now, attempts := time.Now(), m.Attempts+1
	next := now.Add(max(backOff(d.pace, attempts, rand.Float64()), f.after))
	over := ""
	switch {
	case f.prospect == never:
		over = "the receiver wants no more of it"
	case f.prospect == few && attempts >= fewAttempts:
		over = fmt.Sprintf("%d attempts were refused", attempts)
	case next.Sub(m.Created) > d.giveUp:
		over = fmt.Sprintf("it is older than %s", d.giveUp)
	}
	if over != "" {
		d.log(slog.LevelError, "notify %s: message %s is GIVEN UP after attempt %d (%s): %s; `memsweep notify retry` sends it again", d.Name, m.ID, attempts, over, why)
		return d.store.Undelivered(ctx, m.ID, time.Time{}, "given up, for "+over+": "+why)
	}
	d.log(slog.LevelWarn, "notify %s: message %s was not delivered (attempt %d; the next is at %s UTC): %s", d.Name, m.ID, attempts, next.UTC().Format(time.DateTime), why)
	return d.store.Undelivered(ctx, m.ID, next, why)
}

// backOff is how long to wait after so many attempts: twice as long each time,
// and up to a quarter less, so that many do not come back together. chance is
// from 0 to 1.
func backOff(p pace, attempts int, chance float64) time.Duration {
	wait := p.most
	if attempts < 30 {
		wait = min(p.most, p.first<<max(attempts-1, 0))
	}
	return wait - time.Duration(chance*float64(wait)/4)
}
