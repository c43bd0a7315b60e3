package probes

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/memsweep/memsweep/exposure"
)

// spelledOut is all that may ever be sent, in hex and independent of the
// code. Of UDP datagrams the first two bytes are the request ID, here 0.
var spelledOut = map[string][]string{
	"memcached-udp": {
		"0000" + "0000" + "0001" + "0000" + "76657273696f6e" + "0d0a", // version
		"0000" + "0000" + "0001" + "0000" + "7374617473" + "0d0a",     // stats
	},
	"memcached-tcp": {
		"76657273696f6e" + "0d0a",                                    // version
		"73746174732073657474696e6773" + "0d0a",                      // stats settings
		"7374617473" + "0d0a",                                        // stats
		"800b00000000000000000000" + "6d656d31" + "0000000000000000", // binary version
		"802000000000000000000000" + "6d656d31" + "0000000000000000", // binary sasl_list_mechs
		"", // the TLS handshake
	},
}

func TestUtterances(t *testing.T) {
	for _, p := range All() {
		var got []string
		for _, u := range p.Utterances {
			got = append(got, hex.EncodeToString(u.Bytes))
			if u.Name == "" || u.When == "" {
				t.Errorf("%s: utterance %q has no name or no occasion", p.Name, u.Bytes)
			}
		}
		if !slices.Equal(got, spelledOut[p.Name]) {
			t.Errorf("%s says %q,\nspelled out is %q", p.Name, got, spelledOut[p.Name])
		}
	}
}

func TestUtterancesAreHarmless(t *testing.T) {
	forbidden := []string{
		"reset", "detail", "sizes", "extstore", "verbosity", "dump", "get", "gat", "set ", "add ", "delete", "touch", "incr", "decr",
		"watch", "shutdown", "slabs", "lru", "flush", "quit", "items", "conns", "mn", "mg", "ms", "md", "ma", "me ", "cache_memlimit", "proxy",
	}
	for _, p := range All() {
		for _, u := range p.Utterances {
			say := u.Bytes
			switch {
			case say == nil:
				continue
			case p.Transport == exposure.UDP:
				if total := say[4:6]; !bytes.Equal(total, []byte{0, 1}) {
					t.Errorf("%s %s: total % x, which crashes memcached 1.6.0 to 1.6.7", p.Name, u.Name, total)
				}
				say = say[8:]
			case say[0] == 0x80:
				if bytes.IndexByte(say, '\n') >= 0 {
					t.Errorf("%s %s: LF in a binary question", p.Name, u.Name)
				}
				continue
			}
			if !bytes.HasSuffix(say, []byte("\r\n")) || bytes.IndexByte(say, '\n') != len(say)-1 {
				t.Errorf("%s %s: %q is not one line", p.Name, u.Name, say)
			}
			for _, word := range forbidden {
				if bytes.Contains(say, []byte(word)) && u.Name != qSettings.name {
					t.Errorf("%s %s: contains %q", p.Name, u.Name, word)
				}
			}
		}
	}
}

func TestRegistry(t *testing.T) {
	for _, p := range All() {
		if (p.InterrogateTCP == nil) == (p.InterrogateUDP == nil) {
			t.Errorf("%s: exactly one conversation is wanted", p.Name)
		}
		if udp := p.Transport == exposure.UDP; udp != (p.Discover != nil) || udp != (p.Recognise != nil) {
			t.Errorf("%s: discovery does not fit %s", p.Name, p.Transport)
		}
		if got, ok := ByName(p.Name); !ok || got.Name != p.Name {
			t.Errorf("ByName(%q) finds %q", p.Name, got.Name)
		}
	}
	if _, ok := ByName("nothing"); ok {
		t.Error("ByName finds a probe that is not there")
	}
}

func TestDiscover(t *testing.T) {
	p := MemcachedUDP()
	for _, id := range []uint16{0, 1, 0x0a0a, 0x1234, 0xffff} {
		got := p.Discover(nil, id)
		want := append([]byte{byte(id >> 8), byte(id)}, p.Utterances[0].Bytes[2:]...)
		if !bytes.Equal(got, want) {
			t.Errorf("Discover(%#x) = % x, want % x", id, got, want)
		}
		if back, ok := p.Recognise(got); !ok || back != id {
			t.Errorf("Recognise = %#x, %t, want %#x", back, ok, id)
		}
	}
	if _, ok := p.Recognise([]byte{1}); ok {
		t.Error("one byte cannot carry an id")
	}
}

// checkSaid fails for anything said that is not an utterance of the probe.
func checkSaid(t testing.TB, p Probe, said []byte) {
	t.Helper()
	if p.Transport == exposure.UDP {
		said = append([]byte{0, 0}, said[2:]...)
	}
	if !slices.ContainsFunc(p.Utterances, func(u Utterance) bool { return u.Bytes != nil && bytes.Equal(u.Bytes, said) }) {
		t.Errorf("%s said %q, which is not in its list", p.Name, said)
	}
}

// Servers that answer at random, in fragments of everything that the
// conversations react to, never get anything but utterances out of them; and
// a handshake only after a plain version, which was sent, was closed without a
// byte.
func TestNothingElseIsEverSaid(t *testing.T) {
	const rounds = 5_000
	rng := rand.New(rand.NewPCG(1, 2))
	tcp, udp := MemcachedTCP(), MemcachedUDP()
	seen := map[exposure.State]int{}
	for range rounds {
		s := &scripted{server: randomServer(rng)}
		o := tcp.InterrogateTCP(t.Context(), s)
		seen[o.State]++
		for _, said := range s.written {
			checkSaid(t, tcp, []byte(said))
		}
		if len(s.written) > 12 || s.redials > 8 || s.handshakes > 8 {
			t.Fatalf("%d questions, %d redials, %d handshakes", len(s.written), s.redials, s.handshakes)
		}
		if s.unprovoked > 0 {
			t.Fatalf("handshake although version was not closed without a byte: %+v", o.Evidence)
		}
		m := &mailbox{remote: udpRemote, answers: randomDatagrams(rng)}
		seen[udp.InterrogateUDP(t.Context(), m, First{Datagram: randomReply(rng), From: udpRemote}).State]++
		for _, said := range m.written {
			checkSaid(t, udp, said)
		}
		if n := m.tries[qStats.name]; n > 1 {
			t.Fatalf("stats was asked %d times over UDP", n)
		}
	}
	for _, state := range []exposure.State{exposure.Open, exposure.AuthRequired, exposure.TLS, exposure.Full, exposure.Foreign, exposure.Mute} {
		if seen[state] == 0 {
			t.Errorf("no conversation ended as %s: the servers are not random enough", state)
		}
	}
	if seen[""] > 0 {
		t.Errorf("%d conversations ended without a state", seen[""])
	}
}

var fragments = []string{
	"", "VERSION 1.6.18\r\n", "VERSION ", "ERROR\r\n", "END\r\n", "STAT pid 1\r\n", "STAT version 1.6.18\r\n", "CLIENT_ERROR unauthenticated\r\n",
	"SERVER_ERROR x\r\n", "ERROR Too many open connections\r\n", "HTTP/1.1 400 Bad Request\r\n", "\n", "\x81\x0b", "RESET\r\n", "version\r\n",
	binaryReply(opVersion, 0, "1.6.18"), binaryReply(opVersion, statusAuthError, ""), binaryReply(opSASLList, 0, "PLAIN"),
	binaryReply(opSASLList, statusUnknownCommand, "Unknown command"), "\x15\x03\x01\x00\x02", "\x00\x00\x00\x00\x00\x01\x00\x00",
}

func randomReply(rng *rand.Rand) []byte {
	var reply []byte
	for range rng.IntN(4) {
		reply = append(reply, fragments[rng.IntN(len(fragments))]...)
	}
	if len(reply) > 0 && rng.IntN(8) == 0 {
		reply[rng.IntN(len(reply))] ^= byte(1 + rng.IntN(255))
	}
	return reply
}

func randomServer(rng *rand.Rand) server {
	book := func() map[string]answer {
		endings := []Ending{Quiet, FIN, RST, Deadline, Failed}
		b := map[string]answer{}
		for _, q := range []question{qVersion, qSettings, qStats, qBinaryVersion, qSASLList} {
			if rng.IntN(3) > 0 {
				b[q.name] = answer{data: string(randomReply(rng)), ending: endings[rng.IntN(len(endings))], closes: rng.IntN(4) == 0, unsent: rng.IntN(4) == 0}
			}
		}
		return b
	}
	s := server{plain: book(), inside: book(), hangsUp: rng.IntN(2) == 0, chunk: rng.IntN(3)}
	s.tls.WantsCert = rng.IntN(3) == 0
	if rng.IntN(3) == 0 {
		s.tlsErr = []error{ErrTLSAlert, ErrLocal, ErrNoAnswer}[rng.IntN(3)]
	}
	if rng.IntN(8) == 0 {
		s.redialErr = []error{ErrRefused, ErrLocal, ErrNoAnswer}[rng.IntN(3)]
	}
	return s
}

func randomDatagrams(rng *rand.Rand) map[string]func(uint16, int) []Datagram {
	some := func(id uint16, try int) []Datagram {
		var out []Datagram
		for range rng.IntN(4) {
			f := Frame{ID: id, Sequence: uint16(rng.IntN(3)), Total: uint16(rng.IntN(4)), Payload: randomReply(rng)}
			if rng.IntN(6) == 0 {
				f.ID++
			}
			d := f.Append(nil)
			out = append(out, Datagram{Payload: d[:len(d)-rng.IntN(len(d)+1)*rng.IntN(2)]})
		}
		return out
	}
	return map[string]func(uint16, int) []Datagram{qVersion.name: some, qStats.name: some}
}
