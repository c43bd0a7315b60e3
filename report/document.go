package report

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/memsweep/memsweep/exposure"
)

// sweepHeader is what is known of a sweep when it starts, as the JSON formats
// write it.
type sweepHeader struct {
	ID        string           `json:"id"`
	Started   time.Time        `json:"started"`
	Vantage   exposure.Vantage `json:"vantage"`
	Engine    string           `json:"engine"`
	Detail    []string         `json:"engine_detail,omitempty"`
	Seed      uint64           `json:"seed"`
	RateAsked float64          `json:"rate_asked"`
	Plan      json.RawMessage  `json:"plan"`
	Scope     *Scope           `json:"scope"`
	Policy    *Policy          `json:"policy,omitempty"`
}

// sweepDocument is the same with what is known at the end.
type sweepDocument struct {
	Status exposure.Status `json:"status"`
	sweepHeader
	Finished     *time.Time `json:"finished"`
	RateAchieved *float64   `json:"rate_achieved"`
	Problems     []string   `json:"problems,omitempty"`
	Justified    *uint64    `json:"justified,omitempty"`
}

func newSweepHeader(h Header) sweepHeader {
	s := h.Sweep
	s.Vantage.Addresses = list(s.Vantage.Addresses)
	return sweepHeader{
		ID:        s.ID,
		Started:   s.Started.UTC(),
		Vantage:   s.Vantage,
		Engine:    s.Engine,
		Detail:    s.Detail,
		Seed:      s.Seed,
		RateAsked: s.RateAsked,
		Plan:      s.Plan,
		Scope:     h.Scope,
		Policy:    h.Policy,
	}
}

// header is the way back.
func (s sweepHeader) header(tool Tool) Header {
	return Header{
		Tool: tool,
		Sweep: Sweep{
			ID:        s.ID,
			Started:   s.Started,
			Vantage:   s.Vantage,
			Engine:    s.Engine,
			Detail:    s.Detail,
			Seed:      s.Seed,
			RateAsked: s.RateAsked,
			Plan:      s.Plan,
		},
		Scope:  s.Scope,
		Policy: s.Policy,
	}
}

// known is nil for what a cut-off stream did not say: a time or a coverage
// that is zero was never written.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func knownCoverage(c exposure.Coverage) *exposure.Coverage {
	if c.Planned == 0 && c.Outcomes.Sum() == 0 && c.PacketsSent == 0 {
		return nil
	}
	if c.Probes == nil {
		c.Probes = map[string]exposure.Outcomes{}
	}
	return &c
}

// writtenFinding is a finding in the form that is written: its last fields, which
// stand before those of Finding, hold transcripts.
type writtenFinding struct {
	exposure.Finding
	TCP  *writtenObservation   `json:"tcp"`
	UDP  *writtenObservation   `json:"udp"`
	Also []*writtenObservation `json:"also,omitempty"`
}

// writtenObservation is the same of an observation.
type writtenObservation struct {
	*exposure.Observation
	Evidence []exposure.Transcript `json:"evidence"`
	Notes    []string              `json:"notes,omitempty"`
}

// written returns f in a form in which every list of the contract is a list:
// empty, never null. It shares with f what is one already.
func (r *room) written(f exposure.Finding) writtenFinding {
	f.Reasons = list(f.Reasons)
	f.Fix = list(f.Fix)
	if slices.ContainsFunc(f.Fix, func(fix exposure.Fix) bool { return fix.Lines == nil }) {
		f.Fix = slices.Clone(f.Fix)
		for i := range f.Fix {
			f.Fix[i].Lines = list(f.Fix[i].Lines)
		}
	}
	w := writtenFinding{Finding: f, TCP: r.observation(f.TCP), UDP: r.observation(f.UDP)}
	for i := range f.Also {
		w.Also = append(w.Also, r.observation(&f.Also[i]))
	}
	return w
}

func (r *room) observation(o *exposure.Observation) *writtenObservation {
	if o == nil {
		return nil
	}
	if a := o.Amplification; a != nil && a.DatagramSizes == nil {
		seen, measured := *o, *a
		measured.DatagramSizes = []int{}
		seen.Amplification = &measured
		o = &seen
	}
	w := &writtenObservation{Observation: o, Evidence: make([]exposure.Transcript, 0, len(o.Evidence)), Notes: o.Notes}
	for _, e := range o.Evidence {
		w.Evidence = append(w.Evidence, e.Transcript(&r.text))
	}
	return w
}

func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// room is where findings are encoded, one after the other. The zero value is ready.
type room struct {
	line bytes.Buffer
	text []byte // of evidence
}

// encode writes v as one line of JSON, without the line's end. What it returns
// is valid UTF-8, hides nothing from whoever looks at it on a terminal, and is
// the same for a value that was read back.
func encode(v any) ([]byte, error) { return new(room).encode(v) }

// encode is the same in a room that is used again: the line holds until then.
func (r *room) encode(v any) ([]byte, error) {
	r.line.Reset()
	e := json.NewEncoder(&r.line)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return spellOut(plainReplacement(bytes.TrimSuffix(r.line.Bytes(), []byte("\n")))), nil
}

// spellOut writes characters that have no glyph, or that a terminal acts on,
// as \uXXXX. encoding/json does that for the ASCII control characters only, and
// in raw JSON (the plan) not at all. Outside of strings there are none.
func spellOut(line []byte) []byte {
	if !anyHidden(line) {
		return line
	}
	out := make([]byte, 0, 2*len(line))
	for _, r := range string(line) {
		switch {
		case !exposure.Hidden(r):
			out = utf8.AppendRune(out, r)
		case r <= 0xffff:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		}
	}
	return out
}

// anyHidden is bytes.ContainsFunc(line, exposure.Hidden), made for text that is
// nearly all ASCII.
func anyHidden(line []byte) bool {
	for i := plainStart(line); i < len(line); i += plainStart(line[i:]) {
		r, size := rune(line[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(line[i:])
		}
		if exposure.Hidden(r) {
			return true
		}
		i += size
	}
	return false
}

// plainStart is how much of a line is printable ASCII, looked at eight bytes at
// a time.
func plainStart(line []byte) int {
	const each, high = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(line); i += 8 {
		v := binary.LittleEndian.Uint64(line[i:])
		printable := (v + (0x80-' ')*each) & ^(v + each) & ^v // the high bit of each byte that is none of the others
		if printable&high != high {
			break
		}
	}
	return i
}

// plainReplacement spells the replacement character out. encoding/json writes
// \ufffd for a byte that is no UTF-8, but the character itself for one that
// was read from such a document: with this, both come out alike.
func plainReplacement(line []byte) []byte {
	const escaped, plain = `\ufffd`, "\uFFFD"
	if !utf8.Valid(line) { // raw JSON (the plan) is not checked by encoding/json
		line = bytes.ToValidUTF8(line, []byte(plain))
	}
	if !bytes.Contains(line, []byte(escaped)) {
		return line
	}
	out := make([]byte, 0, len(line))
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] != '\\':
			out = append(out, line[i])
		case bytes.HasPrefix(line[i:], []byte(escaped)):
			out = append(out, plain...)
			i += len(escaped) - 1
		default: // an escape of another kind; its second byte may be a backslash
			out = append(out, line[i], line[i+1])
			i++
		}
	}
	return out
}
