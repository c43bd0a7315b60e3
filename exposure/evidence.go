package exposure

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Transcript is the JSON form of an Exchange: the reply twice, once to read and
// once exactly as it came. As a plain struct, encoding/json writes it in one
// pass; what a MarshalJSON returns, it looks through once more.
type Transcript struct {
	Question  string    `json:"question"`
	Text      Printable `json:"text"`   // printable ASCII, the rest as \r, \n, \t, \\ and \xNN
	Base64    []byte    `json:"base64"` // the same bytes; encoding/json writes them as base64
	Bytes     int       `json:"bytes"`  // length of the whole reply
	Truncated bool      `json:"truncated"`
	Ending    string    `json:"ending"`
}

// Printable is a reply that is made into text where it is written, in room that
// others use after it: evidence is the longest part of a finding.
type Printable struct {
	raw  []byte
	room *[]byte
}

// MarshalText implements [encoding.TextMarshaler]. The text is valid until the
// next one is made in the same room.
func (p Printable) MarshalText() ([]byte, error) {
	if p.room == nil {
		return appendEscaped(nil, p.raw), nil
	}
	*p.room = appendEscaped((*p.room)[:0], p.raw)
	return *p.room, nil
}

// UnmarshalText implements [encoding.TextUnmarshaler]: the same bytes are in
// base64 as well.
func (p *Printable) UnmarshalText([]byte) error { return nil }

// Lines is the reply line by line, each with its line end, as printable ASCII:
// the rest is written as \r, \n, \t, \\ and \xNN.
func (e Exchange) Lines() []string {
	var lines []string
	for line := range bytes.Lines(e.Reply) {
		lines = append(lines, string(appendEscaped(nil, line)))
	}
	return lines
}

// Transcript returns what is written of e, its text in room; nil: in room of its own.
func (e Exchange) Transcript(room *[]byte) Transcript {
	reply := e.Reply
	if reply == nil {
		reply = []byte{}
	}
	return Transcript{
		Question:  e.Question,
		Text:      Printable{reply, room},
		Base64:    reply,
		Bytes:     e.Bytes,
		Truncated: e.Bytes > len(reply),
		Ending:    e.Ending,
	}
}

// MarshalJSON implements [json.Marshaler].
func (e Exchange) MarshalJSON() ([]byte, error) { return json.Marshal(e.Transcript(nil)) }

// UnmarshalJSON implements [json.Unmarshaler]. The reply is taken from base64;
// text and truncated follow from it.
func (e *Exchange) UnmarshalJSON(data []byte) error {
	var j Transcript
	if err := json.Unmarshal(data, &j); err != nil {
		return fmt.Errorf("read exchange: %w", err)
	}
	*e = Exchange{Question: j.Question, Reply: j.Base64, Bytes: j.Bytes, Ending: j.Ending}
	return nil
}
