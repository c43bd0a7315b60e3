package probes

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/memsweep/memsweep/exposure"
	"pgregory.net/rapid"
)

// binaryReply is a response packet with a value and nothing else.
func binaryReply(opcode byte, status uint16, value string) string {
	p := make([]byte, binaryHeaderLen, binaryHeaderLen+len(value))
	p[0], p[1] = magicResponse, opcode
	binary.BigEndian.PutUint16(p[6:], status)
	binary.BigEndian.PutUint32(p[8:], uint32(len(value)))
	copy(p[12:], binaryOpaque)
	return string(append(p, value...))
}

func TestParseVersion(t *testing.T) {
	tests := []struct {
		reply, want string
		ok          bool
	}{
		{"VERSION 1.6.18\r\n", "1.6.18", true},
		{"VERSION 1.6.18\n", "1.6.18", true},
		{"VERSION 1.4.25 Ubuntu\r\nmore", "1.4.25 Ubuntu", true},
		{"VERSION  two blanks \r\n", " two blanks ", true},
		{"VERSION \xff\x1b[31m\r\r\n", "\xff\x1b[31m\r", true},
		{"VERSION\r\n", "", true},
		{"VERSION " + strings.Repeat("9", 600) + "\r\n", strings.Repeat("9", MaxVersionBytes), true},
		{"VERSIONS 1\r\n", "", false},
		{"version 1.6.18\r\n", "", false},
		{" VERSION 1.6.18\r\n", "", false},
		{"", "", false},
	}
	for _, tt := range tests {
		if got, ok := ParseVersion([]byte(tt.reply)); got != tt.want || ok != tt.ok {
			t.Errorf("ParseVersion(%q) = %q, %t, want %q, %t", tt.reply, got, ok, tt.want, tt.ok)
		}
	}
}

func TestTerminator(t *testing.T) {
	tests := []struct {
		reply string
		last  string // "" when the reply has no end
	}{
		{"STAT pid 1\r\nEND\r\n", "END"},
		{"END\r\n", "END"},
		{"END\n", "END"},
		{"END", ""},
		{"END\r", ""},
		{"STAT inter END\r\n", ""},
		{"STAT inter END\r\nSTAT END END\r\n", ""},
		{"STAT inter END\r\nEND\r\n", "END"},
		{"END of it\r\n", ""},
		{" END\r\n", ""},
		{"ENDING\r\n", ""},
		{"ERROR\r\n", "ERROR"},
		{"ERROR Too many open connections\r\n", "ERROR Too many open connections"},
		{"CLIENT_ERROR unauthenticated\r\n", "CLIENT_ERROR unauthenticated"},
		{"SERVER_ERROR out of memory\r\n", "SERVER_ERROR out of memory"},
		{"RESET\r\n", "RESET"},
		{"ERRORS\r\n", ""},
		{"STAT pid 1\r\nERROR\r\nEND\r\n", "ERROR"},
	}
	for _, tt := range tests {
		for _, chunk := range []int{1, len(tt.reply)} {
			var end terminator
			enough := false
			for n := chunk; n <= len(tt.reply) && !enough; n += chunk {
				enough = end.enough([]byte(tt.reply[:n]))
			}
			if string(end.last) != tt.last || enough != (tt.last != "") {
				t.Errorf("%q in chunks of %d: enough %t, last line %q, want %q", tt.reply, chunk, enough, end.last, tt.last)
			}
		}
	}
}

func TestParseStats(t *testing.T) {
	reply := "STAT pid 7\r\nSTAT pid 8\r\nSTAT uptime -1\r\nSTAT time -5\r\nSTAT threads 18446744073709551616\r\n" +
		"STAT bytes 18446744073709551615\r\nSTAT version 1.4.25 Ubuntu\r\nSTAT libevent \r\nSTAT curr_items 1 2\r\n" +
		"noise\r\nSTAT\r\nSTAT  nokey\r\nSTAT evictions\r\nSTAT " + strings.Repeat("k", 200) + " 1\r\nEND\r\nSTAT total_connections 1\r\n"
	want := &exposure.Stats{
		PID:      new(uint64(7)), // the first counts
		Time:     new(int64(-5)),
		Bytes:    new(uint64(18446744073709551615)),
		Version:  new("1.4.25 Ubuntu"),
		Libevent: new(""),
	}
	if diff := cmp.Diff(want, parseStats([]byte(reply)).stats()); diff != "" {
		t.Errorf("stats (-want +got)\n%s", diff)
	}
	if got := parseStats([]byte("END\r\n")).stats(); got != nil {
		t.Errorf("stats of an empty list: %+v, want nil", got)
	}
	if got := parseStats([]byte("STAT pid 1\r\nSTAT bytes 12")); len(got.lines) != 1 {
		t.Errorf("a line without end was read: %v", got)
	}
	if got, _ := parseStats([]byte("STAT a " + strings.Repeat("v", 9999) + "\r\n")).value("a"); len(got) != maxStatValue {
		t.Errorf("kept %d bytes of a value, want %d", len(got), maxStatValue)
	}
	if got := parseStats([]byte(strings.Repeat("x\n", maxStatLines) + "STAT pid 1\r\n")); !got.empty() {
		t.Errorf("read beyond %d lines: %v", maxStatLines, got)
	}
}

func TestParseSettings(t *testing.T) {
	got := parseStats(wire(t, "mc1.6.18__notls-plainport__tcp__stats_settings")).settings()
	want := &exposure.Settings{
		MaxBytes: new(uint64(64 << 20)), MaxConns: new(uint64(1024)), TCPPort: new(uint64(11211)), UDPPort: new(uint64(0)),
		Inter: new("notls:127.0.0.29:11212,127.0.0.29:11211"), Verbosity: new(uint64(2)), Evictions: new("on"),
		ItemSizeMax: new(uint64(1 << 20)), AuthEnabledSASL: new("no"), AuthEnabledASCII: new("no"), SSLEnabled: new("yes"),
		BindingProtocol: new("auto-negotiate"), FlushEnabled: new("yes"), DumpEnabled: new("yes"), ShutdownCommand: new("no"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got)\n%s", diff)
	}
}

func TestParseBinary(t *testing.T) {
	good := binaryReply(opVersion, 0, "1.6.18")
	patch := func(at int, b ...byte) string { return good[:at] + string(b) + good[at+len(b):] }
	tests := []struct {
		name, reply, value string
		ok, enough         bool
	}{
		{"whole", good, "1.6.18", true, true},
		{"more than whole", good + "tail", "1.6.18", true, true},
		{"empty", "", "", false, false},
		{"header cut", good[:23], "", false, false},
		{"body cut", good[:29], "", false, false},
		{"request magic", patch(0, magicRequest), "", false, false},
		{"text", "ERROR\r\n", "", false, true},
		{"other opcode", patch(1, 0x0a), "", false, true},
		{"other opaque", patch(12, 'x'), "", false, true},
		{"huge body", patch(8, 0xff, 0xff, 0xff, 0xff), "", false, true},
		{"key beyond the body", patch(2, 0xff, 0xff), "", false, true},
		{"extras beyond the body", patch(4, 7), "", false, true},
		{"key and extras before the value", patch(2, 0, 2, 1), ".18", true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseBinary([]byte(tt.reply), opVersion)
			if (err == nil) != tt.ok || string(got.value) != tt.value {
				t.Errorf("parseBinary = %q, %v, want %q", got.value, err, tt.value)
			}
			if enough := enoughBinary(opVersion)([]byte(tt.reply)); enough != tt.enough {
				t.Errorf("enough = %t, want %t", enough, tt.enough)
			}
		})
	}
}

func TestMechanisms(t *testing.T) {
	if diff := cmp.Diff([]string{"PLAIN", "SCRAM-SHA1"}, mechanisms([]byte(" PLAIN  SCRAM-SHA1 "))); diff != "" {
		t.Error(diff)
	}
	long := mechanisms(bytes.Repeat([]byte("x "), 1000))
	if len(long) != maxMechanisms || mechanisms(nil) != nil {
		t.Errorf("%d mechanisms kept, want %d", len(long), maxMechanisms)
	}
}

func TestFrameRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Frame{
			ID: rapid.Uint16().Draw(t, "id"), Sequence: rapid.Uint16().Draw(t, "sequence"),
			Total: rapid.Uint16().Draw(t, "total"), Reserved: rapid.Uint16().Draw(t, "reserved"),
			Payload: rapid.SliceOf(rapid.Byte()).Draw(t, "payload"),
		}
		datagram := want.Append(nil)
		got, ok := ParseFrame(datagram)
		if diff := cmp.Diff(want, got); diff != "" || !ok {
			t.Errorf("ok %t (-want +got)\n%s", ok, diff)
		}
		if _, ok := ParseFrame(datagram[:rapid.IntRange(0, 7).Draw(t, "cut")]); ok {
			t.Error("a part of a header was taken for a frame")
		}
	})
}

// A reply in single bytes is read in time proportional to its length: each
// call looks at the new bytes only.
func TestEnoughLooksAtEachByteOnce(t *testing.T) {
	reply := bytes.Repeat([]byte("STAT some_key some_value\r\n"), 1000)
	var end terminator
	for n := range reply {
		if end.enough(reply[:n]) {
			t.Fatal("enough without END")
		}
		if end.seen != n || end.line > n {
			t.Fatalf("after %d bytes: seen %d, line at %d", n, end.seen, end.line)
		}
	}
}
