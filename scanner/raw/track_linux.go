package raw

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/probes"
	"github.com/memsweep/memsweep/scanner"
)

// How many source ports a probe asks from. Over UDP the request ID holds 16
// bits of the cookie and the port the rest; over TCP the sequence number holds
// 32, and the ports only keep firewalls from taking one question for another.
const (
	udpPorts = 4
	tcpPorts = 64
)

// track is one probe on the wire: its ports, its ways to the targets, and what
// listens for answers.
type track struct {
	*verifier
	engine *Engine
	held   *Held
	ways   map[wayKey]*way  // changed under Engine.mu, as rings is: others look
	rings  map[string]*Ring // by interface

	last    Path // the way of the last question: the next is likely to go there too
	lastW   *way
	lastMAC [6]byte                // of its next hop
	macs    map[netip.Addr][6]byte // of targets on the link, under Engine.mu
	routes  uint64                 // as of Engine.around
	onLink  []scanner.Question     // whose Ethernet address has to be found first
	waiting int                    // questions in all ways
}

func newTrack(e *Engine, probe probes.Probe, paths []Path) (*track, error) {
	t := &track{engine: e, ways: map[wayKey]*way{}, rings: map[string]*Ring{}, macs: map[netip.Addr][6]byte{}}
	if err := t.takePorts(e, probe, paths); err != nil {
		return t, err
	}
	for _, path := range paths {
		if _, err := t.way(path); err != nil {
			return t, err
		}
	}
	return t, t.listenElsewhere()
}

func (t *track) takePorts(e *Engine, probe probes.Probe, paths []Path) (err error) {
	var sources []netip.Addr
	known := map[netip.Addr]bool{}
	for _, p := range paths {
		if !known[p.Source] {
			known[p.Source] = true
			sources = append(sources, p.Source)
		}
	}
	count := tcpPorts
	if probe.Transport == exposure.UDP {
		count = udpPorts
	}
	if t.held, err = HoldPorts(sources, count); err != nil {
		return err
	}
	t.verifier = newVerifier(probe, t.held.Ports(), e.cookies)
	if e.pcap {
		t.witness = func(on string, asked netip.Addr, p *Packet) { e.remember(t, on, asked, p) }
	}
	return nil
}

// way returns what sends on a path; the first time, it opens it.
func (t *track) way(path Path) (*way, error) {
	if w := t.ways[keyOfPath(path)]; w != nil {
		return w, nil
	}
	template, err := t.template(path)
	if err != nil {
		return nil, err
	}
	if t.rings[path.Interface] == nil {
		ring, err := NewRing(path.Interface, t.held.Range(), IPv4, IPv6)
		if err != nil {
			return nil, err
		}
		t.engine.mu.Lock()
		t.rings[path.Interface] = ring
		t.engine.mu.Unlock()
	}
	sender, skipped, err := NewSender(path, template, t.engine.sender)
	t.engine.mu.Lock()
	defer t.engine.mu.Unlock()
	t.engine.notes = append(t.engine.notes, skipped...)
	if err != nil {
		return nil, err
	}
	w := &way{path: path, template: template, sender: sender, charge: t.charge}
	t.ways[keyOfPath(path)] = w
	return w, nil
}

func (t *track) template(path Path) (*Template, error) {
	if t.probe.Transport == exposure.UDP {
		return NewUDPTemplate(path, t.probe.Port, t.probe.Discover(nil, 0), 0)
	}
	return NewSYNTemplate(path, t.probe.Port)
}

func (t *track) close() error {
	var all []error
	for _, w := range t.ways {
		all = append(all, w.sender.Close())
	}
	for _, r := range t.rings {
		all = append(all, r.Close())
	}
	if t.held != nil {
		all = append(all, t.held.Close())
	}
	return errors.Join(all...)
}

// send asks every question of the job.
func (t *track) send(ctx context.Context, job scanner.Job) error {
	t.follow()
	size := t.engine.gate.MaxBatch()
	for q := range job.Questions {
		if !t.last.Prefix.IsValid() || !t.last.Prefix.Contains(q.Addr) {
			if err := t.turn(q.Addr); err != nil {
				job.Report(scanner.Event{Kind: scanner.Failed, Addr: q.Addr, Question: q, Err: routeCause(err)})
				continue
			}
		}
		if t.last.PerHost() {
			t.onLink = append(t.onLink, q)
		} else {
			t.add(q, &t.lastMAC)
		}
		if len(t.onLink) == onLinkBatch {
			t.meetAll(ctx, job)
		}
		if t.waiting >= size {
			if err := t.flush(ctx, job); err != nil {
				t.giveBack(job)
				return quietly(ctx, err)
			}
			size = t.engine.gate.MaxBatch() // it follows the rate, which drops may lower
		}
	}
	t.meetAll(ctx, job)
	return quietly(ctx, t.flush(ctx, job))
}

// quietly makes an interrupt no error.
func quietly(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// turn finds the way to an address.
func (t *track) turn(addr netip.Addr) error {
	path, err := t.engine.router.Path(addr)
	if err != nil {
		return err
	}
	w, err := t.way(path)
	if err != nil {
		return err
	}
	t.last, t.lastW, t.lastMAC = path, w, [6]byte{}
	copy(t.lastMAC[:], path.NextMAC)
	return nil
}

// add lets a question wait for the next flush. The frame is filled in where it
// waits: to read what was just written by parts as a whole costs as much as
// the cookie.
func (t *track) add(q scanner.Question, next *[6]byte) {
	port, token := t.cookie(q.Addr)
	w := t.lastW
	w.frames = slices.Grow(w.frames, 1)[:len(w.frames)+1]
	f := &w.frames[len(w.frames)-1]
	f.Dst, f.SrcPort, f.Token, f.NextMAC, f.port = q.Addr, t.ports[port], token, *next, uint8(port)
	w.asked = append(w.asked, q)
	t.waiting++
}

// flush passes what waits through the gate and sends it. After an error
// nothing waits any more: what was not sent is reported as not asked.
func (t *track) flush(ctx context.Context, job scanner.Job) (err error) {
	if t.waiting == 0 {
		return nil
	}
	for _, w := range t.ways {
		_, asked := w.waiting()
		for err == nil && len(asked) > 0 {
			err = t.flushSome(ctx, job, w)
			_, asked = w.waiting()
		}
		for _, q := range asked {
			job.Report(scanner.Event{Kind: scanner.Unasked, Addr: q.Addr, Question: q})
		}
		w.clear()
	}
	t.waiting = 0
	t.follow()
	if err == nil {
		err = t.engine.watch(time.Now())
	}
	return err
}

// charge counts questions that are sent again.
func (t *track) charge(packets int) {
	t.engine.gate.Charge(packets, packets*wireBytes(t.probe))
}

// flushSome sends as much of what waits as may leave at once.
func (t *track) flushSome(ctx context.Context, job scanner.Job, w *way) error {
	frames, asked := w.waiting()
	n := min(len(asked), t.engine.gate.MaxBatch())
	if err := t.engine.gate.PassBatch(ctx, asked[:n], wireBytes(t.probe)); err != nil {
		return err
	}
	t.remember(frames[:n], asked[:n])
	if w.path.NextMAC != nil {
		t.engine.around.unconfirmed.Add(int64(n))
	}
	return w.flush(n, job.Report)
}

// wireBytes is what a question and the answer to it take on the wire.
func wireBytes(p probes.Probe) int {
	const headers = 14 + 20 + 8
	if p.Transport == exposure.UDP {
		return 2*headers + len(p.Utterances[0].Bytes) + p.DiscoverReplyBytes
	}
	return 74 + 74 // a SYN and a SYN-ACK with their options
}

// follow forgets the way of the last question when routes have changed.
func (t *track) follow() {
	if routes := t.engine.around.routes.Load(); routes != t.routes {
		t.routes, t.last = routes, Path{}
	}
}

func routeCause(err error) error {
	for _, known := range []error{ErrNoRoute, ErrNoNeighbour} {
		if errors.Is(err, known) {
			return known
		}
	}
	return err
}
