package scanner

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/memsweep/memsweep/probes"
	"github.com/memsweep/memsweep/targets"
)

// Checkpoint is the state of a sweep that did not end: a sweep resumed from it
// reports exactly what an uninterrupted one would have. As a file it is a
// stream of JSON values: the head, a HostState for each host, and a tail that
// proves that nothing is missing.
type Checkpoint struct {
	Format   string         `json:"format"` // CheckpointFormat
	ID       string         `json:"id"`
	Started  time.Time      `json:"started"`
	Saved    time.Time      `json:"saved"`
	Plan     Plan           `json:"plan"`
	Narrow   []netip.Prefix `json:"narrow,omitempty"` // left out since the start
	Scope    string         `json:"scope_sha256,omitempty"`
	Counters Counters       `json:"counters"`
	Lanes    []LaneState    `json:"lanes"`
	// Extra is for the program around the sweep (Options.Extra).
	Extra json.RawMessage `json:"extra,omitempty"`

	hosts *json.Decoder // what follows the head
}

// CheckpointFormat names this version of the file.
const CheckpointFormat = "memsweep-checkpoint/2"

// LaneState is where one probe is, and its two bits for each address, in the
// order of its walk.
type LaneState struct {
	Probe   string `json:"probe"`
	Pass    int    `json:"pass"`
	Pos     uint64 `json:"pos"`
	Mending bool   `json:"mending,omitempty"` // only what failed is asked again
	Settled []byte `json:"settled"`           // see bitset.pack
	Failed  []byte `json:"failed"`
}

// HostState is one address that answered, or in the tail the number of them.
type HostState struct {
	Addr   netip.Addr   `json:"addr,omitzero"`
	Sights []SightState `json:"sights,omitempty"`
	Hosts  *int         `json:"hosts,omitempty"`
}

// SightState is one endpoint that answered; Observed is null if it was not yet
// interrogated.
type SightState struct {
	Probe    string          `json:"probe"`
	From     netip.AddrPort  `json:"from,omitzero"`
	Datagram []byte          `json:"datagram,omitempty"`
	Observed json.RawMessage `json:"observed"` // an exposure.Observation; the last field: see appendSight
}

// ReadCheckpoint reads the head of what was saved. The rest is read by New, so
// r must stay open until then.
func ReadCheckpoint(r io.Reader) (*Checkpoint, error) {
	var c Checkpoint
	c.hosts = json.NewDecoder(r)
	if err := c.hosts.Decode(&c); err != nil {
		return nil, fmt.Errorf("not a checkpoint, or a damaged one: %w", err)
	}
	if c.Format != CheckpointFormat {
		return nil, fmt.Errorf("format %q: this version reads %q", c.Format, CheckpointFormat)
	}
	return &c, nil
}

// Narrowed are the addresses that the checkpoint's sweep had left out already.
func (c *Checkpoint) Narrowed() (targets.Set, error) { return targets.SetOf(c.Narrow...) }

// Checkpoints are saved this often; a large one less often, so that saving
// never takes more than a twentieth of the time.
const (
	keepEvery = 4 * time.Second
	keepShare = 20
)

// keep saves a checkpoint every few seconds until end is closed.
func (s *Sweep) keep(end <-chan struct{}) {
	if s.save == nil {
		return
	}
	wait, failed := keepEvery, false
	for {
		select {
		case <-end:
			return
		case <-time.After(wait):
		}
		begin := time.Now()
		if err := s.save(s.snapshot(s.grace()).write); err != nil && !failed {
			failed = true // once is enough; the sweep is worth more than its checkpoint
			s.problem(fmt.Errorf("checkpoint: %w", err))
		}
		wait = max(keepEvery, keepShare*time.Since(begin))
	}
}

// grace is how long after it was asked an endpoint may still be under way.
func (s *Sweep) grace() time.Duration {
	local := time.Duration(0)
	for try := range localTries {
		local += localBackoff(try)
	}
	return localTries*time.Duration(s.plan.Timeout) + local + time.Second
}

// Save saves the state of a sweep that has ended, finished or not. Where this
// machine failed, what was asked last may be lost, and is to be asked again.
func (s *Sweep) Save() error {
	if s.save == nil {
		return nil
	}
	s.mu.Lock()
	var grace time.Duration
	if s.broken {
		grace = s.grace()
	}
	s.mu.Unlock()
	return s.save(s.snapshot(grace).write)
}

// snapshot is the state at one moment: the observations themselves are still
// in the spool, where nothing changes them.
type snapshot struct {
	head  Checkpoint
	sweep *Sweep
	addrs []netip.Addr
	hosts [][]*sight
}

// snapshot copies the state. With a grace, lanes are set back to where nothing
// is under way any more; without, everything must have ended.
func (s *Sweep) snapshot(grace time.Duration) snapshot {
	now := time.Now()
	snap := snapshot{sweep: s}
	snap.head = Checkpoint{
		Format: CheckpointFormat, ID: s.ID, Started: s.Started, Saved: now.UTC(),
		Plan: s.plan, Narrow: s.narrow.Prefixes(), Extra: s.extra,
	}
	if s.scope != nil {
		snap.head.Scope = s.scope.SHA256
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	snap.head.Counters = s.count()
	for _, l := range s.lanes {
		place := l.now()
		if grace > 0 {
			place = l.tick(now, grace)
		}
		snap.head.Lanes = append(snap.head.Lanes, LaneState{
			Probe: l.probe.Name, Pass: place.pass, Pos: place.pos, Mending: place.mending,
			Settled: l.settled.pack(), Failed: l.failed.pack(),
		})
	}
	for addr, h := range s.hosts {
		snap.addrs = append(snap.addrs, addr)
		snap.hosts = append(snap.hosts, cloned(h.sights))
	}
	return snap
}

func (snap snapshot) write(w io.Writer) error {
	out := json.NewEncoder(w)
	if err := out.Encode(snap.head); err != nil {
		return err
	}
	var line []byte
	for i, addr := range snap.addrs {
		name, err := json.Marshal(addr)
		if err != nil {
			return err
		}
		line = fmt.Appendf(line[:0], `{"addr":%s,"sights":[`, name)
		for n, seen := range snap.hosts[i] {
			if seen == nil {
				continue
			}
			if line[len(line)-1] == '}' {
				line = append(line, ',')
			}
			if line, err = snap.sweep.appendSight(line, n, seen); err != nil {
				return err
			}
		}
		if _, err := w.Write(append(line, "]}\n"...)); err != nil {
			return err
		}
	}
	n := len(snap.addrs)
	return out.Encode(HostState{Hosts: &n})
}

// appendSight appends the JSON of a SightState. encoding/json would look through
// every observation once more, which is most of what a checkpoint costs.
func (s *Sweep) appendSight(line []byte, lane int, seen *sight) ([]byte, error) {
	state := SightState{Probe: s.lanes[lane].probe.Name, From: seen.first.From, Datagram: seen.first.Datagram}
	empty, err := json.Marshal(state)
	if err != nil {
		return line, err
	}
	line = append(line, empty...)
	observed := line[:len(line)-len("null}")]
	switch {
	case seen.failed: // to be interrogated again
		return line, nil
	case seen.shelved:
		observed, err = s.shelf.Append(observed, seen.ref)
	case seen.observed != nil:
		observed = append(observed, shelfForm(seen.observed)...)
	default:
		return line, nil
	}
	return append(observed, '}'), err
}

// restore takes the state over. Everything in it is checked: the file may have
// been changed.
func (s *Sweep) restore(c *Checkpoint) error {
	s.ID, s.Started, s.before = c.ID, c.Started, c.Counters
	if len(c.Lanes) != len(s.lanes) {
		return fmt.Errorf("checkpoint: %d lanes for %d probes", len(c.Lanes), len(s.lanes))
	}
	for i, l := range s.lanes {
		if err := l.restore(c.Lanes[i]); err != nil {
			return fmt.Errorf("checkpoint: %s: %w", l.probe.Name, err)
		}
	}
	if lost := c.Counters.Losses; lost.Received > 0 || lost.Astray > 0 || s.missed(c.Counters) {
		// Some of the silent may have answered, or were never asked: they are
		// asked once more.
		for _, l := range s.lanes {
			l.pass, l.pos, l.mending = min(l.pass, l.tries-1), 0, false
			l.marks = []mark{{pass: l.pass}}
		}
		s.before.Losses = Losses{}
	}
	for n := 0; ; n++ {
		var h HostState
		if err := c.hosts.Decode(&h); err != nil {
			return fmt.Errorf("checkpoint: ends after %d hosts, or is damaged there: %w", n, err)
		}
		if h.Hosts != nil {
			if *h.Hosts != n {
				return fmt.Errorf("checkpoint: %d hosts of %d", n, *h.Hosts)
			}
			return nil
		}
		for _, seen := range h.Sights {
			if err := s.restoreSight(h.Addr, seen); err != nil {
				return fmt.Errorf("checkpoint: host %s: %w", h.Addr, err)
			}
		}
	}
}

// missed reports whether interfaces have lost all that some endpoint was asked.
func (s *Sweep) missed(c Counters) bool {
	var planned uint64
	for _, l := range s.lanes {
		planned += l.addresses()
	}
	return missed(c.Losses.Sent, c.Packets, planned, s.plan.Tries)
}

func (s *Sweep) restoreSight(addr netip.Addr, state SightState) error {
	i := slices.IndexFunc(s.lanes, func(l *lane) bool { return l.probe.Name == state.Probe })
	if i < 0 {
		return fmt.Errorf("probe %q is not in the plan", state.Probe)
	}
	l := s.lanes[i]
	pos, ok := l.place(addr)
	if !ok {
		return errors.New("not in the plan")
	}
	if s.narrow.Contains(addr) {
		return nil
	}
	sights := s.host(addr).sights
	if sights[i] != nil {
		return fmt.Errorf("probe %q: there twice", state.Probe)
	}
	l.settled.set(pos)
	seen := &sight{first: probes.First{From: state.From, Datagram: state.Datagram}}
	sights[i] = seen
	if len(state.Observed) == 0 || string(state.Observed) == "null" {
		s.pending = append(s.pending, candidate{lane: l, addr: addr, first: seen.first})
		return nil
	}
	return json.Unmarshal(state.Observed, &seen.observed)
}

func (l *lane) restore(state LaneState) error {
	if state.Probe != l.probe.Name {
		return fmt.Errorf("found %q in its place", state.Probe)
	}
	if state.Pass < 0 || state.Pass > l.tries || state.Pos > l.positions() {
		return fmt.Errorf("pass %d, position %d are beyond the plan", state.Pass, state.Pos)
	}
	var err error
	if l.settled, err = unpackBitset(state.Settled, l.positions()); err != nil {
		return fmt.Errorf("settled: %w", err)
	}
	if l.failed, err = unpackBitset(state.Failed, l.positions()); err != nil {
		return fmt.Errorf("failed: %w", err)
	}
	l.pass, l.pos, l.mending = state.Pass, state.Pos, state.Mending
	if l.toMend = l.failed.any(); l.toMend && l.pass == l.tries {
		l.pass, l.pos, l.mending, l.toMend = l.tries-1, 0, true, false
	}
	l.marks = []mark{{pass: l.pass, pos: l.pos, mending: l.mending}}
	return nil
}
