package scanner

import (
	"errors"
	"fmt"
	"time"
)

// Guards stop a sweep that cannot bring what it was started for. The zero value
// only watches for failures of this machine.
type Guards struct {
	// MinHitRate is the least share of questions that must bring something
	// back, an answer or a refusal; 0: none.
	MinHitRate float64
	// MaxDuration is the longest that the sweep may take; 0: no limit.
	MaxDuration time.Duration
}

// Validate reports what makes no sense.
func (g Guards) Validate() error {
	switch {
	case !(g.MinHitRate >= 0 && g.MinHitRate <= 1):
		return fmt.Errorf("min-hitrate %v: write a share from 0 to 1", g.MinHitRate)
	case g.MaxDuration < 0:
		return fmt.Errorf("max-duration %s: write a time, for example 2h", g.MaxDuration)
	}
	return nil
}

// Before so much has been asked, nothing is concluded from it.
const (
	guardEvery    = 500 * time.Millisecond
	guardAfter    = 5 * time.Second
	guardAsked    = 1000
	guardFailures = 0.5 // the share of questions that may fail on this machine

	// What breaks after hours shows in the latest questions, not in all.
	guardWindow  = 5 * time.Second
	guardLately  = 100 // questions, before anything is concluded from them
	guardSamples = int(guardWindow / guardEvery)
)

// recent is what was asked, and what of it failed, in each of the latest looks.
type recent struct {
	asked, failed [guardSamples]int64
	next, looks   int
}

func (r *recent) add(asked, failed int64) {
	r.asked[r.next], r.failed[r.next] = asked, failed
	r.next = (r.next + 1) % guardSamples
	r.looks++
}

// failing reports whether most of the latest questions failed.
func (r *recent) failing() bool {
	var asked, failed int64
	for i := range r.asked {
		asked, failed = asked+r.asked[i], failed+r.failed[i]
	}
	return r.looks >= guardSamples && asked >= guardLately && float64(failed) > guardFailures*float64(asked)
}

// tallies are those of every lane when last looked.
type tallies map[*lane][2]int64

// since returns what a lane has asked, and what of it failed, since the last
// look. A lane counts from 0 in every pass.
func (t tallies) since(l *lane, asked, failed int64) (int64, int64) {
	before := t[l]
	t[l] = [2]int64{asked, failed}
	if asked < before[0] || failed < before[1] {
		return asked, failed
	}
	return asked - before[0], failed - before[1]
}

// guard watches the sweep until end is closed, and stops it for a reason.
func (s *Sweep) guard(end <-chan struct{}) {
	begin := time.Now()
	tick := time.NewTicker(guardEvery)
	defer tick.Stop()
	lately, seen := &recent{}, tallies{}
	for {
		select {
		case <-end:
			return
		case <-tick.C:
		}
		if err := s.tripped(time.Since(begin), lately, seen); err != nil {
			if err = fmt.Errorf("stopped: %w", err); errors.Is(err, errFailing) {
				s.fails(err)
			} else {
				s.problem(err)
			}
			s.halt()
			return
		}
	}
}

var errFailing = errors.New("most questions fail on this machine")

func (s *Sweep) tripped(after time.Duration, lately *recent, seen tallies) error {
	if limit := s.guards.MaxDuration; limit > 0 && after >= limit {
		return fmt.Errorf("the sweep has taken %s (--max-duration)", limit)
	}
	var asked, hits, failed, nowAsked, nowFailed int64
	for _, l := range s.lanes {
		a, h, f := l.tally()
		asked, hits, failed = asked+a, hits+h, failed+f
		a, f = seen.since(l, a, f)
		nowAsked, nowFailed = nowAsked+a, nowFailed+f
	}
	lately.add(nowAsked, nowFailed)
	if lately.failing() || asked >= guardAsked && float64(failed) > guardFailures*float64(asked) {
		return errFailing
	}
	if asked < guardAsked {
		return nil
	}
	if least := s.guards.MinHitRate; after >= guardAfter && float64(hits) < least*float64(asked) {
		return fmt.Errorf("%d of %d questions brought anything back, less than --min-hitrate %v", hits, asked, least)
	}
	return nil
}

// halt stops the sweep as a guard does: what is left counts as not scanned.
func (s *Sweep) halt() {
	s.mu.Lock()
	s.halted = true
	s.mu.Unlock()
	s.stop()
}
