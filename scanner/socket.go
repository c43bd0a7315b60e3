package scanner

import (
	"context"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

// Socket is the engine that works without privileges: batched UDP sockets, and
// ordinary TCP connections by a pool of workers.
type Socket struct {
	gate    *Gate
	dialer  dialer
	cookies Cookies
	workers int // TCP connections at once
	sockets int // UDP sockets per address family
}

// NewSocket returns the engine for a plan. It takes no more file descriptors
// than the budget has.
func NewSocket(setup Setup) (Engine, error) {
	plan, budget := setup.Plan, setup.Budget
	dial, err := newDialer(time.Duration(plan.Timeout), From{})
	if err != nil {
		return nil, err
	}

	workers := budget.Workers
	if plan.Workers > 0 {
		workers = min(workers, plan.Workers)
	}
	return &Socket{gate: setup.Gate, dialer: dial, cookies: NewCookies(plan.Seed), workers: workers, sockets: budget.Sockets}, nil
}

// Name implements Engine.
func (s *Socket) Name() string { return "socket" }

// Detail implements Engine.
func (s *Socket) Detail() []string { return nil }

// Losses implements Engine: the kernel reports what it drops as an error of
// the call.
func (s *Socket) Losses() Losses { return Losses{} }

// Close implements Engine: sockets are opened and closed by each pass.
func (s *Socket) Close() error { return nil }

// Discover implements Engine.
func (s *Socket) Discover(ctx context.Context, job Job) error {
	if job.Probe.Transport == exposure.UDP {
		return s.discoverUDP(ctx, job)
	}
	return s.discoverTCP(ctx, job)
}

// Budget is what this machine lets a sweep have at once.
type Budget struct {
	Workers  int // TCP connections
	Sockets  int // UDP discovery sockets per address family
	Dialogue int // UDP conversations
}

// defaultWorkers is as many connections as a rate of 1,000/s can have waiting
// for a silent peer, and some.
const defaultWorkers = 1024

// NewBudget divides the file descriptors that are left (RLIMIT_NOFILE less
// those in use) and keeps within half of the ephemeral ports.
func NewBudget(wanted int) Budget {
	const reserve = 16 // reports, checkpoint, resolver, epoll
	if wanted == 0 {
		wanted = defaultWorkers
	}
	left := fileLimit() - openFiles() - reserve
	b := Budget{Sockets: 4, Dialogue: 64}
	if left < 256 {
		b = Budget{Sockets: 2, Dialogue: 4}
	}
	left -= 2*b.Sockets + b.Dialogue
	b.Workers = max(1, min(wanted, left, ephemeralPorts()/2))
	return b
}
