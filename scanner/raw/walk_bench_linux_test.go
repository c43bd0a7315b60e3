package raw

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/memsweep/memsweep/scanner"
	"github.com/memsweep/memsweep/targets"
)

// BenchmarkWalk is what a question costs this program, from the lane to the
// frame that a sender hands to the kernel, and without the kernel.
func BenchmarkWalk(b *testing.B) {
	for _, probe := range []string{"memcached-udp", "memcached-tcp"} {
		b.Run(probe, func(b *testing.B) {
			var packets uint64
			b.ReportAllocs()
			before := cpuTime(b)
			for b.Loop() {
				packets += walkOnce(b, probe)
			}
			b.ReportMetric(float64(cpuTime(b)-before)/float64(packets), "cpu-ns/packet")
		})
	}
}

// walkOnce asks a million addresses, and returns how many packets that took.
func walkOnce(b *testing.B, probe string) uint64 {
	plan := scanner.Plan{
		Targets: []netip.Prefix{netip.MustParsePrefix("10.64.0.0/12")}, Probes: []string{probe}, Port: 11211, Engine: "raw",
		Rate: scanner.MaxRate, Tries: 1, Timeout: scanner.Duration(10 * time.Millisecond),
		Seed: 1, Shard: targets.Shard{Index: 1, Count: 1},
	}
	s, err := scanner.New(plan, scanner.Options{Engine: newNowhere})
	must(b, err)
	defer s.Close()
	r, err := s.Run(b.Context(), b.Context())
	must(b, err)
	return r.Coverage.PacketsSent
}

// nowhere is the raw engine without an interface: its frames are made, and left.
type nowhere struct{ *Engine }

func newNowhere(setup scanner.Setup) (scanner.Engine, error) {
	e := &Engine{gate: setup.Gate}
	v := newVerifier(setup.Probes[0], []uint16{40000, 40001, 40002, 40003}, scanner.NewCookies(1))
	t := &track{verifier: v, engine: e, ways: map[wayKey]*way{}}
	t.last = Path{Source: netip.MustParseAddr("10.0.0.1"), MTU: 1500, Prefix: netip.MustParsePrefix("10.0.0.0/8"), SourceMAC: make([]byte, 6), NextMAC: make([]byte, 6)}
	template, err := t.template(t.last)
	t.lastW = &way{path: t.last, template: template, sender: newLeft(template), charge: t.charge}
	t.ways[keyOfPath(t.last)] = t.lastW
	e.tracks = []*track{t}
	return nowhere{e}, err
}

func (n nowhere) Discover(ctx context.Context, job scanner.Job) error {
	return n.tracks[0].send(ctx, job)
}

func (n nowhere) Close() error { return nil }

// left is a sender that fills its frames in, and leaves them there.
type left struct {
	t     *Template
	slots [256][]byte
}

func newLeft(t *Template) *left {
	l := &left{t: t}
	for i := range l.slots {
		l.slots[i] = t.Append(nil)
	}
	return l
}

func (l *left) Name() string { return "left" }
func (l *left) Send(frames []Frame) (sent int, err error) {
	return fill(l.t, l.slots[:], frames), nil
}
func (l *left) Drops() (Drops, error) { return Drops{}, nil }
func (l *left) Close() error          { return nil }
