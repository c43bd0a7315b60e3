package scanner

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/memsweep/memsweep/probes"
)

// discoverTCP connects to every address, to so many at a time. A question
// waits for its place first and for the gate then: what has passed the gate is
// sent at once.
func (s *Socket) discoverTCP(ctx context.Context, job Job) error {
	places := make(chan struct{}, s.workers)
	var workers sync.WaitGroup
	defer workers.Wait()
	for q := range job.Questions {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			job.Report(Event{Kind: Unasked, Addr: q.Addr, Question: q})
			return nil
		}
		if err := s.gate.Pass(ctx, q.Addr, 2*tcpBytes(q.Addr)); err != nil {
			job.Report(Event{Kind: Unasked, Addr: q.Addr, Question: q})
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		workers.Go(func() {
			s.knock(ctx, job, q)
			<-places
		})
	}
	return nil
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
		conn, err := s.dialer.connect(job.Abort, to)
		s.gate.Charge(resends(time.Since(begin)), 0)
		switch {
		case err == nil, errors.Is(err, errAcceptedAndReset):
			job.Report(Event{Kind: Answered, Addr: q.Addr, Question: q, Conn: conn})
		case errors.Is(err, probes.ErrRefused):
			job.Report(Event{Kind: Refused, Addr: q.Addr, Question: q})
		case errors.Is(err, probes.ErrLocal) && try+1 < localTries && isExhausted(err):
			job.Report(Event{Kind: Retried, Addr: q.Addr, Question: q, Err: cause(err)})
			if sleep(ctx, localBackoff(try)) == nil && s.gate.Pass(ctx, q.Addr, 2*tcpBytes(q.Addr)) == nil {
				continue
			}
			job.Report(Event{Kind: Failed, Addr: q.Addr, Question: q, Err: cause(err)})
		case job.Abort.Err() != nil:
			job.Report(Event{Kind: Unasked, Addr: q.Addr, Question: q})
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
