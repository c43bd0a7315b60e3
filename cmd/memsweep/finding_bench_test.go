package main

import (
	"bytes"
	"context"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/probes"
	"github.com/memsweep/memsweep/report"
	"github.com/memsweep/memsweep/scanner"
)

// BenchmarkFinding is what a host that answered costs once the conversation
// with it is over: judged, and written to one document.
func BenchmarkFinding(b *testing.B) {
	vantage := exposure.Vantage{Name: "internet", Trust: exposure.Untrusted}
	for _, name := range []string{"memcached-udp", "memcached-tcp"} {
		host := recorded(b, name)
		for _, format := range append([]report.Format{{}}, report.All()...) {
			b.Run(name+"/"+format.Name, func(b *testing.B) {
				run := &sweepRun{outputs: &outputs{}, sweep: &scanner.Sweep{}}
				run.setup.Vantage = vantage
				if format.New != nil {
					w := format.New(io.Discard, report.Options{})
					run.outputs.list = []*output{{writer: w}}
					run.outputs.begin(report.Header{})
				}
				b.ReportAllocs()
				for b.Loop() {
					for _, f := range run.judge(host) {
						if err := run.outputs.finding(f); err != nil && format.New != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
	}
}

// recorded is a host as a probe sees it in what a real memcached 1.6.18 said.
func recorded(b *testing.B, name string) exposure.Host {
	p, ok := probes.ByName(name)
	if !ok {
		b.Fatal(name)
	}
	tape := &tape{b: b, asked: map[string][]string{
		"version\r\n":        {"udp__udp-empty__version.dg00"},
		"stats\r\n":          {"udp__udp-empty__stats.dg00", "udp__udp-empty__stats.dg01"},
		"stats settings\r\n": {},
	}}
	host := exposure.Host{Addr: tape.Remote().Addr()}
	var o exposure.Observation
	if p.InterrogateUDP != nil {
		o = p.InterrogateUDP(b.Context(), tape, probes.First{From: tape.Remote(), Datagram: tape.read("udp__udp-empty__version.dg00")})
	} else {
		tape.asked = map[string][]string{
			"version\r\n": {"default__tcp__version"}, "stats\r\n": {"default__tcp__stats"}, "stats settings\r\n": {"default__tcp__stats_settings"},
		}
		o = p.InterrogateTCP(b.Context(), stream{tape})
	}
	o.Probe, o.Transport, o.Port = p.Name, p.Transport, p.Port
	if o.State != exposure.Open || o.Version == nil {
		b.Fatalf("%+v", o)
	}
	host.Observations = []exposure.Observation{o}
	return host
}

// tape plays captures: it is probes.Datagrams.
type tape struct {
	b     *testing.B
	asked map[string][]string // by question
}

func (t *tape) read(name string) []byte {
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", "wire", "mc1.6.18__"+name+".bin"))
	if err != nil {
		t.b.Fatal(err)
	}
	return data
}

func (t *tape) Remote() netip.AddrPort { return netip.MustParseAddrPort("192.0.2.7:11211") }
func (t *tape) ID() uint16             { return 0x1234 }

func (t *tape) Ask(_ context.Context, request []byte, receive func(probes.Datagram) probes.Patience) (probes.Ending, error) {
	for _, name := range t.asked[string(request[probes.FrameHeaderLen:])] {
		data := t.read(name)
		copy(data, request[:2])
		receive(probes.Datagram{From: t.Remote(), Payload: data})
	}
	return probes.Complete, nil
}

// stream is the same over TCP: probes.Stream.
type stream struct{ t *tape }

func (s stream) Redial(context.Context) error { return nil }
func (s stream) StartTLS(context.Context) (probes.TLSInfo, error) {
	return probes.TLSInfo{}, probes.ErrLocal
}
func (s stream) Ask(_ context.Context, question []byte, enough func([]byte) bool) probes.Reply {
	var data []byte
	for _, name := range s.t.asked[string(question)] {
		data = append(data, s.t.read(name)...)
	}
	return probes.Reply{Data: bytes.Clone(data), Ending: map[bool]probes.Ending{true: probes.Complete, false: probes.Quiet}[enough(data)]}
}
