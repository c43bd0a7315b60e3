package scanner

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func always(netip.Addr) bool     { return true }
func forever(time.Time) bool     { return true }
func loopback(n byte) netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, n}) }

// The rate is that of all senders together, one packet or a batch at a time.
func TestGateHoldsTheRate(t *testing.T) {
	for _, rate := range []float64{100, 1000, 10_000, 50_000} {
		for _, senders := range []int{1, 7} {
			t.Run(fmt.Sprintf("%v/s by %d", rate, senders), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					g := NewGate(rate, 0, always, forever)
					ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
					defer cancel()
					end := g.Walk()
					var all sync.WaitGroup
					for n := range senders {
						batch := make([]Question, 1)
						if n%2 == 1 {
							batch = make([]Question, g.MaxBatch())
						}
						all.Go(func() {
							for g.PassBatch(ctx, batch, 60) == nil {
							}
						})
					}
					all.Wait()
					end()
					time.Sleep(time.Hour) // late replies
					sent, pace := g.Sent()
					if got := float64(sent) / 10; got < 0.97*rate || got > 1.03*rate {
						t.Errorf("%v packets a second, want %v ±3%%", got, rate)
					}
					if got, ok := pace.Rate(); !ok || got < 0.97*rate || got > 1.03*rate {
						t.Errorf("says that it sent %v a second, want %v ±3%%", got, rate)
					}
				})
			})
		}
	}
}

// After a suspend, no more than the burst leaves at once.
func TestGateDoesNotCatchUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(1000, 0, always, forever)
		pass := func() { g.Pass(t.Context(), loopback(1), 60) }
		pass()
		time.Sleep(time.Hour)
		begin := time.Now()
		for range 110 {
			pass()
		}
		if took := time.Since(begin); took < 99*time.Millisecond {
			t.Errorf("110 packets left within %v of a suspend", took)
		}
	})
}

func TestGateHoldsTheBandwidth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(100_000, 1_000_000, always, forever)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		for g.Pass(ctx, loopback(1), 125) == nil { // 1,000 bits
		}
		sent, _ := g.Sent()
		if got := float64(sent) / 10; got < 970 || got > 1030 {
			t.Errorf("%v packets of 1,000 bits a second, want 1,000 ±3%%", got)
		}
	})
}

// What came back unforeseen is paid for by later packets, and so is what was sent
// again, more than a burst of it too.
func TestGateCharge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(10_000, 0, always, forever)
		g.Charge(512, 0) // the burst is 100
		begin := time.Now()
		if err := g.Pass(t.Context(), loopback(1), 60); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took < 40*time.Millisecond || took > 42*time.Millisecond {
			t.Errorf("waited %v for 413 packets beyond the burst", took)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(100_000, 1_000_000, always, forever)
		g.Charge(0, 125_000) // a second's worth
		begin := time.Now()
		if err := g.Pass(t.Context(), loopback(1), 125); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took < 950*time.Millisecond || took > 1050*time.Millisecond {
			t.Errorf("waited %v for a second's worth of replies", took)
		}
	})
}

func TestGateRefuses(t *testing.T) {
	g := NewGate(1000, 0, func(a netip.Addr) bool { return a == loopback(1) }, forever)
	if err := g.Pass(t.Context(), loopback(2), 60); !errors.Is(err, ErrOutOfScope) {
		t.Errorf("an address out of scope: %v", err)
	}
	batch := []Question{{Addr: loopback(1)}, {Addr: loopback(2)}}
	if err := g.PassBatch(t.Context(), batch, 60); !errors.Is(err, ErrOutOfScope) {
		t.Errorf("a batch with an address out of scope: %v", err)
	}
	if sent, _ := g.Sent(); sent != 0 {
		t.Errorf("%d packets passed", sent)
	}
	expired := NewGate(1000, 0, always, func(time.Time) bool { return false })
	if err := expired.Pass(t.Context(), loopback(1), 60); !errors.Is(err, ErrScopeExpired) {
		t.Errorf("an expired scope: %v", err)
	}
}

func BenchmarkGatePassBatch(b *testing.B) {
	g := NewGate(MaxRate, 0, always, forever)
	batch := make([]Question, maxBatch)
	b.ReportAllocs()
	for b.Loop() {
		if err := g.PassBatch(b.Context(), batch, 60); err != nil {
			b.Fatal(err)
		}
	}
}
