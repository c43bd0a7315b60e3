package report

import (
	"bytes"
	"hash/maphash"
	"slices"

	"github.com/memsweep/memsweep/exposure"
)

// Parted is a finding as the JSON formats have it, in two parts: what is said of it
// alone, and the advice that many findings have in common word for word. Equal
// findings have equal parts. What Own holds is good until the next one.
type Parted struct {
	Own    []byte // with an empty list in the place of Advice
	Advice []byte // members: "fix", "release", "vulnerabilities"
}

// placeOfAdvice is where Own has none. Before it stand only texts, in which a
// quotation mark is escaped.
const placeOfAdvice = `"fix":[]`

// Whole is the finding as one object.
func (p Parted) Whole() []byte {
	before, after, _ := bytes.Cut(p.Own, []byte(placeOfAdvice))
	return slices.Concat(before, p.Advice, after)
}

// Parter makes Parted of findings, and encodes advice that recurs once. The zero
// value is ready.
type Parter struct {
	seed  maphash.Seed
	known map[uint64]advice
	held  int // bytes
	room  room
}

// advice is what was encoded, and what it was made of.
type advice struct {
	fix             []exposure.Fix
	release         *exposure.Lifecycle
	vulnerabilities []exposure.Vulnerability
	text            []byte
}

// Part encodes f.
func (p *Parter) Part(f exposure.Finding) (parted Parted, err error) {
	if parted.Advice, err = p.advice(&f); err != nil {
		return parted, err
	}
	f.Fix, f.Release, f.Vulnerabilities = nil, nil, nil
	parted.Own, err = p.room.encode(p.room.written(f))
	return parted, err
}

// advice encodes it, or knows it.
func (p *Parter) advice(f *exposure.Finding) ([]byte, error) {
	key := p.key(f)
	if a, ok := p.known[key]; ok && a.of(f) {
		return a.text, nil
	}
	w := p.room.written(exposure.Finding{Fix: f.Fix})
	line, err := encode(struct {
		Fix             []exposure.Fix           `json:"fix"`
		Release         *exposure.Lifecycle      `json:"release,omitempty"`
		Vulnerabilities []exposure.Vulnerability `json:"vulnerabilities,omitempty"`
	}{w.Fix, f.Release, f.Vulnerabilities})
	if err != nil {
		return nil, err
	}
	w.Fix = slices.Clone(w.Fix) // whoever has f may change it
	for i := range w.Fix {
		w.Fix[i].Lines = slices.Clone(w.Fix[i].Lines)
	}
	text := slices.Clone(line[1 : len(line)-1])
	if p.held+len(text) > maxRecurring {
		p.known, p.held = nil, 0
	}
	if p.known == nil {
		p.known = map[uint64]advice{}
	}
	if len(text) <= maxRecurring {
		a := advice{w.Fix, nil, slices.Clone(f.Vulnerabilities), text}
		if f.Release != nil {
			release := *f.Release
			a.release = &release
		}
		p.known[key] = a
		p.held += len(text)
	}
	return text, nil
}

// of says whether the advice is that of f.
func (a *advice) of(f *exposure.Finding) bool {
	return slices.EqualFunc(a.fix, f.Fix, func(x, y exposure.Fix) bool {
		return x.For == y.For && x.Title == y.Title && x.File == y.File && slices.Equal(x.Lines, y.Lines)
	}) && (a.release == nil) == (f.Release == nil) && (a.release == nil || *a.release == *f.Release) && slices.Equal(a.vulnerabilities, f.Vulnerabilities)
}

// key is where to look for the advice of f; what is there may be other advice.
func (p *Parter) key(f *exposure.Finding) uint64 {
	if p.seed == (maphash.Seed{}) {
		p.seed = maphash.MakeSeed()
	}
	var h maphash.Hash
	h.SetSeed(p.seed)
	for i := range f.Fix {
		h.WriteString(f.Fix[i].For)
		h.WriteString(f.Fix[i].Title)
		for _, line := range f.Fix[i].Lines {
			h.WriteString(line)
		}
	}
	if f.Release != nil {
		h.WriteString(f.Release.Version)
	}
	for i := range f.Vulnerabilities {
		h.WriteString(f.Vulnerabilities[i].ID)
		h.WriteString(string(f.Vulnerabilities[i].Certainty))
	}
	return h.Sum64()
}
