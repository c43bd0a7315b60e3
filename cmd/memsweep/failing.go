package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history/life"
)

// failing says for which changes the exit code is to be 1: of a kind, the least
// severity.
type failing map[life.Kind]exposure.Severity

// defaultFailing is what nobody wants to overlook.
func defaultFailing() []string { return []string{"new:low", "worse:low"} }

const failingHint = "write KIND or KIND:SEVERITY, as new:high,worse, or never"

// parseFailing reads --fail-on; kinds are those that there can be.
func parseFailing(list []string, kinds []life.Kind) (failing, error) {
	on := failing{}
	for _, text := range list {
		if text == "never" && len(list) == 1 {
			return on, nil
		}
		word, level, given := strings.Cut(text, ":")
		kind, severity := life.Kind(word), exposure.Info
		if !slices.Contains(kinds, kind) {
			return nil, fmt.Errorf("--fail-on %q: %s; a KIND is one of %s", text, failingHint, joined(kinds))
		}
		if given {
			var err error
			if severity, err = exposure.ParseSeverity(level); err != nil {
				return nil, fmt.Errorf("--fail-on %q: %w: %s", text, err, failingHint)
			}
		}
		if before, twice := on[kind]; !twice || before.AtLeast(severity) {
			on[kind] = severity
		}
	}
	return on, nil
}

// fails reports whether a change is one of those.
func (f failing) fails(k life.Kind, s exposure.Severity) bool {
	least, asked := f[k]
	return asked && s.AtLeast(least)
}

func joined[T ~string](list []T) string {
	var words []string
	for _, v := range list {
		words = append(words, string(v))
	}
	return strings.Join(words, ", ")
}
