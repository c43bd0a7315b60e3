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
	Question  string `json:"question"`
	Text      string `json:"text"`   // printable ASCII, the rest as \r, \n, \t, \\ and \xNN
	Base64    []byte `json:"base64"` // the same bytes; encoding/json writes them as base64
	Bytes     int    `json:"bytes"`  // length of the whole reply
	Truncated bool   `json:"truncated"`
	Ending    string `json:"ending"`
}

// Lines is the reply line by line, each with its line end, as printable ASCII:
// the rest is written as \r, \n, \t, \\ and \xNN.
func (e Exchange) Lines() []string {
	var lines []string
	for line := range bytes.Lines(e.Reply) {
		lines = append(lines, escapeBytes(line))
	}
	return lines
}

// Transcript returns what is written of e.
func (e Exchange) Transcript() Transcript {
	reply := e.Reply
	if reply == nil {
		reply = []byte{}
	}
	return Transcript{
		Question:  e.Question,
		Text:      escapeBytes(reply),
		Base64:    reply,
		Bytes:     e.Bytes,
		Truncated: e.Bytes > len(reply),
		Ending:    e.Ending,
	}
}

// MarshalJSON implements [json.Marshaler].
func (e Exchange) MarshalJSON() ([]byte, error) { return json.Marshal(e.Transcript()) }

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
