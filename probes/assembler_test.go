package probes

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestAssembler(t *testing.T) {
	frame := func(seq, total uint16, payload string) []byte {
		return Frame{ID: 1, Sequence: seq, Total: total, Payload: []byte(payload)}.Append(nil)
	}
	type want struct {
		reply                                   string
		finishedAt                              int // number of the datagram; 0 is never
		unique, duplicates, conflicts, declared int
		malformed                               int
		complete                                bool
	}
	tests := []struct {
		name      string
		datagrams [][]byte
		want      want
	}{
		{"one", [][]byte{frame(0, 1, "END\r\n")}, want{"END\r\n", 1, 1, 0, 0, 1, 0, true}},
		{"two", [][]byte{frame(0, 2, "STAT a 1\r\nE"), frame(1, 2, "ND\r\n")}, want{"STAT a 1\r\nEND\r\n", 2, 2, 0, 0, 2, 0, true}},
		{"out of order", [][]byte{frame(1, 2, "ND\r\n"), frame(0, 2, "E")}, want{"END\r\n", 2, 2, 0, 0, 2, 0, true}},
		{"total too small, as of 1.6.0 to 1.6.9", [][]byte{frame(0, 1, "STAT a 1\r\n"), frame(1, 1, "END\r\n")}, want{"STAT a 1\r\nEND\r\n", 2, 2, 0, 0, 1, 0, true}},
		{"total a lie", [][]byte{frame(0, 65535, "END\r\n")}, want{"END\r\n", 0, 1, 0, 0, 65535, 0, true}},
		{"last one lost", [][]byte{frame(0, 2, "STAT a 1\r\n")}, want{"STAT a 1\r\n", 0, 1, 0, 0, 2, 0, false}},
		{"first one lost", [][]byte{frame(1, 2, "END\r\n")}, want{"", 0, 1, 0, 0, 2, 0, false}},
		{"duplicate behind the end", [][]byte{frame(0, 1, "END\r\n"), frame(0, 1, "END\r\n")}, want{"END\r\n", 1, 1, 1, 0, 1, 0, true}},
		{"gap behind the end", [][]byte{frame(0, 1, "END\r\n"), frame(5, 1, "x")}, want{"END\r\n", 1, 2, 0, 0, 1, 0, false}},
		{"duplicate", [][]byte{frame(0, 2, "STAT a 1\r\n"), frame(0, 2, "STAT a 1\r\n"), frame(1, 2, "END\r\n")}, want{"STAT a 1\r\nEND\r\n", 3, 2, 1, 0, 2, 0, true}},
		{"duplicate that differs", [][]byte{frame(0, 2, "STAT a 1\r\n"), frame(0, 2, "STAT a 2\r\n"), frame(1, 2, "END\r\n")}, want{"STAT a 1\r\nEND\r\n", 3, 2, 1, 1, 2, 0, true}},
		{"error instead", [][]byte{frame(0, 1, "ERROR\r\n")}, want{"ERROR\r\n", 1, 1, 0, 0, 1, 0, false}},
		{"END inside a value", [][]byte{frame(0, 1, "STAT a END\r\n")}, want{"STAT a END\r\n", 0, 1, 0, 0, 1, 0, false}},
		{"no frame", [][]byte{{0, 1}, frame(0, 0, "END\r\n"), {0, 1, 0, 0, 0, 1, 0, 9}}, want{"", 0, 0, 0, 0, 0, 3, false}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var a Assembler
			finishedAt, total := 0, 0
			for i, d := range tt.datagrams {
				if a.Add(d) == Linger && finishedAt == 0 {
					finishedAt = i + 1
				}
				total += len(d)
			}
			got := want{string(a.Reply()), finishedAt, len(a.seen), a.duplicates, a.conflicts, a.declared, a.malformed, a.Complete()}
			if got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
			amp := a.Amplification("stats", 15, false)
			if amp.Datagrams != len(tt.datagrams) || amp.ResponseBytes != total {
				t.Errorf("%d datagrams of %d bytes counted, want %d of %d", amp.Datagrams, amp.ResponseBytes, len(tt.datagrams), total)
			}
		})
	}
	if (&Assembler{}).Amplification("stats", 15, false) != nil {
		t.Error("an amplification was made up of nothing")
	}
}

func TestAssemblerCaps(t *testing.T) {
	add := func(size int) (n int, a Assembler) {
		for a.Add(Frame{Sequence: uint16(n), Total: 65535, Payload: bytes.Repeat([]byte{'x'}, size)}.Append(nil)) != Enough {
			n++
		}
		return n + 1, a
	}
	if n, a := add(1); n != MaxReplyDatagrams || !a.Amplification("stats", 15, false).Capped {
		t.Errorf("small datagrams: stopped after %d, capped %t", n, a.capped)
	}
	n, a := add(60_000)
	if a.bytes > MaxReplyBytes+65535 || !a.capped || n > 5 {
		t.Errorf("large datagrams: stopped after %d with %d bytes, capped %t", n, a.bytes, a.capped)
	}
	if before := a.bytes; a.Add([]byte("more")) != Enough || a.bytes != before {
		t.Error("a capped assembler goes on counting")
	}
	if list := a.Amplification("stats", 15, false).DatagramSizes; len(list) != n {
		t.Errorf("%d sizes listed of %d", len(list), n)
	}
}

// Whatever the network does to the datagrams of a reply, what is contiguous
// is right, and what was counted is what came.
func TestAssemblerProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.IntRange(0, 40).Draw(t, "lines")
		reply := strings.Repeat("STAT key END\r\n", lines) + "END\r\n"
		size := rapid.IntRange(1, 100).Draw(t, "size")
		sent := framed(reply, size, uint16((len(reply)+size-1)/size))
		arrived := slices.Clone(sent)
		for range rapid.IntRange(0, 5).Draw(t, "duplicates") {
			arrived = append(arrived, rapid.SampledFrom(sent).Draw(t, "duplicate"))
		}
		arrived = rapid.Permutation(arrived).Draw(t, "order")
		arrived = arrived[rapid.IntRange(0, len(arrived)).Draw(t, "lost"):]

		var a Assembler
		sequences, bytesIn, counted := map[uint16]bool{}, 0, 0
		for _, d := range arrived {
			f, _ := ParseFrame(d)
			sequences[f.Sequence] = true
			bytesIn += len(d)
			counted++
			whole := len(sequences) == len(sent)
			if patience := a.Add(d); (patience == Linger) != whole && !a.capped {
				t.Fatalf("patience %d with %d of %d datagrams", patience, len(sequences), len(sent))
			} else if patience == Enough {
				break
			}
		}
		if !strings.HasPrefix(reply, string(a.Reply())) {
			t.Fatalf("reply %q is no beginning of what was sent", a.Reply())
		}
		if complete := len(sequences) == len(sent); a.Complete() != complete && !a.capped {
			t.Fatalf("complete %t with %d of %d datagrams", a.Complete(), len(sequences), len(sent))
		}
		amp := a.Amplification("stats", 15, false)
		if amp == nil {
			if counted > 0 {
				t.Fatal("nothing counted")
			}
			return
		}
		if amp.ResponseBytes != bytesIn || amp.Datagrams != counted || amp.DatagramsUnique+amp.Duplicates != counted {
			t.Fatalf("counted %+v, came %d datagrams of %d bytes", amp, counted, bytesIn)
		}
	})
}
