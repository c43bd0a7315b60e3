package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/internal/schedule"
)

// A service works beside the sweeps: the page, the metrics, what tells people.
type service struct {
	name string
	// run works until ctx ends. An error ends the program.
	run func(ctx context.Context) error
	// reload takes over another configuration; nil: it needs a new start.
	reload func(*schedule.Config)
	// drop gives back what was opened for a service that is not run.
	drop func()
}

// services are those that go on.
type services struct {
	list   []service
	ctx    context.Context
	cancel context.CancelFunc
	all    sync.WaitGroup
	mu     sync.Mutex
	err    error
}

// startServices opens what the services need, so that what cannot work is known
// before anything is swept, and starts them.
func startServices(ctx context.Context, config *schedule.Config, store *history.Store, log *slog.Logger) (*services, error) {
	s := &services{}
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx)) // they outlive the last run, and tell of it
	list, err := openServices(ctx, config, store, log)
	if err != nil {
		s.cancel()
		return nil, err
	}
	s.list = list
	return s, nil
}

// watch starts them; failed is called when one ends before its time.
func (s *services) watch(failed func()) {
	for _, one := range s.list {
		s.all.Go(func() {
			if err := one.run(s.ctx); err != nil && !errors.Is(err, context.Canceled) {
				s.mu.Lock()
				s.err = errors.Join(s.err, fmt.Errorf("%s: %w", one.name, err))
				s.mu.Unlock()
				failed()
			}
		})
	}
}

func (s *services) reload(config *schedule.Config) {
	for _, one := range s.list {
		if one.reload != nil {
			one.reload(config)
		}
	}
}

// wait ends them, and says what went wrong with them.
func (s *services) wait() error {
	s.cancel()
	s.all.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
