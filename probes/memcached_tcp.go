package probes

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/memsweep/memsweep/exposure"
)

// memcachedPort is the port of memcached, TCP and UDP (IANA: memcache).
const memcachedPort = 11211

// question is one thing to say to an endpoint.
type question struct{ name, bytes string }

var (
	qVersion       = question{"version", askVersion}
	qSettings      = question{"stats settings", askSettings}
	qStats         = question{"stats", askStats}
	qBinaryVersion = question{"binary version", askBinaryVersion}
	qSASLList      = question{"binary sasl_list_mechs", askBinarySASLList}
)

func (q question) utterance(when string) Utterance {
	return Utterance{Name: q.name, Bytes: []byte(q.bytes), When: when}
}

// MemcachedTCP asks memcached over TCP: the text protocol first, then what
// the answer, or the lack of one, gives reason to. The Port of its
// observations is for the caller to fill in: a Stream has no address.
func MemcachedTCP() Probe {
	return Probe{
		Name:      "memcached-tcp",
		Transport: exposure.TCP,
		Port:      memcachedPort,
		Summary:   "memcached over TCP: text, binary, SASL and TLS; version, settings and statistics",
		Utterances: []Utterance{
			qVersion.utterance("always, first"),
			qSettings.utterance("after a VERSION line"),
			qStats.utterance("after stats settings, or an error in place of a VERSION line"),
			qBinaryVersion.utterance("after silence, on a new connection"),
			qSASLList.utterance("after an answer to binary version"),
			{Name: "tls handshake", When: "after a plain version got FIN or RST without a byte, on a new connection; the questions above then go inside"},
		},
		InterrogateTCP: interrogateTCP,
	}
}

func interrogateTCP(ctx context.Context, s Stream) exposure.Observation {
	t := tcpTalk{stream: s, obs: exposure.Observation{
		Probe:     "memcached-tcp",
		Transport: exposure.TCP,
		Auth:      exposure.AuthUnknown,
	}}
	t.open(ctx)
	interrupted := errors.Is(ctx.Err(), context.Canceled)
	if interrupted && (t.obs.State == exposure.Mute || t.obs.State == exposure.LocalError) {
		t.obs.State = exposure.NotScanned
	}
	return t.obs
}

// tcpTalk is a conversation with one TCP endpoint. One question is
// outstanding at any time: twemproxy drops what is pipelined.
type tcpTalk struct {
	stream Stream
	obs    exposure.Observation
	tls    *TLSInfo // set when questions go inside TLS
	used   bool     // this connection has carried a question
	spent  bool     // this connection can carry no further one
}

// open asks for the version as text and follows where that leads.
func (t *tcpTalk) open(ctx context.Context) {
	reply := t.ask(ctx, qVersion, enoughLine())
	switch {
	case len(reply.Data) > 0:
		t.text(ctx, reply)
	case reply.Ending == Failed:
		t.obs.State = exposure.LocalError
	case reply.Unsent:
		t.deadEnd(nil)
	case closedEmpty(reply) && t.tls != nil:
		t.refusedInside()
	case closedEmpty(reply):
		t.startTLS(ctx)
	default:
		t.binary(ctx)
	}
}

// text follows a reply that has bytes in it.
func (t *tcpTalk) text(ctx context.Context, reply Reply) {
	switch kind := classify(reply.Data); kind {
	case lineVersion:
		t.versionLine(reply.Data)
		t.inspect(ctx, kind)
	case lineUnauthenticated:
		t.memcached(exposure.AuthRequired, exposure.AuthASCII, "ascii")
	case lineFull:
		t.memcached(exposure.Full, exposure.AuthUnknown, "ascii")
	case lineError, lineServerError, lineStat:
		t.withoutVersion(ctx, kind, reply)
	case lineOther:
		t.foreign(reply.Data)
	}
}

// noteVersionCut: a part of 1.6.18 is 1.6.1, and that is another release.
const noteVersionCut = "version: the line has no end, and was not taken for a version"

// versionLine records the version, if its line has an end.
func (t *tcpTalk) versionLine(reply []byte) {
	t.memcached(exposure.Open, exposure.AuthNone, "ascii")
	line, complete := firstLine(reply)
	if !complete {
		t.note(noteVersionCut)
		return
	}
	version, _ := ParseVersion(reply)
	t.obs.Version = &version
	if len(line) > len("VERSION ")+MaxVersionBytes {
		t.note("version: longer than %d bytes, cut", MaxVersionBytes)
	}
}

// inspect asks an open server about itself, and whether it is stock.
func (t *tcpTalk) inspect(ctx context.Context, first lineKind) {
	settings := t.list(ctx, qSettings)
	stats := t.list(ctx, qStats)
	t.obs.Settings, t.obs.Stats = settings.values.settings(), stats.values.stats()
	t.obs.Product, t.obs.Tells = identify(traits{first, t.obs.Version, stats, settings})
}

// withoutVersion follows an answer that memcached could give, but not to
// `version`: `stats` tells a clone from something else that says ERROR.
func (t *tcpTalk) withoutVersion(ctx context.Context, first lineKind, reply Reply) {
	stats := t.list(ctx, qStats)
	if stats.values.empty() && first != lineServerError {
		t.foreign(reply.Data)
		return
	}
	t.memcached(exposure.Open, exposure.AuthNone, "ascii")
	t.obs.Stats = stats.values.stats()
	t.obs.Product, t.obs.Tells = identify(traits{first: first, stats: stats})
}

// list asks for a list of STAT lines. A server that closes after each answer
// is given one connection for this question.
func (t *tcpTalk) list(ctx context.Context, q question) statAnswer {
	if t.spent && t.reconnect(ctx) != nil {
		return statAnswer{}
	}
	onUsed := t.used
	end := &terminator{}
	reply := t.ask(ctx, q, end.enough)
	if closedEmpty(reply) && onUsed {
		if t.reconnect(ctx) != nil {
			return statAnswer{}
		}
		end = &terminator{}
		reply = t.ask(ctx, q, end.enough)
	}
	return t.statAnswer(q, reply, end)
}

func (t *tcpTalk) statAnswer(q question, reply Reply, end *terminator) statAnswer {
	values := parseStats(reply.Data)
	switch {
	case classify(reply.Data) == lineFull:
		t.note("%s: the server is at its connection limit", q.name)
		return statAnswer{}
	case end.ended():
		return statAnswer{answered, values}
	case end.last != nil:
		return statAnswer{refused, values}
	case reply.Unsent:
		return statAnswer{}
	case closedEmpty(reply):
		return statAnswer{kind: hungUp}
	case reply.Ending == Quiet && len(reply.Data) == 0:
		return statAnswer{kind: silent}
	case reply.Ending == Quiet, reply.Ending == FIN, reply.Ending == RST:
		t.note("%s: the reply has no end", q.name)
	}
	return statAnswer{notAsked, values}
}

// ask puts one question to the endpoint and keeps the reply, as evidence too.
func (t *tcpTalk) ask(ctx context.Context, q question, enough func([]byte) bool) Reply {
	reply := t.stream.Ask(ctx, []byte(q.bytes), enough)
	reply.Data = bytes.Clone(reply.Data)
	t.obs.Evidence = append(t.obs.Evidence, exchange(q.name, reply.Data, reply.Ending))
	t.used, t.spent = true, reply.Ending != Complete
	switch reply.Ending {
	case Capped:
		t.note("%s: the cap on bytes was hit", q.name)
	case Deadline:
		t.note("%s: the deadline was hit", q.name)
	case Failed:
		t.note("%s: %v", q.name, reply.Err)
	}
	if reply.Unsent {
		t.note("%s: could not be sent; every connection is reset as soon as it is accepted", q.name)
	}
	return reply
}

// reconnect opens a new connection, inside TLS if the conversation is.
func (t *tcpTalk) reconnect(ctx context.Context) error {
	err := t.stream.Redial(ctx)
	if err == nil && t.tls != nil {
		_, err = t.stream.StartTLS(ctx)
	}
	if err != nil {
		t.note("connecting again: %v", err)
		return err
	}
	t.used, t.spent = false, false
	return nil
}

// deadEnd records an endpoint that accepts connections and of which nothing
// else could be learned, because of err or of plain silence.
func (t *tcpTalk) deadEnd(err error) {
	t.obs.State = exposure.Mute
	if errors.Is(err, ErrLocal) {
		t.obs.State = exposure.LocalError
	}
	if t.tls != nil {
		t.obs.Service = serviceTLS
	}
}

func (t *tcpTalk) memcached(state exposure.State, auth exposure.Auth, dialect string) {
	t.obs.Service = serviceMemcached
	t.obs.State, t.obs.Auth = state, auth
	t.obs.Dialect = []string{dialect}
}

func (t *tcpTalk) foreign(reply []byte) {
	t.obs.State = exposure.Foreign
	t.obs.Service = foreignService(reply)
	if t.tls == nil {
		return
	}
	switch t.obs.Service {
	case serviceHTTP:
		t.obs.Service = serviceHTTPS
	case serviceUnknown:
		t.obs.Service = serviceTLS
	}
}

func (t *tcpTalk) note(format string, args ...any) {
	t.obs.Notes = append(t.obs.Notes, fmt.Sprintf(format, args...))
}

// closedEmpty: the peer closed without saying a byte.
func closedEmpty(reply Reply) bool {
	return len(reply.Data) == 0 && (reply.Ending == FIN || reply.Ending == RST)
}
