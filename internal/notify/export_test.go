package notify

import (
	"context"
	"time"

	"github.com/memsweep/memsweep/history"
)

// RunFast is Run for those who cannot wait.
func RunFast(ctx context.Context, store *history.Store, targets []Target, log Log) error {
	return run(ctx, store, targets, log, fast())
}

func fast() pace {
	return pace{look: 5 * time.Millisecond, first: 10 * time.Millisecond, most: 100 * time.Millisecond, grace: time.Second}
}

// FlushFast is Flush for those who cannot wait.
func FlushFast(ctx context.Context, store *history.Store, targets []Target, log Log, budget time.Duration) (int, error) {
	return flush(ctx, store, targets, log, time.Now().Add(budget), fast())
}

// Compose is compose.
func Compose(id, target string, now time.Time, events []history.Event, only *Filter) *Message {
	return compose(id, target, now, events, only)
}

// Carry makes one attempt.
func (t Target) Carry(ctx context.Context, m *Message) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	return t.carrier.carry(ctx, m)
}

// Trial is a test message.
func Trial(target string) *Message { return trial(target, time.Now()) }

// Prospect says how an error wants to go on: again, few, never.
func Prospect(err error) string {
	if f, ok := err.(*failure); ok {
		return []string{"again", "few", "never"}[f.prospect]
	}
	return "again"
}

// Sign, Redact and BackOff are what they are called.
var (
	Sign   = sign
	Redact = redact
)

func BackOff(attempts int, chance float64) time.Duration {
	return backOff(usualPace(), attempts, chance)
}

// Linger has a syslog target wait less.
func (t Target) Linger(d time.Duration) { t.carrier.(*syslog).linger = d }

// Keys are all that a target may have.
func Keys() []string {
	list := append(commonKeys[:len(commonKeys):len(commonKeys)], onlyKeys[3:]...)
	for _, k := range kinds() {
		list = append(list, k.keys...)
	}
	return list
}
