package probes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/memsweep/memsweep/exposure"
)

// versionTries is how often a host that answered discovery is asked for its
// version again before its silence is believed.
const versionTries = 2

// MemcachedUDP asks memcached over UDP: one framed version, and one stats of
// those that answer, which measures the amplification.
func MemcachedUDP() Probe {
	return Probe{
		Name:      "memcached-udp",
		Transport: exposure.UDP,
		Port:      memcachedPort,
		Summary:   "memcached over UDP: version, and the amplification of one stats",
		Utterances: []Utterance{
			{Name: qVersion.name, Bytes: appendRequest(nil, 0, askVersion), When: "always, first; again when it was answered"},
			{Name: qStats.name, Bytes: appendRequest(nil, 0, askStats), When: "once, after an answer that memcached could give"},
		},
		Discover:           func(dst []byte, id uint16) []byte { return appendRequest(dst, id, askVersion) },
		Recognise:          datagramID,
		DiscoverReplyBytes: FrameHeaderLen + len("VERSION 1.6.18\r\n"),
		InterrogateUDP:     interrogateUDP,
	}
}

func interrogateUDP(ctx context.Context, d Datagrams, first First) exposure.Observation {
	t := udpTalk{datagrams: d, obs: exposure.Observation{
		Probe:     "memcached-udp",
		Transport: exposure.UDP,
		Port:      d.Remote().Port(),
		Auth:      exposure.AuthUnknown,
	}}
	t.answeredFrom(first.From)
	reply, mayAsk := t.confirm(ctx)
	if reply == nil {
		reply = bytes.Clone(first.Datagram)
		t.obs.Unconfirmed = true
		t.obs.Evidence = append(t.obs.Evidence, exchange(qVersion.name, reply, Complete))
	}
	t.read(ctx, reply, mayAsk)
	if t.strays > 0 {
		t.note("%d datagrams carried another request id, and were not counted", t.strays)
	}
	return t.obs
}

// udpTalk is a conversation with one UDP endpoint.
type udpTalk struct {
	datagrams Datagrams
	obs       exposure.Observation
	strays    int
}

// confirm asks for the version again, under a new ID. The reply is nil when
// none came; mayAsk is false when there is no sense in asking on.
func (t *udpTalk) confirm(ctx context.Context) (reply []byte, mayAsk bool) {
	for range versionTries {
		ending, err := t.ask(ctx, qVersion, func(datagram []byte) Patience {
			reply = bytes.Clone(datagram)
			return Enough
		})
		t.obs.Evidence = append(t.obs.Evidence, exchange(qVersion.name, reply, ending))
		if reply != nil {
			return reply, true
		}
		if err != nil {
			return nil, false
		}
	}
	return nil, true
}

// read follows the datagram that answered `version`.
func (t *udpTalk) read(ctx context.Context, datagram []byte, mayAsk bool) {
	payload, foreign := unframe(datagram)
	if foreign != "" {
		t.obs.State, t.obs.Service = exposure.Foreign, foreign
		return
	}
	kind := classify(payload)
	switch kind {
	case lineUnauthenticated:
		t.memcached(exposure.AuthRequired, exposure.AuthASCII)
		return
	case lineFull:
		t.memcached(exposure.Full, exposure.AuthUnknown)
		return
	}
	var stats statAnswer
	if mayAsk {
		stats = t.measure(ctx)
	}
	// Whatever it says, it says in memcached's frame and words: it reflects.
	t.memcached(exposure.Open, exposure.AuthNone)
	t.obs.Stats = stats.values.stats()
	if version, ok := ParseVersion(payload); ok {
		if _, complete := firstLine(payload); complete {
			t.obs.Version = &version
		} else {
			t.note(noteVersionCut)
		}
	}
	t.obs.Product, t.obs.Tells = identify(traits{first: kind, version: t.obs.Version, stats: stats})
}

// measure asks for the statistics once and counts what comes back.
func (t *udpTalk) measure(ctx context.Context) statAnswer {
	var a Assembler
	ending, _ := t.ask(ctx, qStats, a.Add)
	t.obs.Evidence = append(t.obs.Evidence, exchange(qStats.name, a.Reply(), ending))
	t.obs.Amplification = a.Amplification(qStats.name,
		FrameHeaderLen+len(askStats), t.datagrams.Remote().Addr().Unmap().Is6())
	if t.obs.Amplification == nil {
		t.note("stats: not answered, amplification not measured")
		return statAnswer{}
	}
	t.obs.Unconfirmed = false
	if ending == Capped || a.capped {
		t.obs.Amplification.Capped = true
		t.note("stats: the cap on datagrams or bytes was hit")
	}
	if a.conflicts > 0 {
		t.note("stats: %d duplicates differ from the first datagram with their number", a.conflicts)
	}
	if a.malformed > 0 {
		t.note("stats: %d datagrams have no memcached frame; they are counted, and not read", a.malformed)
	}
	return a.statAnswer()
}

// statAnswer reads the reply as far as it is contiguous.
func (a *Assembler) statAnswer() statAnswer {
	values := parseStats(a.reply)
	switch {
	case a.Complete():
		return statAnswer{answered, values}
	case a.end.last != nil && values.empty():
		return statAnswer{refused, values}
	}
	return statAnswer{notAsked, values}
}

// ask sends one question under a fresh ID and hands over the datagrams that
// carry it. Others are counted, up to the cap that holds for a reply.
func (t *udpTalk) ask(ctx context.Context, q question, take func([]byte) Patience) (Ending, error) {
	id, patience := t.datagrams.ID(), More
	ending, err := t.datagrams.Ask(ctx, appendRequest(nil, id, q.bytes), func(d Datagram) Patience {
		if got, ok := datagramID(d.Payload); !ok || got != id {
			if t.strays++; t.strays >= MaxReplyDatagrams {
				return Enough
			}
			return patience
		}
		t.answeredFrom(d.From)
		patience = take(d.Payload)
		return patience
	})
	switch {
	case errors.Is(err, ErrRefused):
		t.note("%s: icmp says that the port is unreachable", q.name)
	case err != nil:
		t.note("%s: %v", q.name, err)
	case ending == Deadline:
		t.note("%s: the deadline was hit", q.name)
	}
	return ending, err
}

// answeredFrom keeps the first sender that is not the endpoint asked.
func (t *udpTalk) answeredFrom(from netip.AddrPort) {
	from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	remote := t.datagrams.Remote()
	remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	if t.obs.RepliedFrom == nil && from.IsValid() && from != remote {
		t.obs.RepliedFrom = &from
	}
}

func (t *udpTalk) memcached(state exposure.State, auth exposure.Auth) {
	t.obs.Service = serviceMemcached
	t.obs.State, t.obs.Auth = state, auth
	t.obs.Dialect = []string{"ascii"}
}

func (t *udpTalk) note(format string, args ...any) {
	t.obs.Notes = append(t.obs.Notes, fmt.Sprintf(format, args...))
}

// unframe is the payload of a datagram in which memcached may speak, or the
// name of the foreign service that sent it.
func unframe(datagram []byte) (payload []byte, foreign string) {
	f, ok := ParseFrame(datagram)
	switch {
	case ok && f.Plausible() && f.Sequence == 0 && string(f.Payload) == askVersion:
		return nil, serviceEcho
	case ok && f.Plausible() && f.Sequence == 0 && classify(f.Payload) != lineOther:
		return f.Payload, ""
	case isDNS(datagram):
		return nil, serviceDNS
	}
	return nil, serviceUnknown
}
