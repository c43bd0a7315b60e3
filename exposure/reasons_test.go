package exposure

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func ptr[T any](v T) *T { return &v }

// amplified is the reply to one stats of a real 1.6.18.
func amplified() *Amplification {
	return &Amplification{
		Request: "stats", RequestBytes: 15, ResponseBytes: 2237, Datagrams: 2, DatagramsUnique: 2, DatagramsDeclared: 2,
		DatagramSizes: []int{1400, 837}, Complete: true, BAF: 149.13, PAF: 2, IPRatio: 53.33, WireRatio: 38.68,
	}
}

// TestReasons changes one thing at a time in hosts that do not give the reason.
func TestReasons(t *testing.T) {
	t.Parallel()
	plain := func() (tcp, udp Observation) {
		tcp = tcpSeen(Open)
		tcp.Settings = &Settings{
			Inter: ptr("10.0.0.5"), UDPPort: ptr(uint64(0)), Verbosity: ptr(uint64(0)), FlushEnabled: ptr("no"), DumpEnabled: ptr("no"),
			AuthEnabledASCII: ptr("no"), AuthEnabledSASL: ptr("no"), ShutdownCommand: ptr("no"), ProxyEnabled: ptr("no"),
		}
		tcp.Stats = &Stats{}
		udp = udpSeen(Open)
		udp.Amplification = amplified()
		return tcp, udp
	}
	noUDP := func(_, udp *Observation) { *udp = udpSeen(Silent) }
	type change = func(tcp, udp *Observation)
	and := func(changes ...change) change {
		return func(tcp, udp *Observation) {
			for _, c := range changes {
				c(tcp, udp)
			}
		}
	}
	version := func(v string) change { return func(_, udp *Observation) { udp.Version = &v } }
	setting := func(f func(*Settings)) change { return func(tcp, _ *Observation) { f(tcp.Settings) } }
	auth := func(a Auth, mechanisms ...string) change {
		return func(tcp, _ *Observation) { tcp.State, tcp.Auth, tcp.SASLMechanisms = AuthRequired, a, mechanisms }
	}
	declared := func(n int) change {
		return func(_, udp *Observation) { udp.Amplification.DatagramsDeclared = n }
	}
	incomplete := func(_, udp *Observation) { udp.Amplification.Complete = false }
	statsReply := func(reply, ending string) change {
		return func(_, udp *Observation) {
			udp.Evidence = []Exchange{{Question: "stats", Reply: []byte(reply), Bytes: len(reply), Ending: ending}}
		}
	}
	from := func(addr string) change {
		return func(_, udp *Observation) { udp.RepliedFrom = ptr(netip.MustParseAddrPort(addr)) }
	}
	product := func(name string) change { return func(tcp, _ *Observation) { tcp.Product = name } }
	udpIs := func(o Observation) change { return func(_, udp *Observation) { *udp = o } }
	udpport := func(n uint64) change { return setting(func(s *Settings) { s.UDPPort = &n }) }
	tcpIs := func(o Observation) change { return func(tcp, _ *Observation) { *tcp = o } }

	mtls := tcpSeen(TLS).but(func(o *Observation) { o.Auth, o.TLS = AuthCert, true })
	for _, tt := range []struct {
		name    string
		change  change
		without change // where the reason must not be given; nil: on the plain host
		want    string
	}{
		{"udp", nil, noUDP, "UDP port 11211 answers memcached commands"},
		{"measured", nil, noUDP, "One stats request: 15 bytes in, 2237 bytes out in 2 datagrams: ×149.1 (BAF)."},
		{"ceiling", func(_, udp *Observation) { udp.Amplification.CeilingEstimate = ptr(70305.0) }, nil, "An estimate, not measured: if somebody can store an item of the largest size that its settings allow, one small request brings back up to ×70305 (BAF)."},
		{"no authentication", nil, noUDP, "no authentication is in force"},
		{"tls ignored", func(tcp, _ *Observation) { tcp.TLS = true }, nil, "ignores its TLS settings on UDP"},
		{"sasl bypassed", auth(AuthSASL), nil, "ASCII commands over UDP bypass SASL"},
		{"auth on tcp only", auth(AuthASCII), nil, "although TCP asks for credentials"},
		{"udp refuses", func(_, udp *Observation) { udp.State = AuthRequired }, nil, "even a refusal is an answer"},
		{"udp full", udpIs(udpSeen(Full)), nil, "at its connection limit, but even that refusal is an answer"},
		{"-U set", version("1.5.6"), version("1.5.5"), "off by default since 1.5.6 and this says it is 1.5.6, so somebody switched it on with -U."},
		{"default", version("1.5.5"), version("1.5.6"), "on by default from 1.2.7 to 1.5.5"},
		{"default, oldest", version("1.2.7"), version("1.2.6"), "on by default from 1.2.7 to 1.5.5"},
		{"before the default", version("1.2.6"), version("1.2.7"), "off by default before 1.2.7"},
		{"incomplete", incomplete, and(incomplete, statsReply("ERROR\r\n", "complete")), "did not arrive whole"},
		{"capped", func(_, udp *Observation) { udp.Amplification.Capped = true }, nil, "More would have come"},
		{"declared too few", and(version("1.6.9"), declared(1)), and(version("1.6.10"), declared(1)), "declared 1 datagram and 2 came; memcached 1.6.0 to 1.6.9 declares too few."},
		{"declared too few by another", and(version("1.6.10"), declared(1)), and(version("1.6.9"), declared(1)), "declared 1 datagram and 2 came; the server does not tell the truth."},
		{"declared too many", and(version("1.6.9"), declared(9)), nil, "declared 9 datagrams and 2 came; some were lost, or the server does not tell the truth."},
		{"refused", and(incomplete, statsReply("ERROR\r\n", "complete")), incomplete, "answers stats with an error over UDP"},
		{"refused by a proxy", and(incomplete, statsReply("SERVER_ERROR no backend\r\n", "complete")), incomplete, "answers stats with an error over UDP"},
		{"an error, and more", and(incomplete, statsReply("ERROR\r\n", "quiet")), nil, "did not arrive whole"},
		{"duplicates", func(_, udp *Observation) { udp.Amplification.Duplicates = 3 }, nil, "3 datagrams came more than once"},
		{"elsewhere", from("192.0.2.1:11211"), from("192.0.2.7:40000"), "came from 192.0.2.1:11211, not from the address that was asked: it listens on every interface"},
		{"another port", from("192.0.2.7:40000"), from("192.0.2.1:11211"), "came from port 40000 of the same address"},
		{"another port, mapped", from("[::ffff:192.0.2.7]:40000"), nil, "came from port 40000 of the same address"},
		{"unconfirmed", func(_, udp *Observation) { udp.Unconfirmed = true }, nil, "rests on a single reply"},

		{"open", nil, tcpIs(tcpSeen(Closed)), "TCP port 11211 asks for no credentials"},
		{"open in tls", func(tcp, _ *Observation) { tcp.TLS = true }, nil, "in TLS but without a client certificate"},
		{"impostor", product("mcrouter"), product("dionaea"), "not stock memcached (mcrouter), and asks for no credentials: anyone can read and change what is behind it."},
		{"honeypot", product("dionaea"), product("mcrouter"), "not stock memcached (dionaea), and asks for no credentials."},
		{"full", tcpIs(tcpSeen(Full)), nil, "at its connection limit"},
		{"auth", auth(AuthASCII), nil, "asks for credentials (ASCII, -Y)"},
		{"sasl", auth(AuthSASL), nil, "asks for credentials (SASL, -S)"},
		{"certificate", auth(AuthCert), nil, "asks for credentials (a TLS client certificate)"},
		{"tls", tcpIs(tcpSeen(TLS)), tcpIs(mtls), "wants TLS, and what is inside could not be asked."},
		{"client certificates", tcpIs(mtls), tcpIs(tcpSeen(TLS)), "TCP port 11211 asks for a client certificate, and shows nothing without one."},
		{"mute", tcpIs(tcpSeen(Mute)), nil, "says nothing"},
		{"http", tcpIs(tcpSeen(Foreign).but(func(o *Observation) { o.Service = "http" })), nil, "http, not memcached, answers on TCP port 11211."},
		{"unknown", tcpIs(tcpSeen(Foreign).but(func(o *Observation) { o.Service = "unknown" })), nil, "Something other than memcached answers on TCP port 11211."},
		{"unnamed", tcpIs(tcpSeen(Foreign)), nil, "Something other than memcached answers on TCP port 11211."},

		{"items", func(tcp, _ *Observation) {
			tcp.Stats.CurrItems, tcp.Stats.Bytes = ptr(uint64(123)), ptr(uint64(4718592))
		}, nil, "It holds 123 items, 4.5 MiB."},
		{"one item", func(tcp, _ *Observation) { tcp.Stats.CurrItems = ptr(uint64(1)) }, nil, "It holds 1 item."},
		{"no items", func(tcp, _ *Observation) { tcp.Stats.CurrItems = ptr(uint64(0)) }, nil, "no items at present"},
		{"no -l", setting(func(s *Settings) { s.Inter = ptr("NULL") }), nil, "every interface: no -l is set."},
		{"-l 0.0.0.0", setting(func(s *Settings) { s.Inter = ptr("0.0.0.0") }), nil, "every interface: -l 0.0.0.0."},
		{"-l ::", setting(func(s *Settings) { s.Inter = ptr("127.0.0.1,notls:[::]:11211") }), nil, "every interface: -l 127.0.0.1,notls:[::]:11211."},
		{"udp still on", and(noUDP, udpport(11211)), udpport(11211), "UDP is on (port 11211) although it did not answer"},
		{"udp on and refused", and(udpIs(udpSeen(Closed)), udpport(11211)), nil, "UDP is on (port 11211) although it did not answer"},
		{"udp on elsewhere", and(noUDP, udpport(11311)), and(noUDP, udpport(11211)), "UDP is on at port 11311, which was not asked: rescan with --probe udp --port 11311."},
		{"udp on and not asked", and(udpIs(udpSeen(NotScanned)), udpport(11211)), and(noUDP, udpport(11211)), "UDP is on at port 11211, which was not asked"},
		{"udp probe left out", and(udpIs(tcpSeen(Mute)), udpport(11211)), nil, "UDP is on at port 11211, which was not asked"},
		{"udp at no port", and(noUDP, udpport(11211)), and(noUDP, udpport(1<<16)), "settings say that UDP is on"},
		{"udp beside -l", and(noUDP, udpport(11211), setting(func(s *Settings) { s.Inter = ptr("127.0.0.1:11311") })), noUDP, "UDP is on (port 11211), but its -l names a port of its own"},
		{"ascii bypassed", setting(func(s *Settings) { s.AuthEnabledASCII = ptr("/etc/auth") }), nil, "yet it answered without"},
		{"sasl bypassed on tcp", setting(func(s *Settings) { s.AuthEnabledSASL = ptr("yes") }), nil, "yet it answered without"},
		{"bypass of stock", setting(func(s *Settings) { s.AuthEnabledASCII = ptr("/etc/auth") }),
			and(product("mcrouter"), setting(func(s *Settings) { s.AuthEnabledASCII = ptr("/etc/auth") })), "up to 1.6.42"},
		{"bypass that was mended", and(product(""), setting(func(s *Settings) { s.AuthEnabledASCII = ptr("/etc/auth") })),
			func(tcp, _ *Observation) {
				tcp.Version, tcp.Settings.AuthEnabledASCII = ptr("1.6.43"), ptr("/etc/auth")
			}, "up to 1.6.42"},
		{"password", auth(AuthASCII), and(auth(AuthASCII), func(tcp, _ *Observation) { tcp.TLS = true }), "asks for credentials without TLS"},
		{"plain", auth(AuthSASL, "SCRAM-SHA-256", "PLAIN"), auth(AuthSASL, "SCRAM-SHA-256"), "SASL PLAIN without TLS"},
		{"shutdown", setting(func(s *Settings) { s.ShutdownCommand = ptr("yes") }), nil, "stop the server"},
		{"flush", setting(func(s *Settings) { s.FlushEnabled = ptr("yes") }), nil, "flush_all"},
		{"dump", setting(func(s *Settings) { s.DumpEnabled = ptr("yes") }), nil, "list every key"},
		{"verbose", setting(func(s *Settings) { s.Verbosity = ptr(uint64(2)) }), setting(func(s *Settings) { s.Verbosity = ptr(uint64(1)) }), "into its log"},
		{"proxy", setting(func(s *Settings) { s.ProxyEnabled = ptr("yes") }), nil, "built-in proxy"},
		{"tells", func(tcp, _ *Observation) { tcp.Tells = []string{"a", "b"} }, nil, "What gives it away: a; b."},
		{"UNKNOWN", version("UNKNOWN"), version("1.6.18"), "nothing follows about its bugs"},
		{"no release", version("Hazelcast"), version("1.6.18"), "no memcached release: Hazelcast."},
		{"vendor", version("1.4.25 Ubuntu"), version("1.4.25"), "a vendor's or pre-release build"},
		{"backports", version("1.6.18"), version("UNKNOWN"), "distributions fix bugs without changing that number"},
	} {
		given := func(c change) []string {
			tcp, udp := plain()
			if c != nil {
				c(&tcp, &udp)
			}
			return judge(tcp, udp).Reasons
		}
		says := func(s string) bool { return strings.Contains(s, tt.want) }
		if got := given(tt.change); !slices.ContainsFunc(got, says) {
			t.Errorf("%s: %q is missing in\n\t%s", tt.name, tt.want, strings.Join(got, "\n\t"))
		}
		if got := given(tt.without); slices.ContainsFunc(got, says) {
			t.Errorf("%s: %q is given although nothing shows it", tt.name, tt.want)
		}
	}
}

func TestReasonsAreSentences(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 500)
	tcp, udp := tcpSeen(Open), udpSeen(Open)
	tcp.Version, udp.Amplification, udp.Version = &long, amplified(), &long
	for _, r := range judge(tcp, udp).Reasons {
		if !strings.HasSuffix(r, ".") || strings.ToUpper(r[:1]) != r[:1] {
			t.Errorf("no sentence: %s", r)
		}
		if len(r) > 400 {
			t.Errorf("the server's words are not shortened: %d bytes", len(r))
		}
	}
	if got := judge().Reasons; !slices.Equal(got, []string{"Nothing answered."}) {
		t.Errorf("without observations: %q", got)
	}
}

func TestWorstReasonComesFirst(t *testing.T) {
	t.Parallel()
	for _, seen := range [][]Observation{
		{tcpSeen(Open), udpSeen(Open)},
		{udpSeen(Open), tcpSeen(AuthRequired)},
	} {
		if got := judge(seen...).Reasons[0]; !strings.HasPrefix(got, "UDP port 11211 answers") {
			t.Errorf("first reason: %s", got)
		}
	}
	if got := judge(tcpSeen(Open), udpSeen(Foreign)).Reasons[0]; !strings.HasPrefix(got, "TCP port 11211 asks for no") {
		t.Errorf("first reason: %s", got)
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	for n, want := range map[uint64]string{
		0: "0 bytes", 1: "1 byte", 1023: "1023 bytes", 1024: "1.0 KiB", 4718592: "4.5 MiB",
		1<<20 - 1: "1.0 MiB", 64 << 30: "64.0 GiB", 1<<64 - 1: "16.0 EiB",
	} {
		if got := size(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestReadInter(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]listeners{
		"NULL":                           {everywhere: true, bothFamily: true},
		"*":                              {everywhere: true, bothFamily: true},
		"0.0.0.0":                        {everywhere: true},
		"::":                             {everywhere: true},
		"[::]:11311":                     {everywhere: true, withPort: true},
		"127.0.0.1":                      {},
		"127.0.0.1,::1":                  {},
		"127.0.0.1:11311;10.0.0.5":       {withPort: true},
		"127.0.0.1,0.0.0.0:11311":        {everywhere: true, withPort: true},
		"notls:0.0.0.0":                  {everywhere: true},
		"tag[x]:proto[ascii]:*":          {everywhere: true, bothFamily: true},
		"proto[negotiating]:10.0.0.5:99": {withPort: true},
		"localhost":                      {},
		"":                               {},
	} {
		if got := readInter(in); got != want {
			t.Errorf("%q: %+v, want %+v", in, got, want)
		}
	}
}
