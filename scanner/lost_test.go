package scanner

import (
	"bytes"
	"context"
	"io"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

// loser is an engine on a machine that loses packets, or its interface after
// some questions: no real one does so on demand.
type loser struct {
	losses Losses
	cut    int // questions until the interface is down; 0: never
	asked  int
}

func (l *loser) Name() string     { return "loser" }
func (l *loser) Detail() []string { return nil }
func (l *loser) Losses() Losses   { return l.losses }
func (l *loser) Close() error     { return nil }

func (l *loser) Discover(_ context.Context, job Job) error {
	for range job.Questions {
		if l.asked++; l.asked == l.cut {
			return syscall.ENETDOWN
		}
	}
	return nil
}

// TestResumeAsksTheLostAgain: nobody knows which questions this machine lost, or
// whose answers. A resumed sweep asks all that kept silent once more, and is
// complete when nothing is lost then.
func TestResumeAsksTheLostAgain(t *testing.T) {
	const addresses, cut = 256, 100
	for name, c := range map[string]struct {
		first loser
		again int // questions of the resumed sweep
	}{
		"frames":    {loser{losses: Losses{Sent: 5}}, addresses},
		"replies":   {loser{losses: Losses{Received: 1}}, addresses},
		"gateway":   {loser{losses: Losses{Astray: 1}}, addresses},
		"interface": {loser{cut: cut}, addresses},
	} {
		var saved bytes.Buffer
		plan := Plan{
			Targets: []netip.Prefix{netip.MustParsePrefix("127.40.0.0/24")}, Probes: []string{"memcached-udp"}, Port: 9, Engine: "socket",
			Rate: 1e6, Tries: 1, Timeout: Duration(10 * time.Millisecond), Cooldown: Duration(time.Millisecond), Seed: 1, Workers: 1,
		}
		plan.Shard.Index, plan.Shard.Count = 1, 1
		run := func(engine *loser, resume *Checkpoint) Result {
			s, err := New(plan, Options{
				Engine: func(Setup) (Engine, error) { return engine, nil },
				Emit:   func(exposure.Host) error { return nil },
				Save:   func(write func(io.Writer) error) error { saved.Reset(); return write(&saved) },
				Resume: resume,
			})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			result, err := s.Run(t.Context(), t.Context())
			if err == nil && result.Status != exposure.Complete {
				err = s.Save() // as main does once more
			}
			if err != nil {
				t.Fatal(err)
			}
			return result
		}
		if result := run(&c.first, nil); result.Status != exposure.Incomplete {
			t.Errorf("%s: %s, %v", name, result.Status, result.Problems)
		}
		checkpoint, err := ReadCheckpoint(&saved)
		if err != nil {
			t.Fatal(err)
		}
		second := &loser{}
		result := run(second, checkpoint)
		if result.Status != exposure.Complete || second.asked != c.again {
			t.Errorf("%s: resumed, %d were asked, want %d; %s, %v", name, second.asked, c.again, result.Status, result.Problems)
		}
	}
}
