package report

import (
	"bytes"
	"encoding/json"

	"github.com/memsweep/memsweep/exposure"
)

// recurring remembers what the findings of one report have in common word for
// word: the advice, which is most of a finding and the same for many. It is
// decoded once. The zero value is ready.
type recurring struct {
	known map[string]exposure.Finding // by their JSON: Fix, Policy, Release and Vulnerabilities
	held  int                         // bytes
}

// maxRecurring bounds what is remembered, in bytes of JSON: a report in which
// nothing recurs costs no more than that.
const maxRecurring = 4 << 20

// tagged is a finding with the type of its line.
type tagged struct {
	Type string `json:"type"`
	exposure.Finding
}

// finding decodes a line or a value that stands as this version writes it, on one
// line and its members in their order. ok is false for any other, and for what is
// wrong: whoever reads it whole finds out what it is.
func (r *recurring) finding(data []byte) (t tagged, ok bool) {
	const before, after = `,"fix":[`, `,"tcp":`
	start := bytes.Index(data, []byte(before))
	if start < 1 || bytes.IndexByte(data[1:start], '{') >= 0 { // it must be a member of the finding itself
		return t, false
	}
	length := bytes.Index(data[start:], []byte(after))
	if length < 0 {
		return t, false
	}
	shared, ok := r.advice(data[start+1 : start+length])
	if !ok {
		return t, false
	}
	rest := append(append(make([]byte, 0, len(data)-length), data[:start]...), data[start+length:]...)
	if json.Unmarshal(rest, &t) != nil {
		return t, false
	}
	if t.Fix != nil || t.Policy != nil || t.Release != nil || t.Vulnerabilities != nil {
		return t, false // it has them twice
	}
	t.Fix, t.Policy, t.Release, t.Vulnerabilities = shared.Fix, shared.Policy, shared.Release, shared.Vulnerabilities
	return t, true
}

// advice decodes members, or knows them. They must be a whole of their own: then
// what stands around them is, too.
func (r *recurring) advice(members []byte) (f exposure.Finding, ok bool) {
	if f, ok = r.known[string(members)]; ok {
		return f, true
	}
	var only struct {
		Fix             []exposure.Fix           `json:"fix"`
		Policy          *exposure.Standing       `json:"policy"`
		Release         *exposure.Lifecycle      `json:"release"`
		Vulnerabilities []exposure.Vulnerability `json:"vulnerabilities"`
	}
	whole := append(append(append(make([]byte, 0, len(members)+2), '{'), members...), '}')
	d := json.NewDecoder(bytes.NewReader(whole))
	d.DisallowUnknownFields()
	if d.Decode(&only) != nil || d.InputOffset() != int64(len(whole)) {
		return f, false
	}
	f = exposure.Finding{Fix: only.Fix, Policy: only.Policy, Release: only.Release, Vulnerabilities: only.Vulnerabilities}
	if r.held+len(members) > maxRecurring || r.known == nil {
		r.known, r.held = map[string]exposure.Finding{}, 0
	}
	if len(members) <= maxRecurring {
		r.known[string(members)] = f
		r.held += len(members)
	}
	return f, true
}
