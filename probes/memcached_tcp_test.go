package probes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/memsweep/memsweep/exposure"
)

// Real servers of all ages and postures, replayed from their captures. The
// numbers of stats are pid, pointer_size and threads.
func TestInterrogateTCPCaptures(t *testing.T) {
	const open = "open memcached auth=none speaks=ascii "
	tests := []struct {
		set        string
		unanswered Ending
		want       string
	}{
		{"mc1.4.5__default__tcp", Quiet, open + `version="1.4.5" stats=1139/64/4 inter=127.0.0.1 udpport=11211 item_size_max=1048576`},
		{"mc1.4.15__default__tcp", Quiet, open + `version="1.4.15" stats=1207/64/4 inter=127.0.0.1 udpport=11211 item_size_max=1048576`},
		{"mc1.4.25__default__tcp", Quiet, open + `version="1.4.25" stats=1634/64/4 inter=127.0.0.1 udpport=11211 item_size_max=1048576`},
		{"mc1.5.5__default__tcp", Quiet, open + `version="1.5.5" stats=3363/64/4 inter=127.0.0.1 udpport=11211 item_size_max=1048576`},
		{"mc1.6.9__default__tcp", Quiet, open + `version="1.6.9" stats=17302/64/4 inter=127.0.0.1 udpport=11211 item_size_max=1048576`},
		{"mc1.6.18__default__tcp", Quiet, open + `version="1.6.18" stats=14002/64/4 inter=127.0.0.11 udpport=0 item_size_max=1048576`},
		{"mc1.6.45__default__tcp", Quiet, open + `version="1.6.45" stats=6468/64/4 inter=127.0.0.1 udpport=11211 item_size_max=1048576`},
		{"mc1.6.18__asciionly__tcp", Quiet, open + `version="1.6.18" stats=20363/64/4 inter=127.0.0.17 udpport=0 item_size_max=1048576`},
		{"mc1.6.18__v6__tcp", Quiet, open + `version="1.6.18" stats=20399/64/4 inter=::1 udpport=11211 item_size_max=1048576`},
		{"mc1.6.18__multi__tcp", Quiet, open + `version="1.6.18" stats=20605/64/4 inter=127.0.0.36,127.0.0.37,127.0.0.38 udpport=0 item_size_max=1048576`},
		{"mc1.6.18__notls-plainport__tcp", Quiet, open + `version="1.6.18" stats=20518/64/4 inter=notls:127.0.0.29:11212,127.0.0.29:11211 udpport=0 item_size_max=1048576`},
		{"mc1.6.18__any-nol__tcp4", Quiet, open + `version="1.6.18" stats=2939/64/4 inter=NULL udpport=11211 item_size_max=1048576`},
		{"mc1.6.18__any-star__tcp4", Quiet, open + `version="1.6.18" stats=3047/64/4 inter=* udpport=0 item_size_max=1048576`},
		{"mc1.6.18__any-0000__tcp4", Quiet, open + `version="1.6.18" stats=2993/64/4 inter=0.0.0.0 udpport=11211 item_size_max=1048576`},
		{"mc1.6.18__asciiauth__tcp", Quiet, "auth_required memcached auth=ascii speaks=ascii"},
		{"mc1.6.18__saslauth__tcp", Quiet, "auth_required memcached auth=ascii speaks=ascii"},
		{"mc1.6.18__sasl__tcp", Quiet, `auth_required memcached auth=sasl speaks=binary version="1.6.18" sasl=PLAIN`},
		{"mc1.6.18__binonly__tcp", Quiet, `open memcached auth=none speaks=binary version="1.6.18"`},
		{"mc1.4.5__saslDefaultUDP__tcp", Quiet, `auth_required memcached auth=sasl speaks=binary version="1.4.5" sasl=PLAIN`},
		{"mc1.4.13__saslDefaultUDP__tcp", Quiet, `auth_required memcached auth=sasl speaks=binary version="1.4.13" sasl=PLAIN`},
		{"mc1.4.15__saslDefaultUDP__tcp", Quiet, `auth_required memcached auth=sasl speaks=binary version="1.4.15" sasl=PLAIN`},
		{"mc1.4.25__saslDefaultUDP__tcp", Quiet, `auth_required memcached auth=sasl speaks=binary version="1.4.25" sasl=PLAIN`},
		{"mc1.5.5__saslDefaultUDP__tcp", Quiet, `auth_required memcached auth=sasl speaks=binary version="1.5.5" sasl=PLAIN`},
		{"mc1.5.6__saslDefaultUDP__tcp", Quiet, `auth_required memcached auth=sasl speaks=binary version="1.5.6" sasl=PLAIN`},
		{"redis7.0.15__tcp", Quiet, "foreign redis auth=unknown"},
		{"neighbour__beanstalkd__tcp", Quiet, "foreign beanstalkd auth=unknown"},
		{"neighbour__gearmand__tcp", Quiet, "foreign gearmand auth=unknown"},
	}
	for _, tt := range tests {
		for _, chunk := range []int{0, 1} {
			t.Run(fmt.Sprintf("%s chunk %d", tt.set, chunk), func(t *testing.T) {
				s := &scripted{server: server{plain: captured(t, tt.set, tt.unanswered), chunk: chunk}}
				got := interrogateTCP(t.Context(), s)
				if s := summary(got); s != tt.want {
					t.Errorf("got  %s\nwant %s", s, tt.want)
				}
				if len(got.Notes) > 0 || len(got.Tells) > 0 {
					t.Errorf("notes %q, tells %q, want none", got.Notes, got.Tells)
				}
				if s.handshakes > 0 {
					t.Error("a TLS handshake was started")
				}
			})
		}
	}
}

func TestInterrogateTCPInsideTLS(t *testing.T) {
	plain := server{hangsUp: true, tls: TLSInfo{Version: "TLS 1.3", Subject: "CN=cache"}}

	t.Run("tls beside a plain port", func(t *testing.T) {
		srv := plain
		srv.plain = captured(t, "mc1.6.18__notls-tlsport__tcp", RST)
		srv.inside = captured(t, "mc1.6.18__tls__tls-inner", Quiet)
		if got := interrogateTCP(t.Context(), &scripted{server: srv}); got.State != exposure.Open || !got.TLS {
			t.Errorf("got %s", summary(got))
		}
	})
	t.Run("tls", func(t *testing.T) {
		srv := plain
		srv.plain = captured(t, "mc1.6.18__tls__tcp", RST)
		srv.inside = captured(t, "mc1.6.18__tls__tls-inner", Quiet)
		s := &scripted{server: srv}
		got := interrogateTCP(t.Context(), s)
		const want = `open memcached auth=none speaks=ascii version="1.6.18" tls=true stats=20341/64/4 inter=127.0.0.15 udpport=0 item_size_max=1048576`
		if summary(got) != want {
			t.Errorf("got  %s\nwant %s", summary(got), want)
		}
		if got.TLSVersion != "TLS 1.3" || got.TLSSubject != "CN=cache" || *got.Settings.SSLEnabled != "yes" {
			t.Errorf("TLS %q %q, ssl_enabled %s", got.TLSVersion, got.TLSSubject, show(got.Settings.SSLEnabled))
		}
		if !slices.Equal(s.written, []string{askVersion, askVersion, askSettings, askStats}) || s.handshakes != 1 {
			t.Errorf("%d handshakes, written %q", s.handshakes, s.written)
		}
	})
	t.Run("client certificate wanted", func(t *testing.T) {
		srv := plain
		srv.tls.WantsCert = true
		srv.plain = captured(t, "mc1.6.18__mtls__tcp", RST)
		srv.inside = captured(t, "mc1.6.18__mtls__tls-inner", FIN)
		got := interrogateTCP(t.Context(), &scripted{server: srv})
		if want := "tls tls auth=cert tls=true"; summary(got) != want {
			t.Errorf("got %s, want %s", summary(got), want)
		}
	})

	inside := func(book map[string]answer) server {
		s := plain
		s.inside, s.hangsUp = book, false
		s.plain = map[string]answer{qVersion.name: {ending: RST}}
		return s
	}
	tests := []struct {
		name string
		srv  server
		want string
	}{
		{"sasl inside", inside(captured(t, "mc1.6.18__sasl__tcp", Quiet)), `auth_required memcached auth=sasl speaks=binary version="1.6.18" sasl=PLAIN tls=true`},
		{"ascii auth inside", inside(captured(t, "mc1.6.18__asciiauth__tcp", Quiet)), "auth_required memcached auth=ascii speaks=ascii tls=true"},
		{"http inside", inside(map[string]answer{qVersion.name: {data: "HTTP/1.1 400 Bad Request\r\n"}}), "foreign https auth=unknown tls=true"},
		{"redis inside", inside(map[string]answer{qVersion.name: {data: "-ERR unknown command\r\n"}}), "foreign redis auth=unknown tls=true"},
		{"something inside", inside(map[string]answer{qVersion.name: {data: "what?\r\n"}}), "foreign tls auth=unknown tls=true"},
		{"nothing inside", inside(nil), "mute tls auth=unknown tls=true"},
		{"closed inside", inside(map[string]answer{qVersion.name: {ending: FIN}}), "tls tls auth=unknown tls=true"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := summary(interrogateTCP(t.Context(), &scripted{server: tt.srv})); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestInterrogateTCPHandshakeFails(t *testing.T) {
	tests := []struct {
		name string
		info TLSInfo
		err  error
		want string
	}{
		{"two resets in a row", TLSInfo{}, errors.New("connection reset by peer"), "mute  auth=unknown"},
		{"alert", TLSInfo{}, fmt.Errorf("handshake failure: %w", ErrTLSAlert), "tls tls auth=unknown tls=true"},
		{"TLS 1.2 with client certificates", TLSInfo{WantsCert: true}, fmt.Errorf("handshake failure: %w", ErrTLSAlert), "tls tls auth=cert tls=true"},
		{"local", TLSInfo{}, fmt.Errorf("write: %w", ErrLocal), "local_error  auth=unknown"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := interrogateTCP(t.Context(), &scripted{server: server{hangsUp: true, tls: tt.info, tlsErr: tt.err}})
			if summary(got) != tt.want || len(got.Notes) != 1 {
				t.Errorf("got %s, notes %q, want %s and one note", summary(got), got.Notes, tt.want)
			}
		})
	}
}

func TestInterrogateTCPScripted(t *testing.T) {
	says := func(version string) map[string]answer { return map[string]answer{qVersion.name: {data: version}} }
	stats := captured(t, "mc1.6.18__default__tcp", Quiet)
	stock := func(version string) map[string]answer {
		return map[string]answer{
			qVersion.name:  {data: "VERSION " + version + "\r\n"},
			qSettings.name: stats[qSettings.name],
			qStats.name:    {data: strings.Replace(stats[qStats.name].data, "version 1.6.18", "version "+version, 1)},
		}
	}
	const endless = "VERSION 1.6.18"
	const stockTail = " stats=14002/64/4 inter=127.0.0.11 udpport=0 item_size_max=1048576"
	tests := []struct {
		name  string
		srv   server
		want  string
		notes int
	}{
		{"full", server{plain: map[string]answer{qVersion.name: {data: "ERROR Too many open connections\r\n", ending: FIN, closes: true}}}, "full memcached auth=unknown speaks=ascii", 0},
		{"distributor's version", server{plain: stock("1.4.25 Ubuntu")}, `open memcached auth=none speaks=ascii version="1.4.25 Ubuntu"` + stockTail, 0},
		{"unknown version", server{plain: stock("UNKNOWN")}, `open memcached auth=none speaks=ascii version="UNKNOWN"` + stockTail, 0},
		{"raw bytes in the version", server{plain: says("VERSION \x1b[2J\xff=1+1\r\n")}, `open memcached auth=none speaks=ascii version="\x1b[2J\xff=1+1" product=lookalike`, 0},
		{"version without end", server{plain: says(endless)}, "open memcached auth=none speaks=ascii", 1},
		{"version cut by the deadline", server{plain: map[string]answer{qVersion.name: {data: endless, ending: Deadline}}}, "open memcached auth=none speaks=ascii", 2},
		{"nothing at all", server{}, "mute  auth=unknown", 0},
		{"nothing, then refused", server{redialErr: ErrRefused}, "mute  auth=unknown", 1},
		{"nothing, then a local error", server{redialErr: fmt.Errorf("dial: %w", ErrLocal)}, "local_error  auth=unknown", 1},
		{"local error at once", server{plain: map[string]answer{qVersion.name: {ending: Failed}}}, "local_error  auth=unknown", 1},
		{"local error after the version", server{plain: map[string]answer{qVersion.name: {data: "VERSION 1.6.18\r\n"}, qSettings.name: {ending: Failed}}, redialErr: fmt.Errorf("dial: %w", ErrLocal)},
			`open memcached auth=none speaks=ascii version="1.6.18"`, 2},
		{"endless answer", server{plain: says(strings.Repeat("x", 2*streamCap))}, "foreign unknown auth=unknown", 1},
		{"sasl refuses even the version", server{plain: map[string]answer{qBinaryVersion.name: {data: binaryReply(opVersion, statusAuthError, "Auth failure.")}}}, "auth_required memcached auth=sasl speaks=binary", 0},
		{"binary, and no sasl list", server{plain: map[string]answer{qBinaryVersion.name: {data: binaryReply(opVersion, 0, "1.6.18")}}}, `open memcached auth=unknown speaks=binary version="1.6.18"`, 1},
		{"text after binary version", server{plain: map[string]answer{qBinaryVersion.name: {data: "SSH-2.0-late\r\n"}}}, "foreign ssh auth=unknown", 0},
		{"binary nonsense", server{plain: map[string]answer{qBinaryVersion.name: {data: "\x81" + strings.Repeat("\xff", 40)}}}, "foreign unknown auth=unknown", 0},
		{"http", server{plain: says("HTTP/1.1 400 Bad Request\r\n\r\n")}, "foreign http auth=unknown", 0},
		{"ERROR to everything", server{plain: map[string]answer{qVersion.name: {data: "ERROR\r\n"}, qStats.name: {data: "ERROR\r\n"}}}, "foreign unknown auth=unknown", 0},
		{"smtp", server{plain: map[string]answer{qVersion.name: {data: string(wire(t, "neighbour__postfix__tcp__connectonly"))}}}, "foreign smtp auth=unknown", 0},
	}
	for _, tt := range tests {
		for _, chunk := range []int{0, 1} {
			t.Run(fmt.Sprintf("%s chunk %d", tt.name, chunk), func(t *testing.T) {
				srv := tt.srv
				srv.chunk = chunk
				got := interrogateTCP(t.Context(), &scripted{server: srv})
				if summary(got) != tt.want {
					t.Errorf("got  %s\nwant %s", summary(got), tt.want)
				}
				if len(got.Notes) != tt.notes {
					t.Errorf("notes %q, want %d", got.Notes, tt.notes)
				}
			})
		}
	}
}

// A ClientHello crashes memcached 1.4.11, so it is sent in one case alone:
// version was put as text, and closed without a byte.
func TestInterrogateTCPHandshakeNeedsAReason(t *testing.T) {
	for name, tt := range map[string]struct {
		plain map[string]answer
		note  string
	}{
		"silent to text, closes on binary": {map[string]answer{qBinaryVersion.name: {ending: FIN}}, "binary version: closed without a byte"},
		"silent to text, resets on binary": {map[string]answer{qBinaryVersion.name: {ending: RST}}, "binary version: closed without a byte"},
		"reset as soon as accepted":        {map[string]answer{qVersion.name: {ending: RST, unsent: true}}, "every connection is reset as soon as it is accepted"},
		"silent, then reset when accepted": {map[string]answer{qBinaryVersion.name: {ending: RST, unsent: true}}, "every connection is reset as soon as it is accepted"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &scripted{server: server{plain: tt.plain}}
			got := interrogateTCP(t.Context(), s)
			if s.handshakes != 0 || summary(got) != "mute  auth=unknown" {
				t.Errorf("got %s after %d handshakes", summary(got), s.handshakes)
			}
			if !strings.Contains(strings.Join(got.Notes, "\n"), tt.note) {
				t.Errorf("notes %q, want %q", got.Notes, tt.note)
			}
		})
	}
	book := captured(t, "mc1.6.18__default__tcp", Quiet)
	book[qStats.name], book[qSettings.name] = answer{ending: RST, unsent: true}, answer{ending: RST, unsent: true}
	if got := interrogateTCP(t.Context(), &scripted{server: server{plain: book}}); got.Product != "" {
		t.Errorf("product %q: stats that could not be asked prove nothing (%q)", got.Product, got.Tells)
	}
}

// A server that closes after each answer still answers every question once.
func TestInterrogateTCPClosesAfterEachAnswer(t *testing.T) {
	book := captured(t, "mc1.6.18__default__tcp", Quiet)
	for name, a := range book {
		a.closes = true
		book[name] = a
	}
	s := &scripted{server: server{plain: book}}
	got := interrogateTCP(t.Context(), s)
	if got.Stats == nil || got.Settings == nil || got.Product != "" {
		t.Errorf("stats %v, settings %v, product %q, want both and stock", got.Stats, got.Settings, got.Product)
	}
	want := []string{askVersion, askSettings, askSettings, askStats, askStats}
	if diff := cmp.Diff(want, s.written); diff != "" || s.redials != 2 {
		t.Errorf("%d redials, written (-want +got)\n%s", s.redials, diff)
	}
}

func TestInterrogateTCPEvidence(t *testing.T) {
	got := interrogateTCP(t.Context(), &scripted{server: server{plain: captured(t, "mc1.6.18__default__tcp", Quiet)}})
	want := []exposure.Exchange{
		{Question: "version", Reply: wire(t, "mc1.6.18__default__tcp__version"), Bytes: 16, Ending: "complete"},
		{Question: "stats settings", Reply: wire(t, "mc1.6.18__default__tcp__stats_settings"), Bytes: 1888, Ending: "complete"},
		{Question: "stats", Reply: wire(t, "mc1.6.18__default__tcp__stats"), Bytes: 2213, Ending: "complete"},
	}
	if diff := cmp.Diff(want, got.Evidence); diff != "" {
		t.Errorf("evidence (-want +got)\n%s", diff)
	}
	long := interrogateTCP(t.Context(), &scripted{server: server{plain: map[string]answer{qVersion.name: {data: strings.Repeat("x", 9000)}}}})
	if e := long.Evidence[0]; len(e.Reply) != exposure.MaxEvidence || e.Bytes != 9000 {
		t.Errorf("kept %d of %d bytes", len(e.Reply), e.Bytes)
	}
}

func TestInterrogateTCPInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got := interrogateTCP(ctx, &scripted{server: server{redialErr: context.Canceled}})
	if got.State != exposure.NotScanned {
		t.Errorf("state %q, want not_scanned: the sweep ended before the endpoint was asked all", got.State)
	}
}
