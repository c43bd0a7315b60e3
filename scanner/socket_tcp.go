package scanner

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/memsweep/memsweep/probes"
)

// discoverTCP connects to every address with a pool of workers. The questions
// pass the gate here, one after the other, so that a worker that has one is
// never waiting for anything but the peer.
func (s *Socket) discoverTCP(ctx context.Context, job Job) error {
	work := make(chan Question)
	var pool sync.WaitGroup
	workers := 0
	give := func(q Question) {
		select {
		case work <- q:
			return
		default: // everybody is busy
		}
		if workers < s.workers {
			workers++
			pool.Go(func() {
				for q := range work {
					s.knock(ctx, job, q)
				}
			})
		}
		work <- q
	}
	var failed error
	for q := range job.Questions {
		if err := s.gate.Pass(ctx, q.Addr, 2*tcpBytes); err != nil {
			job.Report(Event{Kind: Unasked, Addr: q.Addr, Question: q})
			if ctx.Err() == nil {
				failed = err
			}
			break
		}
		give(q)
	}
	close(work)
	pool.Wait()
	return failed
}

// Local failures are tried again a few times, since most of them pass.
const localTries = 4

func localBackoff(try int) time.Duration { return 25 * time.Millisecond << (2 * try) }

// knock opens one connection and reports what became of it. The context only
// keeps a local failure from being tried again.
func (s *Socket) knock(ctx context.Context, job Job, q Question) {
	to := netip.AddrPortFrom(q.Addr, job.Probe.Port)
	for try := 0; ; try++ {
		begin := time.Now()
		conn, err := s.dialer.connect(context.WithoutCancel(ctx), to)
		s.gate.Charge(resends(time.Since(begin)), 0)
		switch {
		case err == nil, errors.Is(err, errAcceptedAndReset):
			job.Report(Event{Kind: Answered, Addr: q.Addr, Question: q, Conn: conn})
		case errors.Is(err, probes.ErrRefused):
			job.Report(Event{Kind: Refused, Addr: q.Addr, Question: q})
		case errors.Is(err, probes.ErrLocal) && try+1 < localTries && isExhausted(err):
			job.Report(Event{Kind: Retried, Addr: q.Addr, Question: q, Err: cause(err)})
			if sleep(ctx, localBackoff(try)) == nil && s.gate.Pass(ctx, q.Addr, 2*tcpBytes) == nil {
				continue
			}
			job.Report(Event{Kind: Failed, Addr: q.Addr, Question: q, Err: cause(err)})
		case errors.Is(err, probes.ErrLocal):
			job.Report(Event{Kind: Failed, Addr: q.Addr, Question: q, Err: cause(err)})
		}
		return
	}
}

// sleep waits, unless ctx ends first.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
