package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/internal/notify"
	"github.com/memsweep/memsweep/internal/schedule"
)

func notifyLog(log *slog.Logger) notify.Log {
	return func(level slog.Level, format string, args ...any) {
		log.Log(context.Background(), level, "notify", "text", fmt.Sprintf(format, args...))
	}
}

// tellService tells the targets of what changed, other targets after a reload.
func tellService(config *schedule.Config, store *history.Store, log *slog.Logger) service {
	next := make(chan []notify.Target, 1)
	next <- config.Notify
	run := func(ctx context.Context) error {
		var ended chan error
		stop := func() {}
		for {
			select {
			case targets := <-next:
				stop()
				if ended != nil {
					<-ended
				}
				var now context.Context
				now, stop = context.WithCancel(ctx)
				ended = make(chan error, 1)
				go func() { ended <- notify.Run(now, store, targets, notifyLog(log)) }()
			case err := <-ended:
				stop()
				return err
			}
		}
	}
	reload := func(c *schedule.Config) {
		select {
		case <-next: // it was not taken up yet
		default:
		}
		next <- c.Notify
	}
	return service{name: "notify", run: run, reload: reload, drop: func() {}}
}

// tellBudget is how long a single run may take to tell what it brought.
const tellBudget = 30 * time.Second

// beginTelling has the targets told of what a single run brings. A schedule that
// works on the history has targets of its own.
func beginTelling(ctx context.Context, config *schedule.Config, s *schedule.Sweeper) error {
	release, ok, err := s.AloneForNow(ctx, tellBudget)
	if err != nil || !ok {
		return err
	}
	defer release()
	return notify.Begin(ctx, s.Store, config.Notify, notifyLog(s.Log))
}

// tellOnce tells the targets what the history has for them. What does not arrive
// is for the next start: it is no reason for another exit code.
func tellOnce(ctx context.Context, config *schedule.Config, s *schedule.Sweeper) {
	if len(config.Notify) == 0 {
		return
	}
	if ctx.Err() != nil {
		s.Log.Warn("nobody was told, for it was stopped: the next start tells them")
		return
	}
	release, ok, err := s.AloneForNow(ctx, tellBudget)
	switch {
	case err != nil:
		s.Log.Error("nobody was told; the next start tells them", "error", err)
		return
	case !ok:
		s.Log.Info("another memsweep run works on the history, and tells of it", "history", s.History)
		return
	}
	defer release()
	left, err := notify.Flush(ctx, s.Store, config.Notify, notifyLog(s.Log), tellBudget)
	if err != nil {
		s.Log.Error("not everybody was told; the next start tells them", "error", err)
	}
	if left > 0 {
		s.Log.Warn("messages are left in the outbox, for the next start: `memsweep notify outbox` lists them", "messages", left, "history", s.History)
	}
}
