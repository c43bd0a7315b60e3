package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

func ptr[T any](v T) *T { return &v }

// fixture is one whole report: every verdict, IPv4 and IPv6, and a server with
// a version that attacks whoever prints it.
type fixture struct {
	header   Header
	findings []exposure.Finding
	summary  Summary
}

// write replays the fixture into a format.
func (x fixture) write(t testing.TB, format string, o Options) []byte {
	t.Helper()
	f, err := ByName(format)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := x.into(f.New(&b, o)); err != nil {
		t.Fatalf("write %s: %v", format, err)
	}
	return b.Bytes()
}

func (x fixture) into(w Writer) error {
	if err := w.Begin(x.header); err != nil {
		return err
	}
	for _, f := range x.findings {
		if err := w.Finding(f); err != nil {
			return err
		}
	}
	return w.End(x.summary)
}

var started = time.Date(2026, 3, 14, 9, 26, 53, 589793000, time.UTC)

func someHeader() Header {
	return Header{
		Tool: Tool{Name: "memsweep", Version: "0.1.0"},
		Sweep: Sweep{
			ID:        "20260314T092653Z-1",
			Started:   started,
			Vantage:   exposure.Vantage{Name: "office", Trust: exposure.Untrusted, Addresses: []netip.Addr{netip.MustParseAddr("198.51.100.4")}},
			Engine:    "socket",
			Seed:      18446744073709551615,
			RateAsked: 1000,
			Plan:      json.RawMessage(`{"targets":["192.0.2.0/24","2001:db8::/120"],"sha256":"` + fmt.Sprintf("%064x", 7) + `"}`),
		},
		Scope: &Scope{SHA256: fmt.Sprintf("%064x", 11), AuthorisedBy: "Ada & <Grace>", Reference: "CHG-42"},
	}
}

func someSummary() Summary {
	tcp := exposure.Outcomes{Answered: 11, Closed: 240, Silent: 5}
	udp := exposure.Outcomes{Answered: 2, Closed: 240, Silent: 14}
	return Summary{
		Status:       exposure.Complete,
		Finished:     started.Add(12*time.Second + 345*time.Millisecond),
		RateAchieved: ptr(998.7),
		Coverage: exposure.Coverage{
			Planned: 512, Addresses: 256,
			Outcomes:    tcp.Add(udp),
			Probes:      map[string]exposure.Outcomes{"memcached-tcp": tcp, "memcached-udp": udp},
			PacketsSent: 521, UnverifiedReplies: 1,
		},
	}
}

func whole() fixture {
	x := fixture{header: someHeader(), summary: someSummary()}
	for _, h := range hosts() {
		x.findings = append(x.findings, exposure.Judge(h, x.header.Sweep.Vantage))
	}
	x.findings[0].Names = []string{"cache.example.net"}
	return x
}

// held is the whole report, held against a policy: one finding is expected, one
// justified twice, and one justification does not hold.
func held() fixture {
	x := whole()
	x.header.Policy = &Policy{Name: "policy.yaml", SHA256: fmt.Sprintf("%064x", 13)}
	x.summary.Justified = ptr(uint64(2))
	for i := range x.findings {
		x.findings[i].Policy = &exposure.Standing{Expected: exposure.ExpectNone, Severity: x.findings[i].Severity}
	}
	jane := exposure.Justification{Source: "policy.yaml:12", Owner: "Jane Doe", Reason: "billing, SEC-42", Created: "2026-01-01", Expires: "2026-12-31"}
	ada := exposure.Justification{Source: "policy.yaml:30", Owner: "=Ada()", Reason: "a test bed", Created: "2026-02-01", Expires: "2026-04-30"}
	allowed := func(i int, by *exposure.Justification, others ...exposure.Justification) {
		x.findings[i].Policy.Justified, x.findings[i].Policy.By, x.findings[i].Policy.Others = true, by, others
		x.findings[i].Severity = exposure.Info
	}
	allowed(0, &jane, ada)
	x.findings[5].Policy.Expected = exposure.ExpectAuth
	allowed(5, nil)

	old := jane
	old.Source, old.Owner, old.Expires = "policy.yaml:21", "Grace", "2026-03-13"
	failures := []string{"policy.yaml:21: expired after 2026-03-13 (UTC): close what it is for, or have it decided anew."}
	x.findings[2].Policy.By, x.findings[2].Policy.Failures = &old, failures
	x.findings = append(x.findings, exposure.Finding{
		ID: "ms-00112233445566aa", IP: x.findings[2].IP, Verdict: exposure.Unfounded, Severity: exposure.Medium,
		Reasons: []string{"The justification of TCP port 11211 does not hold. " + failures[0], "Owner: Grace. Reason: billing, SEC-42. From 2026-01-01 until 2026-03-13."},
		Fix:     []exposure.Fix{{For: "owner", Title: "Close it, or have it decided anew and correct policy.yaml:21", Lines: []string{"memsweep policy check policy.yaml"}}},
		Policy:  &exposure.Standing{Expected: exposure.ExpectNone, Severity: exposure.Medium, By: &old, Failures: failures},
	})
	return x
}

func nothing() fixture {
	x := fixture{header: someHeader(), summary: someSummary()}
	x.header.Scope = nil
	x.summary.Coverage.Outcomes = exposure.Outcomes{Closed: 500, Silent: 12}
	half := exposure.Outcomes{Closed: 250, Silent: 6}
	x.summary.Coverage.Probes = map[string]exposure.Outcomes{"memcached-tcp": half, "memcached-udp": half}
	return x
}

func interrupted() fixture {
	x := whole()
	x.findings = x.findings[:1]
	x.summary.Status = exposure.Interrupted
	x.summary.RateAchieved = nil
	half := exposure.Outcomes{Answered: 1, Closed: 49, LocalError: 6, NotScanned: 200}
	x.summary.Coverage.Outcomes = half.Add(half)
	x.summary.Coverage.Probes = map[string]exposure.Outcomes{"memcached-tcp": half, "memcached-udp": half}
	x.summary.Coverage.LocalErrors = map[string]uint64{"ENOBUFS": 9, "EMFILE": 3}
	x.summary.Problems = []string{"ran out of file descriptors; raise ulimit -n"}
	return x
}

func hosts() []exposure.Host {
	host := func(ip string, o ...exposure.Observation) exposure.Host {
		return exposure.Host{Addr: netip.MustParseAddr(ip), Observations: o}
	}
	reply := func(question, text string) []exposure.Exchange {
		return []exposure.Exchange{{Question: question, Reply: []byte(text), Bytes: len(text), Ending: "complete"}}
	}
	tcp := func(s exposure.State, a exposure.Auth) exposure.Observation {
		return exposure.Observation{Probe: "memcached-tcp", Transport: exposure.TCP, Port: 11211, State: s, Auth: a}
	}
	udp := func(s exposure.State) exposure.Observation {
		return exposure.Observation{Probe: "memcached-udp", Transport: exposure.UDP, Port: 11211, State: s, Auth: exposure.AuthUnknown}
	}

	open := tcp(exposure.Open, exposure.AuthNone)
	open.Service, open.Version, open.Dialect = "memcached", ptr("1.6.18"), []string{"ascii"}
	open.Evidence = reply("version", "VERSION 1.6.18\r\n")
	open.Stats = &exposure.Stats{Version: ptr("1.6.18"), PID: ptr(uint64(4711)), Uptime: ptr(uint64(86400)), CurrItems: ptr(uint64(123)), Bytes: ptr(uint64(4718592))}
	open.Settings = &exposure.Settings{Inter: ptr("NULL"), UDPPort: ptr(uint64(11211)), ItemSizeMax: ptr(uint64(1 << 20))}
	reflecting := udp(exposure.Open)
	reflecting.Service, reflecting.Version, reflecting.Auth = "memcached", ptr("1.6.18"), exposure.AuthNone
	reflecting.Evidence = reply("version", "\x12\x34\x00\x00\x00\x01\x00\x00VERSION 1.6.18\r\n")
	reflecting.Amplification = &exposure.Amplification{
		Request: "stats", RequestBytes: 15, ResponseBytes: 2237, Datagrams: 2, DatagramsUnique: 2, DatagramsDeclared: 2,
		DatagramSizes: []int{1400, 837}, Complete: true, BAF: 149.13, PAF: 2, IPRatio: 53.33, WireRatio: 38.68,
	}
	away := reflecting
	away.RepliedFrom = ptr(netip.MustParseAddrPort("192.0.2.1:11211"))
	away.Amplification = ptr(*reflecting.Amplification)
	away.Amplification.Complete, away.Amplification.DatagramsDeclared = false, 65535

	closedTCP, silent := tcp(exposure.Closed, exposure.AuthUnknown), udp(exposure.Silent)
	only := open
	only.Settings = &exposure.Settings{Inter: ptr("10.0.0.5"), UDPPort: ptr(uint64(0))}
	ascii := tcp(exposure.AuthRequired, exposure.AuthASCII)
	ascii.Service, ascii.Evidence = "memcached", reply("version", "CLIENT_ERROR unauthenticated\r\n")
	sasl := tcp(exposure.AuthRequired, exposure.AuthSASL)
	sasl.Service, sasl.Version, sasl.SASLMechanisms, sasl.TLS, sasl.TLSVersion = "memcached", ptr("1.6.18"), []string{"PLAIN"}, true, "TLS 1.3"
	mtls := tcp(exposure.TLS, exposure.AuthCert)
	mtls.TLS, mtls.Service = true, "tls"
	full := tcp(exposure.Full, exposure.AuthUnknown)
	full.Service, full.Evidence = "memcached", reply("", "ERROR Too many open connections\r\n")
	web := tcp(exposure.Foreign, exposure.AuthUnknown)
	web.Service, web.Evidence = "http", reply("version", "HTTP/1.1 400 Bad Request\r\n\r\n")
	proxy := open
	proxy.Product, proxy.Tells, proxy.Stats, proxy.Settings = "mcrouter", []string{"version ends in mcrouter"}, nil, nil
	evil := tcp(exposure.Open, exposure.AuthNone)
	evil.Service = "memcached"
	evil.Version = ptr("=cmd|' /C calc'!A1\x1b[2J\x1b]0;owned\x07\u202e\xff\x00")
	evil.Evidence = reply("version", "VERSION "+*evil.Version+"\r\n")

	return []exposure.Host{
		host("192.0.2.7", open, reflecting),
		host("192.0.2.200", closedTCP, away),
		host("192.0.2.9", only, silent),
		host("2001:db8:0:1111:2222:3333:4444:5555", only),
		host("192.0.2.30", ascii, silent),
		host("192.0.2.31", sasl, silent),
		host("192.0.2.32", mtls, silent),
		host("192.0.2.33", full, silent),
		host("192.0.2.80", web, silent),
		host("192.0.2.81", tcp(exposure.Mute, exposure.AuthUnknown), silent),
		host("192.0.2.34", proxy, silent),
		host("192.0.2.66", evil, silent),
	}
}
