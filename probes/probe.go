// Package probes knows what to ask an endpoint and how to read the answer,
// one file a protocol. It opens no socket, reads no clock and starts no
// goroutine: package scanner carries its questions.
package probes

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

// Probe is one kind of question to one port. A new protocol is one file and
// one line in All.
type Probe struct {
	Name      string // "memcached-udp"
	Transport exposure.Transport
	Port      uint16 // the default port
	Summary   string // one line, for `memsweep probes`

	// Utterances is every byte string that the probe may send, discovery first.
	Utterances []Utterance

	// UDP only. Discover appends to dst the datagram that asks an endpoint,
	// carrying id, and allocates nothing when dst has room. Recognise returns
	// the id of a datagram that may be an answer to it.
	Discover  func(dst []byte, id uint16) []byte
	Recognise func(datagram []byte) (id uint16, ok bool)
	// DiscoverReplyBytes is the UDP payload that may be expected to come back
	// from one endpoint that answers (for --bandwidth).
	DiscoverReplyBytes int

	// Exactly one of the two is set: the conversation with an endpoint that
	// answered discovery.
	InterrogateTCP func(context.Context, Stream) exposure.Observation
	InterrogateUDP func(context.Context, Datagrams, First) exposure.Observation
}

// Utterance is something that a probe may say, byte for byte. In UDP
// utterances the first two bytes are a request ID and vary.
type Utterance struct {
	Name string // "version"
	// Bytes is nil for the one thing that cannot be spelled out: the TLS
	// handshake, which is random by design.
	Bytes []byte
	When  string // in which case it is sent
}

// Stream is the way to one TCP endpoint during a conversation. When the
// conversation starts it is connected. Every byte passes the rate gate.
type Stream interface {
	// Redial drops the connection and opens a new one to the same endpoint.
	// Its error is ErrRefused, ErrNoAnswer, or one that wraps ErrLocal.
	Redial(ctx context.Context) error
	// Ask writes the question (nothing, if empty) and reads until enough
	// reports true of all bytes read since, or the reply ends otherwise. The
	// bytes of a reply are valid until the next question.
	Ask(ctx context.Context, question []byte, enough func(reply []byte) bool) Reply
	// StartTLS performs a TLS handshake as a client that verifies nothing and
	// has no certificate; from then on Ask speaks inside, until Redial. An
	// error wraps ErrLocal, ErrTLSAlert, or is whatever else went wrong; the
	// TLSInfo that comes with it holds what was learned by then.
	StartTLS(ctx context.Context) (TLSInfo, error)
}

// Datagrams is the way to one UDP endpoint during a conversation: an
// unconnected socket, so that answers from another address are seen.
type Datagrams interface {
	// Ask sends one datagram and hands every datagram that arrives to
	// receive, which says how long to wait for the next. The ending is
	// Complete when receive had Enough, or last said Linger and nothing more
	// came. An error wraps ErrLocal; ErrRefused means ICMP unreachable.
	Ask(ctx context.Context, request []byte, receive func(Datagram) Patience) (Ending, error)
	// Remote is the endpoint that is asked.
	Remote() netip.AddrPort
	// ID returns a fresh, unpredictable request ID.
	ID() uint16
}

// Datagram is one UDP datagram that came back. Payload is valid only during
// the call that it is handed to.
type Datagram struct {
	From    netip.AddrPort
	Payload []byte
}

// Patience is how long to listen on after a datagram.
type Patience int

// The degrees of patience.
const (
	More   Patience = iota // the full quiet time: the reply is not whole
	Linger                 // a short while: the reply is whole, stragglers and duplicates may follow
	Enough                 // not at all
)

// First is what discovery already saw of a UDP endpoint.
type First struct {
	Datagram []byte         // the reply that verified
	From     netip.AddrPort // who sent it
}

// Reply is what came back for one question over TCP.
type Reply struct {
	Data   []byte
	Ending Ending
	Err    error // wraps ErrLocal when this machine, not the peer, failed
	// Unsent: the question could not be sent, because the connection was reset
	// as soon as it was accepted. Nothing follows about how the peer takes it.
	Unsent bool
}

// Ending says why reading stopped.
type Ending string

// The ways a reply ends.
const (
	Complete Ending = "complete" // the reader had enough
	Quiet    Ending = "quiet"    // nothing more came for the reply timeout
	FIN      Ending = "fin"      // the peer closed
	RST      Ending = "rst"      // the peer reset
	Capped   Ending = "capped"   // the cap on bytes or datagrams was hit
	Deadline Ending = "deadline" // bytes kept coming, but the exchange took too long
	Failed   Ending = "failed"   // a local error: nothing is known
)

// TLSInfo describes a finished handshake.
type TLSInfo struct {
	Version string // "TLS 1.3"
	Subject string // of the leaf certificate
	// WantsCert: the server asked for a client certificate.
	WantsCert bool
	NotAfter  time.Time
}

// Errors of Stream and Datagrams.
var (
	ErrRefused  = errors.New("refused")
	ErrNoAnswer = errors.New("no answer")
	ErrLocal    = errors.New("local error")
	// ErrTLSAlert: the peer speaks TLS, but answered the handshake with an alert.
	ErrTLSAlert = errors.New("tls alert")
)
