package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/memsweep/memsweep/history"
)

// Begin makes the targets known to the history, so that what happens from now on
// is told them, and takes leave of those that are not among them any more. Run
// and Flush begin with it; it stands for itself where something is to be told
// that happens before Flush.
func Begin(ctx context.Context, store *history.Store, targets []Target, log Log) error {
	var names []string
	for _, t := range targets {
		names = append(names, t.Name)
	}
	forgotten, messages, err := store.Forget(ctx, names, "given up, for the target is not in the configuration any more")
	if err != nil {
		return err
	}
	for _, name := range forgotten {
		log(slog.LevelWarn, "notify: %s is not in the configuration any more, and is forgotten: should it come back, it begins with what comes after", name)
	}
	if messages > 0 {
		log(slog.LevelError, "notify: %d messages to who is forgotten are GIVEN UP: `memsweep notify outbox` lists them", messages)
	}
	for _, t := range targets {
		_, known, err := store.Pending(ctx, t.Name, 1)
		if err == nil && !known {
			err = (&desk{Target: t, store: store}).welcome(ctx, time.Now())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// minAttempt is the least time for an attempt, of a target whose timeout is more:
// it is not begun when less is left.
const minAttempt = 5 * time.Second

// Flush tells once, for who does not stay: all that the history has for the
// targets goes into its outbox, whether or not it would wait for more, and each
// target is brought its messages in order, until one fails or the budget is spent,
// about which also a slow receiver is cut off. What waits for its next attempt is
// waited for if there is time. It yields how many messages are left in the outbox.
// When ctx ends it stops as Run does, to which else it is the same.
func Flush(ctx context.Context, store *history.Store, targets []Target, log Log, budget time.Duration) (left int, err error) {
	return flush(ctx, store, targets, log, time.Now().Add(budget), usualPace())
}

func flush(ctx context.Context, store *history.Store, targets []Target, log Log, until time.Time, p pace) (left int, err error) {
	if err := Begin(ctx, store, targets, log); err != nil {
		return 0, err
	}
	problems := make([]error, len(targets))
	var wg sync.WaitGroup
	for i, t := range targets {
		d := &desk{Target: t, store: store, log: log, pace: p, hurry: true}
		wg.Go(func() { problems[i] = d.pass(ctx, until) })
	}
	wg.Wait()
	for _, t := range targets {
		n, err := store.Waiting(context.WithoutCancel(ctx), t.Name)
		if err != nil {
			problems = append(problems, err)
		}
		left += n
	}
	return left, errors.Join(problems...)
}

// pass makes messages of all that there is, and sends what is due before until.
func (d *desk) pass(ctx context.Context, until time.Time) error {
	for more := true; more && ctx.Err() == nil; {
		var err error
		if more, err = d.gather(ctx, time.Now()); err != nil {
			return fmt.Errorf("notify %s: %w", d.Name, err)
		}
	}
	usual := d.timeout
	for ctx.Err() == nil {
		m, err := d.store.Next(ctx, d.Name)
		if errors.Is(err, history.ErrNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("notify %s: %w", d.Name, err)
		}
		d.timeout = min(usual, time.Until(until)-max(time.Until(*m.Next), 0))
		if d.timeout < min(usual, minAttempt) {
			return nil
		}
		idle(ctx, time.Until(*m.Next))
		went, err := d.send(ctx)
		if err != nil {
			return fmt.Errorf("notify %s: %w", d.Name, err)
		}
		if went == failed {
			return nil
		}
	}
	return nil
}
