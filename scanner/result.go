package scanner

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

// Result is what is known when a sweep has ended.
type Result struct {
	Status   exposure.Status
	Coverage exposure.Coverage
	// Rate is packets a second while there were questions left to ask; nil
	// when that was too short to tell.
	Rate     *float64
	Problems []string
}

// result counts everything once more, from the bits of each lane.
func (s *Sweep) result(ctx context.Context) Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.count()
	r := Result{Status: exposure.Complete, Problems: s.problems}
	r.Coverage = exposure.Coverage{
		Addresses:         s.lanes[0].addresses(),
		Probes:            map[string]exposure.Outcomes{},
		Fates:             map[string]exposure.Fates{},
		PacketsSent:       c.Packets,
		UnverifiedReplies: c.Unverified,
		LocalErrors:       c.Local,
		RefusedBy:         c.RefusedBy,
		InterfaceDrops:    c.Losses.Sent,
		ReplyDrops:        c.Losses.Received,
	}
	r.Coverage.Planned = r.Coverage.Addresses * uint64(len(s.lanes))
	pending, failed := s.interrogations()
	finished := pending+failed == 0
	if failed > 0 {
		r.Problems = append(r.Problems, fmt.Sprintf("%d endpoints answered, but could not be interrogated in full because of errors on this machine: %s", failed, causes(c.Local)))
	}
	if n := len(s.unmet); n > 0 {
		r.Problems = append(r.Problems, fmt.Sprintf("%d endpoints accepted a connection once and none since: a SYN-ACK alone is no finding, so that they count as closed or silent", n))
	}
	for _, l := range s.lanes {
		o, fates := l.outcomes(func(a netip.Addr) bool { h := s.hosts[a]; return h != nil && h.sights[l.number] != nil })
		r.Coverage.Fates[l.probe.Name] = fates
		r.Coverage.Probes[l.probe.Name] = o
		r.Coverage.Outcomes = r.Coverage.Outcomes.Add(o)
		finished = finished && l.done()
	}
	if rate, ok := c.Pace.Rate(); ok {
		r.Rate = &rate
	}
	if n := c.Losses.Astray; n > 0 {
		r.Status = exposure.Incomplete
		r.Problems = append(r.Problems, fmt.Sprintf("a gateway took another Ethernet address, or was silent for seconds: up to %d questions to it may have been lost: sweep again", n))
	}
	r.judge(finished, ctx.Err() != nil && !s.halted, s.plan.Tries)
	return r
}

// causes lists errors of this machine for people, the most frequent first.
func causes(errs map[string]uint64) string {
	names := slices.SortedFunc(maps.Keys(errs), func(a, b string) int {
		return cmp.Or(cmp.Compare(errs[b], errs[a]), cmp.Compare(a, b))
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s (%d)", name, errs[name])
	}
	return strings.Join(names, ", ")
}

// missed reports whether it is to be expected that at least one endpoint was
// never asked, because an interface lost every one of its questions. What is lost
// may also have been part of a conversation, which noticed.
func missed(lost, sent, planned uint64, tries int) bool {
	share := min(1, float64(lost)/float64(max(sent, 1)))
	return float64(planned)*math.Pow(share, float64(tries)) >= 0.5
}

// interrogations returns how many endpoints that answered were not
// interrogated, and how many only in part, because of this machine.
func (s *Sweep) interrogations() (pending, failed int) {
	for _, h := range s.hosts {
		for _, seen := range h.sights {
			switch {
			case seen == nil:
			case !seen.asked():
				pending++
			case seen.failed:
				failed++
			}
		}
	}
	return pending, failed
}

// judge decides how the sweep ended. Anything that was not asked makes it
// incomplete.
func (r *Result) judge(finished, stopped bool, tries int) {
	o := r.Coverage.Outcomes
	switch {
	case !finished && stopped:
		r.Status = exposure.Interrupted
	case !finished || o.LocalError > 0 || o.NotScanned > 0:
		r.Status = exposure.Incomplete
	}
	if n := r.Coverage.ReplyDrops; n > 0 {
		r.Status = exposure.Incomplete
		r.Problems = append(r.Problems, fmt.Sprintf("%d replies were lost on this machine, because they came faster than they could be read: sweep slower", n))
	}
	if n := r.Coverage.InterfaceDrops; missed(n, r.Coverage.PacketsSent, r.Coverage.Planned, tries) {
		r.Status = exposure.Incomplete
		r.Problems = append(r.Problems, fmt.Sprintf("%d packets that an interface of this machine had taken did not leave it, and as many addresses may not have been asked: sweep slower", n))
	}
	if o.LocalError > 0 {
		r.Problems = append(r.Problems, fmt.Sprintf("%d endpoints could not be asked because of errors on this machine: %s", o.LocalError, causes(r.Coverage.LocalErrors)))
	}
	if o.Sum() != r.Coverage.Planned {
		r.Status = exposure.Incomplete
		r.Problems = append(r.Problems, fmt.Sprintf("the outcomes add up to %d of %d endpoints: this is a defect of memsweep", o.Sum(), r.Coverage.Planned))
	}
}

// count returns the counters of this run and the earlier ones together.
func (s *Sweep) count() Counters {
	packets, pace := s.gate.Sent()
	c := Counters{
		Packets:    s.before.Packets + packets,
		Pace:       Pace{s.before.Pace.Packets + pace.Packets, s.before.Pace.Time + pace.Time},
		Unverified: s.before.Unverified + s.counters.Unverified,
		Local:      maps.Clone(s.counters.Local),
	}
	for cause, n := range s.before.Local {
		c.Local[cause] += n
	}
	c.RefusedBy = maps.Clone(s.counters.RefusedBy)
	for by, n := range s.before.RefusedBy {
		c.RefusedBy[by] += n
	}
	c.Losses = s.engine.Losses()
	c.Losses.Sent += s.before.Losses.Sent
	c.Losses.Received += s.before.Losses.Received
	c.Losses.Astray += s.before.Losses.Astray
	return c
}

// Progress is how far a sweep has come.
type Progress struct {
	Planned  uint64 // endpoints
	Done     float64
	Pass     int // the pass that the slowest lane is in, from 1
	Tries    int
	Answered uint64
	Pending  int // endpoints that answered and wait for their interrogation
	Packets  uint64
	Rate     float64       // packets a second so far
	Left     time.Duration // estimate; 0 when it cannot be told
}

// Progress may be called at any time while Run runs.
func (s *Sweep) Progress() Progress {
	s.mu.Lock()
	p := Progress{Tries: s.plan.Tries, Pass: s.plan.Tries, Pending: len(s.pending)}
	for _, h := range s.hosts {
		for _, seen := range h.sights {
			if seen != nil {
				p.Answered++
			}
		}
	}
	s.mu.Unlock()
	var asked, left float64
	for _, l := range s.lanes {
		pass, a, b := l.progress()
		p.Planned += l.positions()
		p.Pass = min(p.Pass, pass+1)
		asked, left = asked+a, left+b
	}
	var pace Pace
	p.Packets, pace = s.gate.Sent()
	if rate, ok := pace.Rate(); ok && rate > 0 {
		p.Rate = rate
		p.Left = time.Duration(left / rate * float64(time.Second))
	}
	if asked+left > 0 {
		p.Done = asked / (asked + left)
	}
	return p
}
