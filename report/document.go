package report

import (
	"bytes"
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

// written returns a copy of f in which every list of the contract is a list:
// empty, never null.
func written(f exposure.Finding) exposure.Finding {
	f.Reasons = list(f.Reasons)
	f.Fix = slices.Clone(list(f.Fix))
	for i := range f.Fix {
		f.Fix[i].Lines = list(f.Fix[i].Lines)
	}
	f.TCP = writtenObservation(f.TCP)
	f.UDP = writtenObservation(f.UDP)
	f.Also = slices.Clone(f.Also)
	for i := range f.Also {
		f.Also[i] = *writtenObservation(&f.Also[i])
	}
	return f
}

func writtenObservation(o *exposure.Observation) *exposure.Observation {
	if o == nil {
		return nil
	}
	c := *o
	c.Evidence = list(c.Evidence)
	if c.Amplification != nil {
		a := *c.Amplification
		a.DatagramSizes = list(a.DatagramSizes)
		c.Amplification = &a
	}
	return &c
}

func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// encode writes v as one line of JSON, without the line's end. What it returns
// is valid UTF-8, hides nothing from whoever looks at it on a terminal, and is
// the same for a value that was read back.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return spellOut(plainReplacement(bytes.TrimSuffix(b.Bytes(), []byte("\n")))), nil
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
	for i := 0; i < len(line); {
		if c := line[i]; ' ' <= c && c <= '~' {
			i++ // printable ASCII: there is nothing to look up
			continue
		}
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
