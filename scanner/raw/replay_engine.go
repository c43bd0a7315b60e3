package raw

import (
	"context"
	"fmt"
	"io"

	"github.com/memsweep/memsweep/scanner"
)

// ReplayEngine answers a plan's questions from a capture instead of the wire,
// through the same verification: nothing is sent, and no privileges are needed.
// What the capture does not hold is silent.
type ReplayEngine struct {
	setup scanner.Setup
	open  func() (io.ReadCloser, error)
	ports []uint16
}

// NewReplayEngine returns an engine that reads the capture once for each pass.
// ports are those that the questions were sent from, in order; the plan must
// have the seed of the sweep that was captured.
func NewReplayEngine(setup scanner.Setup, ports []uint16, open func() (io.ReadCloser, error)) *ReplayEngine {
	return &ReplayEngine{setup: setup, open: open, ports: ports}
}

// Name implements scanner.Engine.
func (e *ReplayEngine) Name() string { return "replay" }

// Detail implements scanner.Engine.
func (e *ReplayEngine) Detail() []string { return nil }

// Losses implements scanner.Engine.
func (e *ReplayEngine) Losses() scanner.Losses { return scanner.Losses{} }

// Close implements scanner.Engine.
func (e *ReplayEngine) Close() error { return nil }

// Discover implements scanner.Engine.
func (e *ReplayEngine) Discover(ctx context.Context, job scanner.Job) error {
	v := newVerifier(job.Probe, e.ports, scanner.NewCookies(e.setup.Plan.Seed))
	for q := range job.Questions {
		v.remember([]Frame{v.frame(q.Addr)}, []scanner.Question{q})
	}
	capture, err := e.open()
	if err != nil {
		return fmt.Errorf("engine replay: %w", err)
	}
	defer capture.Close()
	for p, err := range Replay(capture) {
		if err != nil {
			return fmt.Errorf("engine replay: %w", err)
		}
		if ctx.Err() != nil {
			return nil
		}
		v.take("", job, &p)
	}
	return nil
}
