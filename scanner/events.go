package scanner

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	"github.com/memsweep/memsweep/exposure"
)

// take notes what happened to a question.
func (s *Sweep) take(hard context.Context, l *lane, e Event) {
	switch e.Kind {
	case Answered:
		s.answered(hard, l, e)
	case Refused:
		s.refused(l, e)
	case Failed:
		l.fail(e.Question.Pos)
		s.localError(e.Err)
	case Retried:
		s.localError(e.Err)
	case Unasked:
		l.unask(e.Question)
	case Unverified:
		s.unverified()
	}
}

// unverified counts what answers no question.
func (s *Sweep) unverified() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counters.Unverified++
}

var errRefusedHere = errors.New("refused by this machine's own firewall")

// maxRefusers bounds how many of those who refuse are counted by name.
const maxRefusers = 100

func (s *Sweep) refused(l *lane, e Event) {
	pos, ok := l.place(e.Addr)
	if ok && !l.mayBeAsked(pos) {
		s.unverified()
		return
	}
	if ok && e.By.IsValid() && e.By != e.Addr && s.dialer.isOurs(e.By) {
		// The question never left: our own firewall, unless nobody on the link
		// answered for the address, which is silence.
		if !e.NoHost {
			l.fail(pos)
			s.localError(errRefusedHere)
		}
		return
	}
	if !ok || !l.settle(pos) {
		return
	}
	if e.By.IsValid() && e.By != e.Addr {
		s.mu.Lock()
		if by := s.counters.RefusedBy; by[e.By] > 0 || len(by) < maxRefusers {
			by[e.By]++
		}
		s.mu.Unlock()
	}
	s.tell(e.Addr)
}

// answered takes an endpoint that answered: one that comes with a connection
// is interrogated at once, on it; the others wait for their turn, so that a
// receiver of datagrams is never held up.
func (s *Sweep) answered(hard context.Context, l *lane, e Event) {
	c := candidate{lane: l, addr: e.Addr, first: e.First}
	pos, inPlan := l.place(e.Addr)
	inPlan = inPlan && l.mayBeAsked(pos)
	s.mu.Lock()
	fresh := inPlan && l.settle(pos)
	if fresh {
		s.host(e.Addr).sights[l.number] = &sight{first: e.First}
	}
	if !inPlan {
		s.counters.Unverified++
	}
	if fresh && e.Conn == nil {
		s.queue(c)
	}
	s.mu.Unlock()
	switch {
	case e.Conn != nil && fresh:
		s.interrogate(hard, c, e.Conn)
	case e.Conn != nil:
		abandon(e.Conn)
	}
}

func (s *Sweep) host(addr netip.Addr) *host {
	h := s.hosts[addr]
	if h == nil {
		h = &host{sights: make([]*sight, len(s.lanes))}
		s.hosts[addr] = h
	}
	return h
}

// observed notes the outcome of an interrogation. One that failed on this
// machine is reported as far as it came, and kept for a resumed sweep to repeat.
func (s *Sweep) observed(c candidate, o exposure.Observation, failed bool) {
	s.mu.Lock()
	*s.hosts[c.addr].sights[c.lane.number] = sight{first: c.first, observed: &o, failed: failed}
	delete(s.unmet, unmet{c.lane, c.addr})
	s.mu.Unlock()
	s.tell(c.addr)
}

// forget takes a candidate back that turned out not to answer. If it is asked
// again is up to the caller: a settled address is not.
func (s *Sweep) forget(c candidate, settled bool) {
	s.drop(c, settled)
	s.tell(c.addr)
}

func (s *Sweep) drop(c candidate, settled bool) {
	pos, _ := c.lane.place(c.addr)
	s.mu.Lock()
	if !settled {
		c.lane.unsettle(pos)
	}
	if h := s.hosts[c.addr]; h != nil {
		h.sights[c.lane.number] = nil
		if !slices.ContainsFunc(h.sights, func(seen *sight) bool { return seen != nil }) {
			delete(s.hosts, c.addr)
		}
	}
	s.mu.Unlock()
}

func (s *Sweep) localError(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counters.Local[err.Error()]++
}

func (s *Sweep) problem(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.problems = append(s.problems, err.Error())
}

// fails notes a problem of this machine that ends the sweep, or a part of it.
func (s *Sweep) fails(err error) {
	s.mu.Lock()
	s.broken = true
	s.mu.Unlock()
	s.problem(err)
}
