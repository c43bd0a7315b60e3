package scanner

import (
	"context"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/probes"
)

// forger is an engine to which somebody sends replies that answer no question
// of the sweep: no real server does so on demand.
type forger struct {
	from  netip.AddrPort // where the datagrams come from
	early bool           // before anything was asked
	stop  context.CancelFunc
}

func (f *forger) Name() string     { return "forger" }
func (f *forger) Detail() []string { return nil }
func (f *forger) Losses() Losses   { return Losses{} }
func (f *forger) Close() error     { return nil }

func (f *forger) Discover(_ context.Context, job Job) error {
	forge := func(addr netip.Addr) {
		if f.early {
			job.Report(Event{Kind: Refused, Addr: addr, By: f.from.Addr()})
			return
		}
		f.stop() // nobody will interrogate it any more
		datagram := []byte("\x00\x01\x00\x00\x00\x01\x00\x00VERSION 1.4.5\r\n")
		job.Report(Event{Kind: Answered, Addr: addr, First: probes.First{From: f.from, Datagram: datagram}})
	}
	if f.early {
		forge(job.Addr(8000))
	}
	for q := range job.Questions {
		if !f.early && q.Pos == 10 {
			forge(q.Addr)
			return nil
		}
	}
	return nil
}

func forged(t *testing.T, f *forger) (Result, []exposure.Host) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	f.stop = stop
	plan := Plan{
		Targets: []netip.Prefix{netip.MustParsePrefix("127.40.0.0/19")}, Probes: []string{"memcached-udp"}, Port: 9, Engine: "socket",
		Rate: 1e6, Tries: 1, Timeout: Duration(50 * time.Millisecond), Cooldown: Duration(time.Millisecond), Seed: 1, Workers: 1,
	}
	plan.Shard.Index, plan.Shard.Count = 1, 1
	var hosts []exposure.Host
	s, err := New(plan, Options{
		ID: "forged", Engine: func(Setup) (Engine, error) { return f, nil },
		Emit: func(h exposure.Host) error { hosts = append(hosts, h); return nil },
		Save: func(write func(io.Writer) error) error { return write(io.Discard) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	result, err := s.Run(ctx, t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if o := result.Coverage.Outcomes; o.Sum() != result.Coverage.Planned {
		t.Errorf("outcomes %+v of %d", o, result.Coverage.Planned)
	}
	return result, hosts
}

// A datagram from somewhere else is no finding when the sweep is stopped before
// it can be confirmed: what is there is not known.
func TestForgedReplyAtTheEnd(t *testing.T) {
	result, hosts := forged(t, &forger{from: netip.MustParseAddrPort("127.99.9.9:11211")})
	o := result.Coverage.Outcomes
	if len(hosts) != 0 || o.Answered != 0 || o.LocalError != 1 || result.Status != exposure.Interrupted {
		t.Errorf("%s, %+v, hosts %+v", result.Status, o, hosts)
	}
	if why := strings.Join(result.Problems, "; "); !strings.Contains(why, errUnconfirmed.Error()) {
		t.Errorf("problems %q", why)
	}
}

// What speaks for an address before it can have been asked closes nothing.
func TestForgedBeforeTheQuestion(t *testing.T) {
	result, _ := forged(t, &forger{from: netip.MustParseAddrPort("127.99.9.9:11211"), early: true})
	if o := result.Coverage.Outcomes; o.Closed != 0 || o.Silent != result.Coverage.Planned || result.Coverage.UnverifiedReplies != 1 {
		t.Errorf("%+v, %d unverified", o, result.Coverage.UnverifiedReplies)
	}
}
