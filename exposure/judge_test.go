package exposure

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

var (
	here     = netip.MustParseAddr("192.0.2.7")
	internet = Vantage{Name: "internet", Trust: Untrusted}
)

func tcpSeen(s State) Observation {
	return Observation{Probe: "memcached-tcp", Transport: TCP, Port: 11211, State: s, Auth: AuthUnknown}
}

func udpSeen(s State) Observation {
	return Observation{Probe: "memcached-udp", Transport: UDP, Port: 11211, State: s, Auth: AuthUnknown}
}

// but returns o changed.
func (o Observation) but(change func(*Observation)) Observation {
	change(&o)
	return o
}

func judge(observations ...Observation) Finding {
	return Judge(Host{Addr: here, Observations: observations}, internet)
}

func TestJudgeVerdicts(t *testing.T) {
	t.Parallel()
	named := func(name string) func(*Observation) { return func(o *Observation) { o.Product = name } }
	product := named("mcrouter")
	inTLS := func(o *Observation) { o.TLS = true }
	for _, tt := range []struct {
		name     string
		seen     []Observation
		verdict  Verdict
		severity Severity
	}{
		{"udp and tcp open", []Observation{tcpSeen(Open), udpSeen(Open)}, Reflector, Critical},
		{"udp alone", []Observation{tcpSeen(Closed), udpSeen(Open)}, Reflector, Critical},
		{"udp refuses in words", []Observation{udpSeen(AuthRequired)}, Reflector, Critical},
		{"udp of a clone", []Observation{udpSeen(Open).but(product)}, Reflector, Critical},
		{"udp although tcp has tls", []Observation{tcpSeen(TLS), udpSeen(Open)}, Reflector, Critical},
		{"udp of something else", []Observation{udpSeen(Foreign)}, Unidentified, Low},
		{"tcp open", []Observation{tcpSeen(Open), udpSeen(Silent)}, OpenTCP, Critical},
		{"tcp open in tls", []Observation{tcpSeen(Open).but(inTLS)}, OpenTCP, Critical},
		{"udp at the connection limit", []Observation{udpSeen(Full)}, Reflector, Critical},
		{"proxy", []Observation{tcpSeen(Open).but(product)}, Impostor, Critical},
		{"proxy in tls", []Observation{tcpSeen(Open).but(product).but(inTLS)}, Impostor, Critical},
		{"proxy at its limit", []Observation{tcpSeen(Full).but(product)}, Impostor, High},
		{"honeypot", []Observation{tcpSeen(Open).but(named("dionaea"))}, Impostor, High},
		{"another honeypot", []Observation{tcpSeen(Open).but(named("qeeqbox-honeypot"))}, Impostor, High},
		{"unknown look-alike", []Observation{tcpSeen(Open).but(named("lookalike"))}, Impostor, High},
		{"proxy with credentials", []Observation{tcpSeen(AuthRequired).but(product)}, Impostor, High},
		{"full", []Observation{tcpSeen(Full)}, FullVerdict, High},
		{"auth", []Observation{tcpSeen(AuthRequired)}, AuthVerdict, High},
		{"auth in tls", []Observation{tcpSeen(AuthRequired).but(inTLS)}, AuthVerdict, Medium},
		{"auth with and without tls", []Observation{tcpSeen(AuthRequired).but(inTLS), tcpSeen(AuthRequired)}, AuthVerdict, High},
		{"tls", []Observation{tcpSeen(TLS).but(inTLS)}, TLSVerdict, Low},
		{"http", []Observation{tcpSeen(Foreign)}, Unidentified, Low},
		{"mute", []Observation{tcpSeen(Mute)}, Unidentified, Low},
		{"closed", []Observation{tcpSeen(Closed), udpSeen(Silent)}, Unidentified, Info},
		{"nothing", nil, Unidentified, Info},
	} {
		f := judge(tt.seen...)
		if f.Verdict != tt.verdict || f.Severity != tt.severity {
			t.Errorf("%s: %s, %s; want %s, %s", tt.name, f.Verdict, f.Severity, tt.verdict, tt.severity)
		}
	}
}

func TestJudgeKeepsEveryObservation(t *testing.T) {
	t.Parallel()
	first, second, udp := tcpSeen(Mute), tcpSeen(Open), udpSeen(Closed)
	second.Port = 11212
	f := judge(first, udp, second)
	if f.TCP.State != Mute || f.UDP.State != Closed || len(f.Also) != 1 || f.Also[0].Port != 11212 {
		t.Errorf("tcp %v, udp %v, also %v", f.TCP, f.UDP, f.Also)
	}
	if f.Verdict != OpenTCP {
		t.Errorf("verdict %s: the further observation does not count", f.Verdict)
	}
}

func TestCeilingNeedsTheSameServer(t *testing.T) {
	t.Parallel()
	pid := func(n uint64) func(*Observation) {
		return func(o *Observation) { o.Stats = &Stats{PID: &n} }
	}
	version := func(v string) func(*Observation) {
		return func(o *Observation) { o.Version = &v }
	}
	both := func(a, b func(*Observation)) func(*Observation) {
		return func(o *Observation) { a(o); b(o) }
	}
	nothing := func(*Observation) {}
	for _, tt := range []struct {
		name     string
		tcp, udp func(*Observation)
		itemSize uint64
		want     bool
	}{
		{"same pid", pid(7), pid(7), 1 << 20, true},
		{"other pid", pid(7), pid(8), 1 << 20, false},
		{"same version", version("1.6.18"), version("1.6.18"), 1 << 20, true},
		{"other version", version("1.6.18"), version("1.6.9"), 1 << 20, false},
		{"same version, other pid", both(version("1"), pid(7)), both(version("1"), pid(8)), 1 << 20, false},
		{"same pid, other version", both(version("1"), pid(7)), both(version("2"), pid(7)), 1 << 20, false},
		{"nothing known of udp", version("1.6.18"), nothing, 1 << 20, false},
		{"nothing known", nothing, nothing, 1 << 20, false},
		{"impossible size", pid(7), pid(7), 1 << 40, false},
		{"no size", pid(7), pid(7), 0, false},
	} {
		tcp, udp := tcpSeen(Open).but(tt.tcp), udpSeen(Open).but(tt.udp)
		tcp.Settings = &Settings{ItemSizeMax: &tt.itemSize}
		udp.Amplification = &Amplification{Datagrams: 1}
		f := judge(tcp, udp)
		if got := f.UDP.Amplification.CeilingEstimate; (got != nil) != tt.want || got != nil && *got != CeilingBAF(1<<20) {
			t.Errorf("%s: ceiling %v, want it: %v", tt.name, got, tt.want)
		}
		if udp.Amplification.CeilingEstimate != nil {
			t.Errorf("%s: Judge changed its input", tt.name)
		}
	}
}

func TestFindingIDIsStable(t *testing.T) {
	t.Parallel()
	const want = "ms-1cfa1009a686f88d"
	if got := FindingID("internet", here, 11211); got != want {
		t.Errorf("id %s, want %s: stored findings would no longer be recognised", got, want)
	}
	if a, b := judge(tcpSeen(Open)).ID, judge(tcpSeen(Closed), udpSeen(Open)).ID; a != b || a != want {
		t.Errorf("the id depends on what was seen: %s, %s", a, b)
	}
	for _, other := range []string{
		FindingID("office", here, 11211),
		FindingID("internet", here, 11212),
		FindingID("internet", here.Next(), 11211),
	} {
		if other == want {
			t.Error("different endpoints share an id")
		}
	}
}

func TestJudgeProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		seen := rapid.SliceOfN(anyObservation(), 0, 5).Draw(t, "observations")
		v := Vantage{Name: "v", Trust: rapid.SampledFrom([]Trust{Trusted, SemiTrusted, Untrusted, "", "?"}).Draw(t, "trust")}
		before, _ := json.Marshal(seen)
		f := Judge(Host{Addr: here, Observations: seen}, v)
		if again := Judge(Host{Addr: here, Observations: seen}, v); !reflect.DeepEqual(f, again) {
			t.Fatal("the same host was judged differently")
		}
		if after, _ := json.Marshal(seen); string(before) != string(after) {
			t.Fatal("Judge changed its input")
		}
		if len(f.Reasons) == 0 {
			t.Fatal("no reason")
		}
		more := Judge(Host{Addr: here, Observations: append(seen, anyObservation().Draw(t, "more"))}, v)
		if !more.Severity.AtLeast(f.Severity) || more.Verdict.rank() > f.Verdict.rank() {
			t.Fatalf("seeing more made it better: %s %s, then %s %s", f.Verdict, f.Severity, more.Verdict, more.Severity)
		}
	})
}

// anyObservation generates what a probe might hand in, however absurd.
func anyObservation() *rapid.Generator[Observation] {
	text := rapid.Ptr(rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"1.4.15", "1.6.18", "UNKNOWN", "yes", "no", "NULL", "::", "[::]:1"})), true)
	number := rapid.Ptr(rapid.Uint64(), true)
	return rapid.Custom(func(t *rapid.T) Observation {
		o := Observation{
			Transport:   rapid.SampledFrom([]Transport{TCP, UDP}).Draw(t, "transport"),
			Port:        rapid.Uint16().Draw(t, "port"),
			State:       rapid.SampledFrom([]State{Open, AuthRequired, TLS, Full, Foreign, Mute, Closed, Silent, LocalError, NotScanned, "?"}).Draw(t, "state"),
			Service:     rapid.String().Draw(t, "service"),
			Product:     rapid.SampledFrom([]string{"", "", "mcrouter"}).Draw(t, "product"),
			Tells:       rapid.SliceOfN(rapid.String(), 0, 7).Draw(t, "tells"),
			Version:     text.Draw(t, "version"),
			Auth:        rapid.SampledFrom([]Auth{AuthNone, AuthASCII, AuthSASL, AuthCert, AuthUnknown}).Draw(t, "auth"),
			TLS:         rapid.Bool().Draw(t, "tls"),
			Unconfirmed: rapid.Bool().Draw(t, "unconfirmed"),
		}
		if rapid.Bool().Draw(t, "has stats") {
			o.Stats = &Stats{Version: text.Draw(t, "v"), PID: number.Draw(t, "pid"), CurrItems: number.Draw(t, "items"), Bytes: number.Draw(t, "bytes")}
		}
		if rapid.Bool().Draw(t, "has settings") {
			o.Settings = &Settings{
				UDPPort: number.Draw(t, "udpport"), Inter: text.Draw(t, "inter"), ItemSizeMax: number.Draw(t, "item size"),
				Verbosity: number.Draw(t, "verbosity"), AuthEnabledASCII: text.Draw(t, "ascii"), AuthEnabledSASL: text.Draw(t, "sasl"),
			}
		}
		if rapid.Bool().Draw(t, "has amplification") {
			o.Amplification = &Amplification{Datagrams: rapid.Int().Draw(t, "n"), BAF: rapid.Float64().Draw(t, "baf")}
		}
		return o
	})
}
