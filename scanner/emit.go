package scanner

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

// maxNews is how many hosts may wait for the clerk: when a report cannot be
// written as fast, those who talk to hosts wait too.
const maxNews = 256

// gathering is how long what comes one by one is gathered, to be dealt with in
// a row: on its own, between the packets of a sweep, a host costs twice as much.
const gathering = 200 * time.Millisecond

// clerk emits every host that it hears news of as soon as nothing more will be
// learned of it, and moves out of memory what was seen there. It is alone with
// this: hosts are emitted one at a time.
func (s *Sweep) clerk() {
	for addr := range s.news {
		s.emitIfReady(addr)
		s.shelve(addr) // if it was not emitted, it may have to wait for long
		if len(s.news) > 0 {
			continue
		}
		select {
		case <-time.After(gathering):
		case <-s.enough:
		case <-s.over:
		}
	}
}

// tell has the clerk look at a host, if it is one.
func (s *Sweep) tell(addr netip.Addr) {
	s.mu.Lock()
	h := s.hosts[addr]
	s.mu.Unlock()
	if h != nil {
		s.hand(addr)
	}
}

// tellAll does so for every host, in order of address.
func (s *Sweep) tellAll() {
	for _, addr := range s.addresses() {
		s.hand(addr)
	}
}

func (s *Sweep) hand(addr netip.Addr) {
	select {
	case s.news <- addr:
		return
	default:
	}
	select {
	case s.enough <- struct{}{}:
	default: // the clerk knows
	}
	s.news <- addr
}

func (s *Sweep) addresses() []netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Keys(s.hosts), netip.Addr.Compare)
}

// emitIfReady emits a host if nothing more will be learned of it.
func (s *Sweep) emitIfReady(addr netip.Addr) {
	s.mu.Lock()
	h := s.hosts[addr]
	ready := h != nil && !h.emitted && s.ready(addr, h)
	if ready {
		h.emitted = true
	}
	s.mu.Unlock()
	if ready {
		s.deliver(addr)
	}
}

func (s *Sweep) ready(addr netip.Addr, h *host) bool {
	for _, l := range s.lanes {
		pos, _ := l.place(addr)
		if seen := h.sights[l.number]; seen != nil && !seen.asked() || !l.final(pos) {
			return false
		}
	}
	return true
}

// emitRest emits the hosts of which some probe was not finished when the sweep
// ended.
func (s *Sweep) emitRest() {
	for _, addr := range s.addresses() {
		s.mu.Lock()
		h := s.hosts[addr]
		rest := !h.emitted
		h.emitted = true
		s.mu.Unlock()
		if rest {
			s.deliver(addr)
		}
	}
}

// deliver hands a host to the caller.
func (s *Sweep) deliver(addr netip.Addr) {
	if s.emitErr != nil {
		return
	}
	host, err := s.fuse(addr)
	if err == nil {
		err = s.emit(host)
	}
	if s.emitErr = err; err != nil {
		s.stop()
	}
}

// shelve moves what was seen of a host out of memory.
func (s *Sweep) shelve(addr netip.Addr) {
	for i, seen := range s.sights(addr) {
		if seen == nil || seen.observed == nil {
			continue
		}
		ref := s.shelf.Put(shelfForm(seen.observed))
		s.mu.Lock()
		moved := sight{failed: seen.failed, shelved: true, ref: ref}
		if moved.failed {
			moved.first = seen.first
		}
		*s.hosts[addr].sights[i] = moved
		s.mu.Unlock()
	}
}

// shelfForm is the JSON of an observation in short: a reply once, as base64,
// which is what reading it back needs, and by plain fields: what a MarshalJSON
// returns, encoding/json looks through once more.
func shelfForm(o *exposure.Observation) []byte {
	type exchange struct {
		Question string `json:"question"`
		Reply    []byte `json:"base64"`
		Bytes    int    `json:"bytes"`
		Ending   string `json:"ending"`
	}
	short := struct {
		*exposure.Observation
		Evidence []exchange `json:"evidence"` // stands before that of Observation
	}{o, make([]exchange, 0, len(o.Evidence))}
	for _, e := range o.Evidence {
		short.Evidence = append(short.Evidence, exchange(e))
	}
	document, err := json.Marshal(short)
	if err != nil {
		panic(err) // plain data
	}
	return document
}

// fuse brings together what every lane knows of an address.
func (s *Sweep) fuse(addr netip.Addr) (exposure.Host, error) {
	sights := s.sights(addr)
	host := exposure.Host{Addr: addr}
	for i, l := range s.lanes {
		o := exposure.Observation{
			Probe: l.probe.Name, Transport: l.probe.Transport, Port: l.probe.Port,
			Auth: exposure.AuthUnknown, Evidence: []exposure.Exchange{},
		}
		switch {
		case sights[i] == nil:
			pos, _ := l.place(addr)
			o.State = l.state(pos)
		case sights[i].observed != nil:
			o = *sights[i].observed
		case !sights[i].shelved:
			o = s.unfinished(candidate{lane: l, addr: addr, first: sights[i].first})
		default:
			document, err := s.shelf.Get(sights[i].ref)
			if err == nil {
				err = json.Unmarshal(document, &o)
			}
			if err != nil {
				return host, fmt.Errorf("what was seen at %s: %w", addr, err)
			}
		}
		host.Observations = append(host.Observations, o)
	}
	return host, nil
}

// sights is a copy of what is known of an address, nil when that was taken back.
func (s *Sweep) sights(addr netip.Addr) []*sight {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.hosts[addr]; h != nil {
		return cloned(h.sights)
	}
	return nil
}

func cloned(sights []*sight) []*sight {
	copies := slices.Clone(sights)
	for i, seen := range sights {
		if seen != nil {
			one := *seen
			copies[i] = &one
		}
	}
	return copies
}

// Hosts yields every host at which a probe was answered, in order of address.
func (s *Sweep) Hosts() iter.Seq2[exposure.Host, error] {
	return func(yield func(exposure.Host, error) bool) {
		for _, addr := range s.addresses() {
			if !yield(s.fuse(addr)) {
				return
			}
		}
	}
}
