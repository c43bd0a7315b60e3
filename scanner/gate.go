package scanner

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// ErrOutOfScope means that something tried to reach an address that the plan
// or its scope does not allow. It is always a defect: nothing was sent.
var ErrOutOfScope = errors.New("address is out of scope")

// ErrScopeExpired means that the authorisation ran out during the sweep.
var ErrScopeExpired = errors.New("the scope's valid_until has passed")

// Gate is the only way to the wire: it asks the scope once more about every
// address, then waits until the rate allows the packet. It sits right beside
// the write, so that a question that passed it is sent at once.
type Gate struct {
	allows  func(netip.Addr) bool
	valid   func(time.Time) bool
	asked   float64 // packets a second
	turn    chan struct{}
	packets *rate.Limiter
	bits    *rate.Limiter // nil: no bound

	mu    sync.Mutex
	sent  uint64 // packets passed
	pace  Pace
	busy  int       // walks under way
	since time.Time // when busy last rose from 0
}

// Pace is what was sent while there were questions left to ask: waiting for
// late replies must not look like a low rate.
type Pace struct {
	Packets uint64        `json:"packets"`
	Time    time.Duration `json:"time_ns"`
}

// Rate is packets a second; false when the time was too short to tell.
func (p Pace) Rate() (float64, bool) {
	return float64(p.Packets) / p.Time.Seconds(), p.Time >= 100*time.Millisecond
}

// NewGate returns a gate for packetsPerSecond and, unless it is 0, for
// bitsPerSecond of sent and expected traffic. allows is asked about every
// address and valid about every moment; both must be cheap.
//
// The burst is a hundredth of a second: large enough that timer granularity
// costs no rate, and the most that is ever sent at once after a suspend.
func NewGate(packetsPerSecond float64, bitsPerSecond uint64, allows func(netip.Addr) bool, valid func(time.Time) bool) *Gate {
	g := &Gate{
		allows:  allows,
		valid:   valid,
		asked:   packetsPerSecond,
		turn:    make(chan struct{}, 1),
		packets: rate.NewLimiter(rate.Limit(packetsPerSecond), max(1, int(packetsPerSecond/100))),
	}
	if bitsPerSecond > 0 {
		g.bits = rate.NewLimiter(rate.Limit(bitsPerSecond), max(minBurstBits, int(bitsPerSecond/100)))
	}
	return g
}

// minBurstBits lets a single full Ethernet frame through any bound.
const minBurstBits = 1518 * 8

// Pass waits for leave to send one packet to addr, with bytes on the wire in
// both directions as far as they can be foreseen.
func (g *Gate) Pass(ctx context.Context, addr netip.Addr, bytes int) error {
	if err := g.check(addr); err != nil {
		return err
	}
	return g.wait(ctx, 1, bytes)
}

// PassBatch is Pass for one packet to each of several questions.
func (g *Gate) PassBatch(ctx context.Context, batch []Question, bytesEach int) error {
	for i := range batch {
		if err := g.check(batch[i].Addr); err != nil {
			return err
		}
	}
	return g.wait(ctx, len(batch), bytesEach*len(batch))
}

// Charge counts packets and bytes that were not foreseen, or that the kernel
// sent on our behalf; later packets wait the longer for it.
func (g *Gate) Charge(packets, bytes int) {
	now := time.Now()
	for left := packets; left > 0; left -= g.packets.Burst() {
		g.packets.ReserveN(now, min(left, g.packets.Burst()))
	}
	g.count(packets)
	for bits := bytes * 8; g.bits != nil && bits > 0; bits -= g.bits.Burst() {
		g.bits.ReserveN(now, min(bits, g.bits.Burst()))
	}
}

// Ease slows down when this machine has lost packets on their way out, and
// returns to the rate asked for by and by when it has not. It is meant to be
// called every few milliseconds while sending.
func (g *Gate) Ease(lost bool) {
	now := float64(g.packets.Limit())
	switch {
	case lost:
		g.packets.SetLimit(rate.Limit(max(now*0.7, g.asked/1000, 1)))
	case now < g.asked:
		g.packets.SetLimit(rate.Limit(min(now*1.02+1, g.asked)))
	}
}

// MaxBatch is the largest batch that leaves the pace even: a millisecond's
// worth of packets, and no more than the limiter can grant at once.
func (g *Gate) MaxBatch() int {
	return max(1, min(int(g.packets.Limit()/1000), g.packets.Burst(), maxBatch))
}

const maxBatch = 512

func (g *Gate) check(addr netip.Addr) error {
	if !g.allows(addr) {
		return fmt.Errorf("send to %s: %w", addr, ErrOutOfScope)
	}
	return nil
}

func (g *Gate) wait(ctx context.Context, packets, bytes int) error {
	if !g.valid(time.Now()) {
		return ErrScopeExpired
	}
	for bits := bytes * 8; g.bits != nil && bits > 0; bits -= g.bits.Burst() {
		if err := g.bits.WaitN(ctx, min(bits, g.bits.Burst())); err != nil {
			return err
		}
	}
	// One at a time: a crowd of reservations would all come due in a suspend,
	// and leave at once after it.
	select {
	case g.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-g.turn }()
	if err := g.packets.WaitN(ctx, packets); err != nil {
		return err
	}
	g.count(packets)
	return nil
}

func (g *Gate) count(packets int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sent += uint64(packets)
	if g.busy > 0 {
		g.pace.Packets += uint64(packets)
	}
}

// Walk marks the beginning of a walk over questions; the function it returns
// marks its end.
func (g *Gate) Walk() (end func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.busy++; g.busy == 1 {
		g.since = time.Now()
		// What has gathered while there was nothing to ask would leave at once.
		g.packets.AllowN(g.since, int(g.packets.TokensAt(g.since)))
	}
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.busy--; g.busy == 0 {
			g.pace.Time += time.Since(g.since)
		}
	}
}

// Sent is how many packets have passed, and at what pace.
func (g *Gate) Sent() (packets uint64, pace Pace) {
	g.mu.Lock()
	defer g.mu.Unlock()
	pace = g.pace
	if g.busy > 0 {
		pace.Time += time.Since(g.since)
	}
	return g.sent, pace
}
