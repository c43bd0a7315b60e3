package scanner

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/probes"
)

// candidate is an endpoint that answered discovery.
type candidate struct {
	lane  *lane
	addr  netip.Addr
	first probes.First // UDP only
}

// talk interrogates pending candidates until there are none and none can come,
// or until ctx ends.
func (s *Sweep) talk(ctx, hard context.Context) {
	defer context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.wake.Broadcast()
	})()
	for {
		s.mu.Lock()
		for len(s.pending) == 0 && !s.closed && ctx.Err() == nil {
			s.wake.Wait()
		}
		if len(s.pending) == 0 || ctx.Err() != nil {
			s.mu.Unlock()
			return
		}
		c := s.pending[0]
		s.pending = s.pending[1:]
		s.mu.Unlock()
		s.interrogate(hard, c, nil)
	}
}

// queue lets a candidate wait for the next round of conversations: a few in a
// row wait for their answers together. The caller holds mu.
func (s *Sweep) queue(c candidate) {
	s.pending = append(s.pending, c)
	if len(s.pending) == s.budget.Dialogue {
		s.wake.Broadcast()
	}
	if !s.rousing { // also when others wait: talkers may have been woken for those alone
		s.rousing = true
		time.AfterFunc(gathering, s.rouse)
	}
}

// rouse wakes a talker for each candidate that waits.
func (s *Sweep) rouse() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rousing = false
	for range s.pending {
		s.wake.Signal()
	}
}

// closeQueue says that no further candidate will come.
func (s *Sweep) closeQueue() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.wake.Broadcast()
}

// interrogate holds the conversation with one candidate. conn is the
// connection that discovery opened, if it did.
func (s *Sweep) interrogate(hard context.Context, c candidate, conn net.Conn) {
	o, failed, ok := s.converse(hard, c, conn)
	if !ok || hard.Err() != nil { // what was cut off is still pending
		return
	}
	if failed != nil {
		s.localError(cause(failed))
	}
	s.observed(c, o, failed != nil)
}

// converse returns what was observed, what this machine could not do meanwhile,
// and false if the candidate was dealt with otherwise.
func (s *Sweep) converse(ctx context.Context, c candidate, conn net.Conn) (o exposure.Observation, failed error, ok bool) {
	if c.lane.probe.InterrogateTCP != nil {
		return s.converseTCP(ctx, c, conn)
	}
	remote := netip.AddrPortFrom(c.addr, c.lane.probe.Port)
	buf := s.buffers.Get().(*[maxUDP]byte)
	defer s.buffers.Put(buf)
	wire, err := newDatagrams(s.gate, remote, s.dialer.from, time.Duration(s.plan.Timeout), buf[:])
	if err != nil {
		return s.unfinished(c), err, true
	}
	defer wire.Close()
	o = c.lane.probe.InterrogateUDP(ctx, wire, c.first)
	if o.Unconfirmed && wire.failed == nil && c.first.From.Addr() != c.addr {
		// Anybody can send a datagram with some request ID from anywhere: an
		// answer from another address counts only when it is given again.
		s.mu.Lock()
		s.counters.Unverified++
		s.mu.Unlock()
		s.forget(c, false)
		return o, nil, false
	}
	return s.finish(c, o), wire.failed, true
}

func (s *Sweep) converseTCP(ctx context.Context, c candidate, conn net.Conn) (o exposure.Observation, failed error, ok bool) {
	wire := newStream(s.gate, netip.AddrPortFrom(c.addr, c.lane.probe.Port), s.dialer, conn)
	defer wire.Close()
	if conn == nil {
		if err := s.connect(ctx, wire); err != nil {
			s.lost(c, err)
			return o, nil, false
		}
	}
	o = c.lane.probe.InterrogateTCP(ctx, wire)
	return s.finish(c, o), wire.failed, true
}

// connect opens a connection to an endpoint that has accepted one before: on a
// network that loses packets, one that gets no answer is tried again.
func (s *Sweep) connect(ctx context.Context, wire *stream) (err error) {
	for range s.plan.Tries + 2 {
		err = wire.Redial(ctx)
		if err == nil || errors.Is(err, probes.ErrLocal) || errors.Is(err, probes.ErrRefused) || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// finish fills in what every observation has.
func (s *Sweep) finish(c candidate, o exposure.Observation) exposure.Observation {
	o.Probe, o.Transport, o.Port = c.lane.probe.Name, c.lane.probe.Transport, c.lane.probe.Port
	if o.Evidence == nil {
		o.Evidence = []exposure.Exchange{}
	}
	o.Evidence = slices.Clip(o.Evidence)
	return o
}

// unmet is an endpoint that accepted a connection in discovery, and none since.
type unmet struct {
	lane *lane
	addr netip.Addr
}

// lost takes a TCP candidate that could not be connected to again.
func (s *Sweep) lost(c candidate, err error) {
	if errors.Is(err, context.Canceled) {
		return // cut off: it is still pending
	}
	s.mu.Lock()
	s.unmet[unmet{c.lane, c.addr}] = true
	s.mu.Unlock()
	if errors.Is(err, probes.ErrLocal) {
		pos, _ := c.lane.place(c.addr)
		c.lane.failed.set(pos)
		s.localError(cause(err))
	}
	s.forget(c, errors.Is(err, probes.ErrRefused))
}

// dropDoubtful takes back what was not interrogated before the sweep ended, and
// rests on a datagram from an address that was not asked: anybody can send one.
// What is there is not known.
func (s *Sweep) dropDoubtful() {
	for _, addr := range s.addresses() {
		for i, seen := range s.sights(addr) {
			if seen == nil || seen.asked() || !seen.first.From.IsValid() || seen.first.From.Addr() == addr {
				continue
			}
			c := candidate{lane: s.lanes[i], addr: addr}
			pos, _ := c.lane.place(addr)
			s.drop(c, false)
			c.lane.fail(pos)
			s.localError(errUnconfirmed)
		}
	}
}

var errUnconfirmed = errors.New("answered from another address, and not asked again")

// deadLine is a way to an endpoint on which nothing can be sent any more. A
// conversation over it returns what discovery alone is worth.
type deadLine struct{ remote netip.AddrPort }

var errStopped = errors.New("not asked further")

func (d deadLine) Remote() netip.AddrPort { return d.remote }
func (d deadLine) ID() uint16             { return 0 }
func (d deadLine) Ask(context.Context, []byte, func(probes.Datagram) probes.Patience) (probes.Ending, error) {
	return probes.Failed, errors.Join(probes.ErrLocal, errStopped)
}

// unfinished returns what can be said of a candidate that was not interrogated
// before the sweep ended: it answered, and no more.
func (s *Sweep) unfinished(c candidate) exposure.Observation {
	if c.lane.probe.InterrogateUDP != nil {
		wire := deadLine{netip.AddrPortFrom(c.addr, c.lane.probe.Port)}
		return s.finish(c, c.lane.probe.InterrogateUDP(context.Background(), wire, c.first))
	}
	return s.finish(c, exposure.Observation{
		State: exposure.Mute, Auth: exposure.AuthUnknown, Unconfirmed: true,
		Notes: []string{"accepted a connection; the sweep ended before it was asked"},
	})
}
