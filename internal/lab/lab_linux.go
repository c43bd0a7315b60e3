package lab

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"testing"
)

// Rest says what the addresses do that are not among the chosen ones.
type Rest int

// The ways an address can behave.
const (
	// Silent: packets vanish before the target's stack has seen them, so that
	// they cost next to nothing.
	Silent Rest = iota
	// Firewalled: packets vanish where an ordinary firewall drops them, after
	// connection tracking and routing. Whoever sends looks slower for it: both
	// ends of a veth pair share one machine's CPUs.
	Firewalled
	// Vanishing: packets vanish in the target's driver (XDP). Frames that are no
	// socket buffers then cost least of all, and those that are, a copy.
	Vanishing
	// Closed: the kernel answers with RST to TCP, ICMP port unreachable to UDP.
	Closed
	// Answers: every address does; keep the range that is swept small.
	Answers
)

// The ranges that a target owns unless Options say otherwise.
const (
	Range4 = "10.64.0.0/10"  // 4,194,304 addresses
	Range6 = "fd00:64::/108" // 1,048,576 addresses
)

// Options describe a lab. The zero value is Range4 behind a gateway, with 1,000
// addresses that answer and silence everywhere else.
type Options struct {
	// Range is what the target owns.
	Range netip.Prefix
	// Within is where the answering addresses are chosen; the whole Range if
	// it is not set. A small one makes a short sweep that finds all of them.
	Within netip.Prefix
	// Answering is how many answer; 0 is 1,000, and a negative number none.
	Answering int
	// Seed chooses which.
	Seed uint64
	Rest Rest
	// Loss is how many of a hundred packets vanish, in either direction, by
	// chance.
	Loss int
	// Queue, such as "rate 4mbit burst 4kb limit 8kb", puts a token bucket
	// on the scanner's interface (tc-tbf(8)); it drops what is too much.
	Queue string
	// OnLink makes the range part of the scanner's own link, without a
	// gateway. An address that is silent then does not resolve either.
	OnLink bool
	// Serve starts the server that answers, and returns where it listens, on
	// 127.0.0.0/8. Its sockets have to be opened before it returns: only the
	// calling thread is in the target's namespace. Nil: a real memcached.
	Serve func() (at netip.AddrPort, stop func(), err error)
}

// The two ends of the link; both names exist in their own namespace only.
const (
	scannerLink = "sweep0"
	targetLink  = "owned0"
	scannerMAC  = "02:00:00:00:00:01"
	targetMAC   = "02:00:00:00:00:02"
	port        = 11211
)

// Lab is two namespaces with a link between them.
type Lab struct {
	options   Options
	scanner   namespace
	target    namespace
	addrs     addressing
	answering []netip.Addr
	server    netip.AddrPort
	stop      func() // of Options.Serve
	guard     *guard
	xdp       io.Closer           // the sink of Vanishing
	counters  map[string]*os.File // /proc/net/dev by namespace
}

// New builds a lab for a test, and takes it down when that ends. Where a lab
// cannot be built, the test is skipped.
func New(t testing.TB, o Options) *Lab {
	t.Helper()
	if err := Possible(); err != nil {
		t.Skipf("no lab: %v", err)
	}
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// Open builds a lab. The caller closes it.
func Open(o Options) (*Lab, error) {
	if err := sweepLeftovers(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	name, err := newName()
	if err != nil {
		return nil, err
	}
	l := &Lab{
		options:  o,
		scanner:  namespace(name + "-s"),
		target:   namespace(name + "-t"),
		addrs:    addressingOf(o),
		counters: map[string]*os.File{},
	}
	if l.guard, err = startGuard(l.scanner, l.target); err != nil {
		return nil, err
	}
	if err := l.build(); err != nil {
		return nil, errors.Join(fmt.Errorf("build lab: %w", err), l.Close())
	}
	return l, nil
}

func (o Options) withDefaults() Options {
	if !o.Range.IsValid() {
		o.Range = netip.MustParsePrefix(Range4)
	}
	if !o.Within.IsValid() {
		o.Within = o.Range
	}
	switch {
	case o.Answering == 0:
		o.Answering = 1000
	case o.Answering < 0:
		o.Answering = 0
	}
	return o
}

func (l *Lab) build() error {
	var err error
	if l.answering, err = choose(l.options, l.addrs); err != nil {
		return err
	}
	for _, step := range []func() error{l.link, l.route, l.tune, l.serve, l.filter, l.sink, l.count} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// Close ends everything that runs in the lab, and removes it.
func (l *Lab) Close() error {
	if l.stop != nil {
		l.stop()
	}
	if l.xdp != nil {
		l.xdp.Close()
	}
	for _, f := range l.counters {
		f.Close() // an open one keeps its namespace alive
	}
	return l.guard.finish()
}

// Answering is the addresses that answer, in no particular order. When all do
// (Answers), it is still only the chosen ones.
func (l *Lab) Answering() []netip.Addr { return l.answering }

// Range is what the target owns.
func (l *Lab) Range() netip.Prefix { return l.options.Range }

// Interface is the name of the scanner's interface.
func (l *Lab) Interface() string { return scannerLink }

// Source is the scanner's own address.
func (l *Lab) Source() netip.Addr { return l.addrs.scanner.Addr() }

// NextHopMAC is the Ethernet address that frames to the range go to.
func (l *Lab) NextHopMAC() string { return targetMAC }
