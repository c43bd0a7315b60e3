package probes

import (
	"context"
	"errors"

	"github.com/memsweep/memsweep/exposure"
)

// binary follows silence: memcached -S and -B binary say nothing to a line of
// text, because it is shorter than a binary header.
func (t *tcpTalk) binary(ctx context.Context) {
	if err := t.reconnect(ctx); err != nil {
		t.deadEnd(err)
		return
	}
	reply := t.ask(ctx, qBinaryVersion, enoughBinary(opVersion))
	answer, err := parseBinary(reply.Data, opVersion)
	switch {
	case err == nil:
		t.binaryVersion(ctx, answer)
	case len(reply.Data) > 0:
		t.spent = true // half a line of text is pending at the peer
		t.text(ctx, reply)
	default:
		if closedEmpty(reply) && !reply.Unsent {
			t.note("%s: closed without a byte, after silence to text", qBinaryVersion.name)
		}
		t.deadEnd(reply.Err)
	}
}

// binaryVersion follows an answer to binary version, which memcached gives
// without credentials even where SASL is on.
func (t *tcpTalk) binaryVersion(ctx context.Context, answer binaryAnswer) {
	t.memcached(exposure.Open, exposure.AuthUnknown, "binary")
	switch answer.status {
	case statusOK:
		version := string(answer.value[:min(len(answer.value), MaxVersionBytes)])
		t.obs.Version = &version
	case statusAuthError:
		t.memcached(exposure.AuthRequired, exposure.AuthSASL, "binary")
		return
	}
	t.saslList(ctx)
	t.obs.Product, t.obs.Tells = identify(traits{first: lineVersion, version: t.obs.Version})
}

// saslList tells -S from -B binary.
func (t *tcpTalk) saslList(ctx context.Context) {
	reply := t.ask(ctx, qSASLList, enoughBinary(opSASLList))
	answer, err := parseBinary(reply.Data, opSASLList)
	switch {
	case err != nil:
		t.note("%s: no usable answer; whether SASL is on is not known", qSASLList.name)
	case answer.status == statusOK:
		t.memcached(exposure.AuthRequired, exposure.AuthSASL, "binary")
		t.obs.SASLMechanisms = mechanisms(answer.value)
	case answer.status == statusAuthError:
		t.memcached(exposure.AuthRequired, exposure.AuthSASL, "binary")
	case answer.status == statusUnknownCommand:
		t.obs.Auth = exposure.AuthNone
	default:
		t.note("%s: status %#04x; whether SASL is on is not known", qSASLList.name, answer.status)
	}
}

// maxSubjectBytes bounds what is kept of the subject of a certificate.
const maxSubjectBytes = 512

// startTLS follows FIN or RST without a byte to version as text, which is how
// memcached -Z takes it. A ClientHello is sent in no other case, not even when
// a server that is silent to text closes on a binary question: the empty lines
// in it crash memcached 1.4.11.
func (t *tcpTalk) startTLS(ctx context.Context) {
	if err := t.reconnect(ctx); err != nil {
		t.deadEnd(err)
		return
	}
	info, err := t.stream.StartTLS(ctx)
	t.obs.TLSVersion = info.Version
	t.obs.TLSSubject = info.Subject[:min(len(info.Subject), maxSubjectBytes)]
	if err == nil {
		t.tls = &info
		t.obs.TLS = true
		t.open(ctx)
		return
	}
	t.note("tls handshake, after a plain question was closed without a byte: %v", err)
	switch {
	case info.WantsCert:
		t.wantsTLS(exposure.AuthCert)
	case errors.Is(err, ErrTLSAlert):
		t.wantsTLS(exposure.AuthUnknown)
	default:
		t.deadEnd(err)
	}
}

// refusedInside follows a handshake that went well and a question that was
// then closed without a byte. Under TLS 1.3 that is how a client learns that
// its missing certificate was required.
func (t *tcpTalk) refusedInside() {
	if t.tls.WantsCert {
		t.wantsTLS(exposure.AuthCert)
		return
	}
	t.wantsTLS(exposure.AuthUnknown)
	t.note("closed inside TLS without a byte, though no client certificate was asked for")
}

func (t *tcpTalk) wantsTLS(auth exposure.Auth) {
	t.obs.State, t.obs.Auth, t.obs.TLS = exposure.TLS, auth, true
	t.obs.Service = serviceTLS
}
