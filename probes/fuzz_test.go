package probes

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/memsweep/memsweep/exposure"
)

func FuzzVersion(f *testing.F) {
	for _, name := range []string{"mc1.6.18__default__tcp__version", "mc1.4.5__default__tcp__version", "redis7.0.15__tcp__version"} {
		f.Add(wire(f, name))
	}
	f.Add([]byte("VERSION\r\r\n"))
	f.Fuzz(func(t *testing.T, reply []byte) {
		version, ok := ParseVersion(reply)
		if len(version) > MaxVersionBytes || strings.Contains(version, "\n") {
			t.Errorf("version %q", version)
		}
		if ok != (classify(reply) == lineVersion) {
			t.Errorf("ParseVersion says %t, classify %d", ok, classify(reply))
		}
		foreignService(reply)
	})
}

func FuzzStats(f *testing.F) {
	for _, name := range []string{"mc1.6.18__default__tcp__stats", "mc1.4.5__default__tcp__stats_settings", "mc1.6.18__asciiauth__tcp__version"} {
		f.Add(wire(f, name))
	}
	f.Add([]byte("STAT a\nSTAT a 1\r\nSTAT  b\r\nSTAT b \r\nSTAT b 2\r\nx\nEND\r\nSTAT c 3\r\n"))
	f.Fuzz(func(t *testing.T, reply []byte) {
		list, want := parseStats(reply), statMap(reply)
		for key, value := range want {
			if got, ok := list.value(key); !ok || string(got) != value {
				t.Errorf("%q = %q, %t; want %q", key, got, ok, value)
			}
		}
		for _, line := range list.lines {
			key := string(reply[line.key:line.blank])
			if _, ok := want[key]; !ok || line.end > uint32(len(reply)) {
				t.Errorf("%q: there is none", key)
			}
		}
		if len(list.lines) > maxStatLines || (list.stats() == nil) != (len(want) == 0) || (list.settings() == nil) != (len(want) == 0) {
			t.Errorf("%d lines", len(list.lines))
		}
		whole, pieces := &terminator{}, &terminator{}
		atOnce, got := whole.enough(reply), false
		for n := 0; n <= len(reply) && !got; n++ {
			got = pieces.enough(reply[:n])
		}
		if got != atOnce || !bytes.Equal(whole.last, pieces.last) {
			t.Errorf("enough: %t at once, %t in pieces", atOnce, got)
		}
	})
}

// statMap is what parseStats does, with a map of strings: the first of a key
// that comes twice.
func statMap(reply []byte) map[string]string {
	stats := map[string]string{}
	text := string(reply)
	for range maxStatLines {
		line, rest, complete := strings.Cut(text, "\n")
		line, text = strings.TrimSuffix(line, "\r"), rest
		if !complete || endsReply([]byte(line)) {
			break
		}
		said, ok := strings.CutPrefix(line, "STAT ")
		key, value, _ := strings.Cut(said, " ")
		if _, twice := stats[key]; ok && !twice && key != "" && len(key) <= maxStatKey {
			stats[key] = value[:min(len(value), maxStatValue)]
		}
	}
	return stats
}

func FuzzBinary(f *testing.F) {
	f.Add(wire(f, "mc1.6.18__binonly__tcp__bin_version"))
	f.Add(wire(f, "mc1.6.18__sasl__tcp__bin_sasl_list"))
	f.Fuzz(func(t *testing.T, reply []byte) {
		for _, opcode := range []byte{opVersion, opSASLList} {
			answer, err := parseBinary(reply, opcode)
			if err == nil && !bytes.Contains(reply, answer.value) {
				t.Errorf("value %q is not in the reply", answer.value)
			}
			if err == nil && !enoughBinary(opcode)(reply) {
				t.Error("a whole answer is not enough")
			}
			mechanisms(answer.value)
		}
	})
}

// FuzzAssembler cuts the input into datagrams: a length byte, then content.
func FuzzAssembler(f *testing.F) {
	f.Add([]byte("\x0d\x00\x01\x00\x00\x00\x01\x00\x00END\r\n"))
	f.Add([]byte("\x0c\x00\x01\x00\x01\x00\x02\x00\x00ND\r\n\x09\x00\x01\x00\x00\x00\x02\x00\x00E"))
	f.Fuzz(func(t *testing.T, input []byte) {
		var a Assembler
		total, count := 0, 0
		var want reassembled
		for len(input) > 0 && !a.capped {
			n := min(int(input[0]), len(input)-1)
			datagram := bytes.Clone(input[1 : 1+n])
			input = input[1+n:]
			want.add(datagram)
			a.Add(datagram)
			clear(datagram) // it is not kept
			total += len(datagram)
			count++
		}
		if string(a.Reply()) != want.reply() || a.conflicts != want.conflicts || len(a.seen) != len(want.first) {
			t.Errorf("reply %q, %d conflicts, %d seen; want %q of %+v", a.Reply(), a.conflicts, len(a.seen), want.reply(), want)
		}
		amp := a.Amplification("stats", 15, true)
		if amp == nil {
			if count > 0 {
				t.Error("nothing counted")
			}
			return
		}
		if amp.ResponseBytes != total || amp.Datagrams != count || amp.DatagramsUnique+amp.Duplicates+a.malformed != count {
			t.Errorf("counted %+v of %d datagrams with %d bytes", amp, count, total)
		}
		if len(a.Reply()) > total || amp.Complete && !bytes.HasSuffix(a.Reply(), []byte("END\r\n")) {
			t.Errorf("complete %t, reply %q", amp.Complete, a.Reply())
		}
	})
}

// reassembled is what an Assembler does, with a map by number.
type reassembled struct {
	first     map[uint16]string
	conflicts int
}

func (r *reassembled) add(datagram []byte) {
	f, ok := ParseFrame(datagram)
	if !ok || !f.Plausible() {
		return
	}
	if r.first == nil {
		r.first = map[uint16]string{}
	}
	switch was, twice := r.first[f.Sequence]; {
	case !twice:
		r.first[f.Sequence] = string(f.Payload)
	case was != string(f.Payload):
		r.conflicts++
	}
}

func (r *reassembled) reply() (reply string) {
	for next := uint16(0); ; next++ {
		payload, ok := r.first[next]
		if !ok {
			return reply
		}
		reply += payload
	}
}

// FuzzConversation: whatever a server answers to each question, only
// utterances are said, every conversation ends in a state, and in what pieces
// the bytes came makes no difference to what is seen.
func FuzzConversation(f *testing.F) {
	f.Add("VERSION 1.6.18\r\n", "STAT pid 1\r\nEND\r\n", "STAT udpport 0\r\nEND\r\n", "", "", uint64(0))
	f.Add("", "", "", binaryReply(opVersion, 0, "1.6.18"), binaryReply(opSASLList, 0, "PLAIN"), uint64(1))
	f.Add("CLIENT_ERROR unauthenticated\r\n", "", "", "", "", uint64(2))
	f.Add("", "0", "0", "\x81\v\x00\x00\x000\x00\x00\x00\x00\x00\x06mem10000I000\xa5\xcc0000", "0k\n\xce/\xe9", uint64(0)) // more than was asked for
	f.Fuzz(func(t *testing.T, version, stats, settings, binaryVersion, saslList string, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 0))
		srv := randomServer(rng)
		for name, data := range map[string]string{
			qVersion.name: version, qStats.name: stats, qSettings.name: settings, qBinaryVersion.name: binaryVersion, qSASLList.name: saslList,
		} {
			a := srv.plain[name]
			a.data = data
			srv.plain[name] = a
		}
		var seen []exposure.Observation
		for _, chunk := range []int{0, 1, 7} {
			srv.chunk = chunk
			s := &scripted{server: srv}
			o := interrogateTCP(t.Context(), s)
			for _, said := range s.written {
				checkSaid(t, MemcachedTCP(), []byte(said))
			}
			if o.State == "" || s.unprovoked > 0 {
				t.Errorf("state %q after %d handshakes, %d of them unprovoked", o.State, s.handshakes, s.unprovoked)
			}
			seen = append(seen, o)
		}
		// How much is read beyond the end of a reply does depend on the pieces.
		ignore := cmpopts.IgnoreFields(exposure.Observation{}, "Evidence")
		for _, o := range seen[1:] {
			if diff := cmp.Diff(seen[0], o, ignore); diff != "" {
				t.Errorf("seen at once, and in pieces\n%s", diff)
			}
		}
	})
}
