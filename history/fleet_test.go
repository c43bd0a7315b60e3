package history_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/report"
	"github.com/memsweep/memsweep/scanner"
	"github.com/memsweep/memsweep/targets"
)

const (
	tcpProbe = "memcached-tcp"
	udpProbe = "memcached-udp"
)

var dayOne = time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)

// what is what a sweep meets at one endpoint: an answer, or none.
type what struct {
	state   exposure.State // of the endpoint
	version string
	baf     float64
	owner   string // who answers for it in the policy
}

func (x what) observation(probe string, t exposure.Transport, port uint16) *exposure.Observation {
	o := &exposure.Observation{Probe: probe, Transport: t, Port: port, State: x.state, Auth: exposure.AuthUnknown}
	if !x.state.Answered() {
		return o
	}
	o.Service = "memcached"
	switch x.state {
	case exposure.Open:
		o.Auth = exposure.AuthNone
	case exposure.AuthRequired:
		o.Auth = exposure.AuthSASL
	}
	if x.version != "" {
		o.Version = &x.version
	}
	if x.version != "" || x.baf > 0 {
		o.Stats = &exposure.Stats{} // else its conversation was cut short
	}
	if x.baf > 0 {
		o.Amplification = &exposure.Amplification{Request: "stats", RequestBytes: 15, ResponseBytes: int(15 * x.baf), Datagrams: 2, BAF: x.baf}
	}
	return o
}

// swept is one sweep as a test describes it.
type swept struct {
	id      string
	vantage string
	at      time.Time
	lasts   time.Duration // 0: a minute
	plan    scanner.Plan
	status  exposure.Status
	cut     bool             // there is no summary
	tcp     map[int]what     // by the last byte of the address; what is not there is closed
	udp     map[int]what     // the same; what is not there is silent
	names   map[int][]string // of addresses
}

func lastByte(i int) netip.Addr { return netip.AddrFrom4([4]byte{127, 1, byte(i >> 8), byte(i)}) }

// planOf asks 127.1.0.0/24 or a part of it over TCP and UDP.
func planOf(bits int) scanner.Plan {
	return scanner.Plan{
		Targets: []netip.Prefix{netip.PrefixFrom(lastByte(0), bits)}, Probes: []string{tcpProbe, udpProbe},
		Port: 11211, Engine: "socket", Seed: 7, Shard: targets.Shard{Index: 1, Count: 1}, Rate: 1000, Tries: 2,
	}
}

// document is the sweep as a report in some format.
func (s swept) document(t testing.TB, format string) []byte {
	t.Helper()
	f, err := report.ByName(format)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := f.New(&b, report.Options{})
	if err := s.into(w); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (s swept) header() report.Header {
	return report.Header{
		Tool: report.Tool{Name: "memsweep", Version: "0.4.0"},
		Sweep: report.Sweep{
			ID: s.id, Started: s.at, Vantage: exposure.Vantage{Name: s.vantage, Trust: exposure.Untrusted},
			Engine: "socket", Seed: 7, RateAsked: 1000, Plan: s.plan.Document(),
		},
	}
}

// into writes the sweep. The fates are those that a sweep would write.
func (s swept) into(w report.Writer) error {
	if err := w.Begin(s.header()); err != nil {
		return err
	}
	set, err := s.plan.Set()
	if err != nil {
		return err
	}
	order := targets.NewOrder(set.Len(), s.plan.Seed)
	outcomes := map[string]exposure.Outcomes{}
	fates := map[string]exposure.Fates{}
	probes := []struct {
		name string
		t    exposure.Transport
		seen map[int]what
		none exposure.State
	}{{tcpProbe, exposure.TCP, s.tcp, exposure.Closed}, {udpProbe, exposure.UDP, s.udp, exposure.Silent}}
	states := map[string][]exposure.State{}
	hosts := map[uint64][]exposure.Observation{}
	for _, p := range probes {
		closed, unasked := make([]byte, (set.Len()+7)/8), make([]byte, (set.Len()+7)/8)
		var o exposure.Outcomes
		for i := range set.Len() {
			if _, ours := s.plan.Shard.PlaceOf(order.PositionOf(i)); !ours {
				unasked[i/8] |= 1 << (i % 8)
				continue
			}
			addr := set.At(i).As4()
			x, ok := p.seen[int(addr[2])<<8|int(addr[3])]
			if !ok {
				x.state = p.none
			}
			states[p.name] = append(states[p.name], x.state)
			switch {
			case x.state.Answered():
				o.Answered++
				hosts[i] = append(hosts[i], *x.observation(p.name, p.t, s.plan.Port))
			case x.state == exposure.Closed:
				o.Closed++
				closed[i/8] |= 1 << (i % 8)
			case x.state == exposure.Silent:
				o.Silent++
			default:
				o.NotScanned++
				unasked[i/8] |= 1 << (i % 8)
			}
		}
		outcomes[p.name] = o
		fates[p.name] = exposure.Fates{Closed: exposure.PackBits(closed), Unasked: exposure.PackBits(unasked)}
	}
	for i := range set.Len() {
		if hosts[i] == nil {
			continue
		}
		f := exposure.Judge(exposure.Host{Addr: set.At(i), Observations: hosts[i]}, s.header().Sweep.Vantage)
		addr := set.At(i).As4()
		key := int(addr[2])<<8 | int(addr[3])
		f.Names = s.names[key]
		if by := cmpOwner(s.tcp[key], s.udp[key]); by != "" {
			f.Policy = &exposure.Standing{Expected: exposure.ExpectNone, Severity: f.Severity, Justified: true, By: &exposure.Justification{Owner: by}}
			f.Severity = exposure.Info
		}
		if err := w.Finding(f); err != nil {
			return err
		}
	}
	if s.cut {
		return nil
	}
	end := report.Summary{Status: s.status, Finished: s.at.Add(cmp.Or(s.lasts, time.Minute)), Coverage: exposure.Coverage{
		Probes: outcomes, Fates: fates, Addresses: set.Len(), PacketsSent: 3,
	}}
	if end.Status == "" {
		end.Status = exposure.Complete
	}
	for _, o := range outcomes {
		end.Coverage.Outcomes = end.Coverage.Outcomes.Add(o)
	}
	end.Coverage.Planned = end.Coverage.Outcomes.Sum()
	return w.End(end)
}

func cmpOwner(list ...what) string {
	for _, x := range list {
		if x.owner != "" {
			return x.owner
		}
	}
	return ""
}

func newStore(t testing.TB) (*history.Store, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "history.db")
	s, err := history.Open(context.Background(), path, history.Create)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, path
}

// take imports a sweep as JSONL.
func take(t testing.TB, s *history.Store, x swept) history.Imported {
	t.Helper()
	got, err := s.Import(context.Background(), bytes.NewReader(x.document(t, "jsonl")), x.id, exposure.Vantage{}, "")
	if err != nil {
		t.Fatalf("import %s: %v", x.id, err)
	}
	return got
}

// told are the changes of a history, in the order of their IDs.
func told(t testing.TB, s *history.Store) (list []string) {
	t.Helper()
	events, err := s.Events(context.Background(), 0, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if c := e.Change; c != nil {
			again := ""
			if c.Again {
				again = " again"
			}
			list = append(list, fmt.Sprintf("%s %s%s %s %s %d", c.Scan, c.Kind, again, c.Severity, c.Exposure.Transport, c.Exposure.IP.As16()[15]))
		}
	}
	return list
}

// clean fails the test unless Check finds nothing.
func clean(t testing.TB, s *history.Store) {
	t.Helper()
	problems, err := s.Check(context.Background())
	if err != nil || len(problems) > 0 {
		t.Fatalf("check: %v %q", err, problems)
	}
}

func day(i int) time.Time { return dayOne.Add(time.Duration(i) * 24 * time.Hour) }

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}
