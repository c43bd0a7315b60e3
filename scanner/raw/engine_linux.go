package raw

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/memsweep/memsweep/scanner"
)

// Options say how the engine reaches the wire.
type Options struct {
	Interface string     // the only one to use; "": as the routing tables say
	Source    netip.Addr // zero: as the routing tables say
	Sender    string     // Auto, or the name of one
	Pcap      io.Writer  // evidence for findings goes here; nil: none is kept
}

// Engine is the raw engine: scanner.Engine over whole frames.
type Engine struct {
	gate       *scanner.Gate
	sender     string // asked for
	neighbours *Neighbours
	router     *Router
	cookies    scanner.Cookies
	pcap       bool
	evidence   *Evidence
	links      []Link
	tracks     []*track

	around lookout

	mu     sync.Mutex
	notes  []string  // what was passed over, and why
	looked time.Time // when the interfaces were
	lost   uint64    // frames that they had dropped by then
	down   error     // that one of them is, by then
}

// New opens everything that needs a capability: for every way to an address of
// the set, a sender, and for every interface a ring. After it, capabilities can
// be given up.
func New(setup scanner.Setup, o Options) (*Engine, error) {
	e := &Engine{gate: setup.Gate, sender: o.Sender, pcap: o.Pcap != nil, cookies: scanner.NewCookies(setup.Plan.Seed)}
	if err := e.open(setup, o); err != nil {
		return nil, errors.Join(advised(err), e.Close())
	}
	return e, nil
}

// advised sends to the doctor who lacks a privilege, and nobody else.
func advised(err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, errNoSender) {
		return fmt.Errorf("engine raw: %w: `memsweep doctor` says what is missing; --engine socket needs no privileges", err)
	}
	return fmt.Errorf("engine raw: %w", err)
}

func (e *Engine) open(setup scanner.Setup, o Options) (err error) {
	if err := checkSender(senderKinds(), o.Sender); err != nil {
		return err
	}
	if e.neighbours, err = NewNeighbours(NeighbourOptions{}); err != nil {
		return err
	}
	if e.router, err = NewRouter(RouteOptions{Interface: o.Interface, Source: o.Source, Neighbours: e.neighbours}); err != nil {
		return err
	}
	e.around.begin(time.Now())
	paths, err := e.paths(setup.Set)
	if err != nil {
		return err
	}
	for _, probe := range setup.Probes {
		t, err := newTrack(e, probe, paths)
		if t != nil {
			e.tracks = append(e.tracks, t)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", probe.Name, err)
		}
	}
	if o.Pcap != nil {
		e.links = links(e.tracks)
		e.evidence, err = NewEvidence(o.Pcap, e.links...)
	}
	return err
}

// links are the interfaces that anything is received from.
func links(tracks []*track) []Link {
	var list []Link
	for _, t := range tracks {
		for name, ring := range t.rings {
			l := Link{Name: name, Type: ring.LinkType()}
			if !slices.Contains(list, l) {
				list = append(list, l)
			}
		}
	}
	return list
}

// Name implements scanner.Engine.
func (e *Engine) Name() string { return "raw" }

// Detail implements scanner.Engine: which senders are used, and what was
// passed over.
func (e *Engine) Detail() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var senders []string
	for _, t := range e.tracks {
		for _, w := range t.ways {
			senders = append(senders, fmt.Sprintf("%s over %s by sender %s", t.probe.Name, w.path.Interface, w.sender.Name()))
		}
	}
	all := append(senders, e.notes...)
	slices.Sort(all)
	return slices.Compact(all)
}

// Losses implements scanner.Engine.
func (e *Engine) Losses() scanner.Losses {
	e.mu.Lock()
	defer e.mu.Unlock()
	var l scanner.Losses
	for _, t := range e.tracks {
		for _, r := range t.rings {
			n, err := r.Dropped()
			if err == nil {
				l.Received += n
			}
		}
	}
	l.Sent, _ = e.dropped()
	l.Astray = e.around.astray.Load()
	return l
}

// Keep writes the frames of an address into the capture, under the finding's
// name.
func (e *Engine) Keep(addr netip.Addr, finding string) error {
	if e.evidence == nil {
		return nil
	}
	return e.evidence.Keep(addr, finding)
}

// Unkept is how many frames of addresses that answered there was no room for.
func (e *Engine) Unkept() uint64 {
	if e.evidence == nil {
		return 0
	}
	return e.evidence.Lost()
}

// remember keeps a verified reply, and the question as it was sent, until the
// address turns out to be a finding.
func (e *Engine) remember(t *track, name string, asked netip.Addr, p *Packet) {
	link := func(name string) int {
		return slices.IndexFunc(e.links, func(l Link) bool { return l.Name == name })
	}
	if path, err := e.router.Path(asked); err == nil {
		e.mu.Lock()
		w := t.ways[keyOfPath(path)]
		e.mu.Unlock()
		if w != nil {
			frame := t.frame(asked)
			if copy(frame.NextMAC[:], path.NextMAC) == 0 {
				frame.NextMAC = t.macOf(asked)
			}
			question := w.template.Append(nil)
			w.template.Patch(question, frame)
			e.evidence.Add(asked, Captured{Link: link(w.path.Interface), At: p.At, Frame: question, Wire: len(question), Rebuilt: true})
		}
	}
	e.evidence.Add(asked, Captured{Link: link(name), At: p.At, Frame: p.Frame, Wire: p.Wire})
}

// Close gives everything back.
func (e *Engine) Close() error {
	var all []error
	for _, t := range e.tracks {
		all = append(all, t.close())
	}
	if e.router != nil {
		all = append(all, e.router.Close())
	}
	if e.neighbours != nil {
		all = append(all, e.neighbours.Close())
	}
	return errors.Join(all...)
}

// Discover implements scanner.Engine.
func (e *Engine) Discover(ctx context.Context, job scanner.Job) error {
	for _, t := range e.tracks {
		if t.probe.Name == job.Probe.Name {
			return t.discover(ctx, job)
		}
	}
	return fmt.Errorf("engine raw: probe %s was not prepared", job.Probe.Name)
}

// discover makes one pass: receivers first, then the questions.
func (t *track) discover(ctx context.Context, job scanner.Job) error {
	var receivers sync.WaitGroup
	var stop atomic.Bool
	for name, ring := range t.rings {
		receivers.Go(func() { t.receive(name, ring, job, &stop) })
	}
	receivers.Go(func() { t.engine.around.keep(t.engine.router, &stop) })
	err := t.send(ctx, job)
	scanner.Listen(job)
	if err == nil {
		err = t.engine.watch(time.Now()) // who is cut off hears nothing either
	}
	stop.Store(true)
	receivers.Wait()
	return err
}

// receive hands out what comes back on one interface until stop is set, and
// then what has come by that time, unless the sweep is aborted: a reader that
// was kept waiting must not lose what the ring already holds.
func (t *track) receive(name string, ring *Ring, job scanner.Job, stop *atomic.Bool) {
	const look = 50 * time.Millisecond
	take := func(p *Packet) { t.take(name, job, p) }
	for !stop.Load() {
		if err := ring.Read(time.Now().Add(look), take); err != nil {
			job.Report(scanner.Event{Kind: scanner.Retried, Err: err})
			time.Sleep(look)
		}
	}
	if job.Abort.Err() == nil {
		ring.Drain(take)
	}
}
