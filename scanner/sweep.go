package scanner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/netip"
	"sync"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/internal/spool"
	"github.com/memsweep/memsweep/probes"
	"github.com/memsweep/memsweep/targets"
)

// Sweep is one run of a plan.
type Sweep struct {
	ID      string
	Started time.Time // of the first run, if this one goes on from a checkpoint

	plan    Plan
	set     targets.Set
	narrow  targets.Set
	scope   *targets.Scope
	gate    *Gate
	budget  Budget
	dialer  dialer
	engine  Engine
	lanes   []*lane
	save    func(write func(io.Writer) error) error
	emit    func(exposure.Host) error
	extra   json.RawMessage
	guards  Guards
	before  Counters  // of the earlier runs of a resumed sweep
	buffers sync.Pool // of *[maxUDP]byte, for conversations

	news    chan netip.Addr // hosts of which more is known; for the clerk
	enough  chan struct{}   // there is no room for more news
	over    chan struct{}   // closed when there will be no more news
	emitErr error           // the clerk's

	mu       sync.Mutex
	wake     *sync.Cond // pending grew, or closed
	closed   bool       // discovery is over
	rousing  bool       // talkers will be woken for what is pending
	unmet    map[unmet]bool
	hosts    map[netip.Addr]*host
	shelf    spool.Spool // observations, out of memory
	pending  []candidate // UDP endpoints that wait for their interrogation
	counters Counters
	problems []string
	halted   bool // by a guard
	broken   bool // what this machine sends, or is sent, gets lost
	stop     context.CancelFunc
}

// Counters are what a sweep counts along the way.
type Counters struct {
	Packets    uint64            `json:"packets"`
	Pace       Pace              `json:"pace"`
	Unverified uint64            `json:"unverified"`
	Local      map[string]uint64 `json:"local,omitempty"` // failed attempts by cause
	// RefusedBy counts refusals that came from somebody else than the one asked.
	RefusedBy map[netip.Addr]uint64 `json:"refused_by,omitempty"`
	Losses    Losses                `json:"losses"`
}

// host is what is known of an address at which at least one probe was answered.
type host struct {
	sights  []*sight // by lane; nil: that probe was not answered
	emitted bool
}

// sight is an endpoint that answered.
type sight struct {
	first    probes.First          // UDP only
	observed *exposure.Observation // from its interrogation until it is shelved
	failed   bool                  // the interrogation failed on this machine
	shelved  bool
	ref      spool.Ref
}

// asked reports whether the endpoint has been interrogated.
func (s *sight) asked() bool { return s.observed != nil || s.shelved }

// Options are the parts of a sweep that are not in its plan.
type Options struct {
	ID    string
	Scope *targets.Scope // nil: only what may be swept freely
	// Emit takes each host as soon as nothing more will be learned of it, one
	// at a time. An error stops the sweep as an interrupt does.
	Emit func(exposure.Host) error
	// Save puts what write writes into a safe place, in the stead of what it
	// put there before. It is called every few seconds; nil: never.
	Save func(write func(io.Writer) error) error
	// Extra is kept in every checkpoint, for the program around the sweep.
	Extra json.RawMessage
	// Guards may stop the sweep.
	Guards Guards
	// From is where conversations with those that answered come from.
	From From
	// Engine makes the engine; nil: NewSocket.
	Engine func(Setup) (Engine, error)
	// Resume is the state to go on from; its plan is the sweep's plan.
	Resume *Checkpoint
	// Narrow are addresses that a resumed sweep leaves out from now on.
	Narrow targets.Set
}

// New prepares a sweep. It opens nothing and sends nothing.
func New(plan Plan, o Options) (*Sweep, error) {
	if err := errors.Join(plan.Validate(), o.Guards.Validate()); err != nil {
		return nil, err
	}
	set, err := plan.Set()
	if err != nil {
		return nil, err
	}
	left := set.Minus(o.Narrow)
	if err := o.Scope.Check(left, time.Now()); err != nil {
		return nil, err
	}
	s := &Sweep{
		ID:      o.ID,
		Started: time.Now().UTC(),
		plan:    plan,
		set:     set,
		narrow:  o.Narrow,
		scope:   o.Scope,
		budget:  NewBudget(plan.Workers),
		save:    o.Save,
		emit:    o.Emit,
		extra:   o.Extra,
		guards:  o.Guards,
		hosts:   map[netip.Addr]*host{},
		unmet:   map[unmet]bool{},
	}
	s.wake = sync.NewCond(&s.mu)
	s.buffers.New = func() any { return new([maxUDP]byte) }
	s.counters.Local = map[string]uint64{}
	s.counters.RefusedBy = map[netip.Addr]uint64{}
	s.gate = NewGate(plan.Rate, plan.Bandwidth, o.Scope.Permitted(left).Contains, o.Scope.ValidAt)
	if s.dialer, err = newDialer(time.Duration(plan.Timeout), o.From); err != nil {
		return nil, err
	}
	if o.Engine == nil {
		o.Engine = NewSocket
	}
	if s.engine, err = o.Engine(Setup{s.gate, plan, left, plan.probes(), s.budget}); err != nil {
		return nil, err
	}
	for i, p := range plan.probes() {
		s.lanes = append(s.lanes, newLane(i, p, set, o.Narrow, plan))
	}
	if o.Resume != nil {
		if err := s.restore(o.Resume); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Close drops what the sweep has kept, and closes its engine.
func (s *Sweep) Close() error {
	s.shelf.Close()
	return s.engine.Close()
}

// Engine is what carries the sweep's questions.
func (s *Sweep) Engine() Engine { return s.engine }

// Run carries the plan out. When ctx ends, the sweep stops asking, finishes
// what is under way and saves a checkpoint; when hard ends too, it drops what
// is under way. An error is about saving or emitting; what was found is in the
// result all the same.
func (s *Sweep) Run(ctx, hard context.Context) (Result, error) {
	ctx, s.stop = context.WithCancel(ctx)
	defer s.stop()
	s.news, s.enough, s.over = make(chan netip.Addr, maxNews), make(chan struct{}, 1), make(chan struct{})
	var clerk sync.WaitGroup
	clerk.Go(s.clerk)
	s.tellAll()

	keeper, endKeeper := new(sync.WaitGroup), make(chan struct{})
	keeper.Go(func() { s.keep(endKeeper) })
	keeper.Go(func() { s.guard(endKeeper) })
	var talkers, walkers sync.WaitGroup
	for range s.budget.Dialogue {
		talkers.Go(func() { s.talk(ctx, hard) })
	}
	for _, l := range s.lanes {
		walkers.Go(func() { s.walk(ctx, hard, l) })
	}
	walkers.Wait()
	s.closeQueue()
	talkers.Wait()
	close(s.over)
	close(s.news)
	clerk.Wait()
	close(endKeeper)
	keeper.Wait()

	s.dropDoubtful()
	result := s.result(ctx)
	var err error
	if result.Status != exposure.Complete {
		err = s.Save()
	}
	s.emitRest()
	return result, errors.Join(err, s.emitErr)
}

// walk makes every pass of one lane.
func (s *Sweep) walk(ctx, hard context.Context, l *lane) {
	for more := !l.done(); more && ctx.Err() == nil; more = l.nextPass() {
		pass, _ := l.at()
		quiet := time.Duration(s.plan.Timeout)
		if pass == l.tries-1 {
			quiet = time.Duration(s.plan.Cooldown)
		}
		err := s.engine.Discover(ctx, Job{
			Probe:       l.probe,
			Questions:   s.paced(l.questions(ctx)),
			Quiet:       quiet,
			Report:      func(e Event) { s.take(hard, l, e) },
			Outstanding: l.outstanding,
			Addr:        l.addr,
			Abort:       hard,
		})
		if err != nil {
			s.fails(fmt.Errorf("%s: %w", l.probe.Name, err))
			return
		}
	}
	s.tellAll()
}

// paced marks the time in which there are questions left to ask.
func (s *Sweep) paced(questions iter.Seq[Question]) iter.Seq[Question] {
	return func(yield func(Question) bool) {
		defer s.gate.Walk()()
		questions(yield)
	}
}
