package probes

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/memsweep/memsweep/exposure"
)

// streamCap is the cap on bytes that the scripted streams enforce.
const streamCap = 64 << 10

// wire reads a captured reply.
func wire(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "testdata", "wire", name+".bin"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// answer is what a scripted server says to one question, and how it ends if
// the reader has not had enough by then. An empty ending is Quiet.
type answer struct {
	data   string
	ending Ending
	closes bool // closes the connection after the answer
	unsent bool // the connection was reset before the question could be sent
}

// server is a scripted TCP server: answers by the name of the question. A
// question that is not listed gets silence, or FIN when hangsUp.
type server struct {
	plain, inside map[string]answer
	hangsUp       bool
	tls           TLSInfo
	tlsErr        error
	redialErr     error
	chunk         int // bytes handed over at a time; 0 is all at once
}

// scripted is a Stream to a server.
type scripted struct {
	server
	secure, closed bool
	written        []string
	last           []byte // the reply to the last question
	redials        int
	handshakes     int
	provoked       bool // plain version was closed without a byte: a handshake may follow
	unprovoked     int  // handshakes that nothing gave reason to
}

func (s *scripted) Redial(context.Context) error {
	s.redials++
	s.secure, s.closed = false, false
	return s.redialErr
}

func (s *scripted) StartTLS(context.Context) (TLSInfo, error) {
	s.handshakes++
	if !s.provoked {
		s.unprovoked++
	}
	s.secure = s.tlsErr == nil
	return s.tls, s.tlsErr
}

func (s *scripted) Ask(_ context.Context, question []byte, enough func([]byte) bool) Reply {
	s.written = append(s.written, string(question))
	clear(s.last) // valid until the next question
	if s.closed {
		return Reply{Ending: FIN}
	}
	book := s.plain
	if s.secure {
		book = s.inside
	}
	a, known := book[questionName(string(question))]
	if !known && s.hangsUp {
		a.ending = FIN
	}
	if a.ending == "" {
		a.ending = Quiet
	}
	reply := deliver([]byte(a.data), a.ending, s.chunk, enough)
	s.last = reply.Data
	reply.Unsent = a.unsent && closedEmpty(reply)
	s.provoked = s.provoked || !s.secure && string(question) == askVersion && closedEmpty(reply) && !reply.Unsent
	s.closed = a.closes || reply.Ending != Complete && reply.Ending != Quiet
	return reply
}

// deliver hands data over in chunks until enough, as a real stream would.
func deliver(data []byte, ending Ending, chunk int, enough func([]byte) bool) Reply {
	if chunk <= 0 {
		chunk = len(data)
	}
	for n := 0; n < len(data); {
		n = min(n+chunk, len(data), streamCap)
		if enough(data[:n:n]) {
			return Reply{Data: data[:n], Ending: Complete}
		}
		if n == streamCap {
			return Reply{Data: data[:n], Ending: Capped}
		}
	}
	if ending == Failed {
		return Reply{Data: data, Ending: Failed, Err: fmt.Errorf("read: %w", ErrLocal)}
	}
	return Reply{Data: data, Ending: ending}
}

func questionName(bytes string) string {
	for _, q := range []question{qVersion, qSettings, qStats, qBinaryVersion, qSASLList} {
		if q.bytes == bytes {
			return q.name
		}
	}
	return fmt.Sprintf("unheard of: %q", bytes)
}

// captured is the script of a server from its captures: set is the common
// beginning of their names. How an unanswered question ended is for the caller.
func captured(t testing.TB, set string, unanswered Ending) map[string]answer {
	files := map[string]string{
		qVersion.name: "version", qStats.name: "stats", qSettings.name: "stats_settings",
		qBinaryVersion.name: "bin_version", qSASLList.name: "bin_sasl_list",
	}
	book := map[string]answer{}
	for name, file := range files {
		path := filepath.Join("..", "testdata", "wire", set+"__"+file+".bin")
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			continue
		}
		a := answer{data: string(wire(t, set+"__"+file)), ending: Quiet}
		if a.data == "" {
			a.ending = unanswered
		}
		book[name] = a
	}
	if len(book) == 0 {
		t.Fatalf("no captures of %s", set)
	}
	return book
}

// mailbox is a Datagrams whose answers are scripted by question: the function
// makes the datagrams for a request ID.
type mailbox struct {
	remote  netip.AddrPort
	answers map[string]func(id uint16, try int) []Datagram
	err     map[string]error
	ending  Ending // when the answers are not enough; empty is Quiet
	nextID  uint16
	written [][]byte
	tries   map[string]int
}

var udpRemote = netip.MustParseAddrPort("192.0.2.7:11211")

func (m *mailbox) Remote() netip.AddrPort { return m.remote }

func (m *mailbox) ID() uint16 { m.nextID++; return m.nextID }

func (m *mailbox) Ask(_ context.Context, request []byte, receive func(Datagram) Patience) (Ending, error) {
	m.written = append(m.written, append([]byte(nil), request...))
	name := questionName(string(request[FrameHeaderLen:]))
	if m.tries == nil {
		m.tries = map[string]int{}
	}
	m.tries[name]++
	if err := m.err[name]; err != nil {
		return Failed, err
	}
	patience := More
	if make := m.answers[name]; make != nil {
		id, _ := datagramID(request)
		for _, d := range make(id, m.tries[name]) {
			if !d.From.IsValid() {
				d.From = m.remote
			}
			if patience = receive(d); patience == Enough {
				return Complete, nil
			}
		}
	}
	if patience == Linger {
		return Complete, nil
	}
	if m.ending != "" {
		return m.ending, nil
	}
	return Quiet, nil
}

// replay answers with captured datagrams under the ID of the request.
func replay(datagrams ...[]byte) func(uint16, int) []Datagram {
	return func(id uint16, _ int) []Datagram {
		var out []Datagram
		for _, d := range datagrams {
			d = append([]byte(nil), d...)
			if len(d) >= 2 {
				d[0], d[1] = byte(id>>8), byte(id)
			}
			out = append(out, Datagram{Payload: d})
		}
		return out
	}
}

// framed cuts a reply into datagrams of at most size payload bytes.
func framed(reply string, size int, total uint16) [][]byte {
	var out [][]byte
	for seq := uint16(0); len(reply) > 0; seq++ {
		n := min(size, len(reply))
		out = append(out, Frame{Sequence: seq, Total: total, Payload: []byte(reply[:n])}.Append(nil))
		reply = reply[n:]
	}
	return out
}

// summary is an observation in one line, for tables.
func summary(o exposure.Observation) string {
	parts := []string{string(o.State), o.Service, "auth=" + string(o.Auth)}
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+"="+value)
		}
	}
	add("speaks", strings.Join(o.Dialect, "+"))
	if o.Version != nil {
		add("version", fmt.Sprintf("%q", *o.Version))
	}
	add("product", o.Product)
	add("sasl", strings.Join(o.SASLMechanisms, ","))
	if o.TLS {
		add("tls", "true")
	}
	if o.Stats != nil {
		add("stats", fmt.Sprintf("%s/%s/%s", show(o.Stats.PID), show(o.Stats.PointerSize), show(o.Stats.Threads)))
	}
	if s := o.Settings; s != nil {
		add("inter", show(s.Inter))
		add("udpport", show(s.UDPPort))
		add("item_size_max", show(s.ItemSizeMax))
	}
	return strings.Join(parts, " ")
}

func show[T any](p *T) string {
	if p == nil {
		return "nil"
	}
	return fmt.Sprint(*p)
}
