package handwritten

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// maxProblems is how many errors of one input are spelled out.
const maxProblems = 10

// Problems gathers the errors of one input, so that a user mends a file in
// one go, and stays small when every line is wrong.
type Problems struct {
	errs []error
	more int
}

// Add notes one error.
func (p *Problems) Add(err error) {
	if len(p.errs) == maxProblems {
		p.more++
		return
	}
	p.errs = append(p.errs, err)
}

// Texts returns what was added, and how much more there was.
func (p *Problems) Texts() []string {
	var texts []string
	for _, err := range p.errs {
		texts = append(texts, err.Error())
	}
	if p.more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", p.more))
	}
	return texts
}

// Err returns nil when nothing was added, else one error of a line each.
func (p *Problems) Err() error {
	if p.more == 0 {
		return errors.Join(p.errs...)
	}
	return errors.Join(append(slices.Clip(p.errs), fmt.Errorf("and %d more", p.more))...)
}

// Quote shows untrusted text in an error: escaped and bounded.
func Quote(text string) string {
	const limit = 80
	if len(text) > limit {
		return strconv.QuoteToASCII(text[:limit]) + "…"
	}
	return strconv.QuoteToASCII(text)
}
