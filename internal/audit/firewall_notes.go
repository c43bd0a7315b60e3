package audit

import (
	"fmt"
	"strings"

	"github.com/memsweep/memsweep/exposure"
)

// about says what is known of the rules for one port: notes, and the rules
// themselves as evidence.
func (f firewall) about(port uint16) (notes []string, evidence []exposure.Exchange) {
	notes = append(notes, f.blind...)
	for _, r := range f.tables {
		var naming []string
		for _, rule := range r.rules {
			if r.names(rule, port) {
				naming = append(naming, rule)
			}
		}
		if len(naming) > 0 {
			evidence = append(evidence, exchange(r.source, strings.Join(naming, "\n")))
		}
		notes = append(notes, r.say(port, len(naming)))
	}
	return notes, evidence
}

// say tells what a ruleset is, without an opinion on what it achieves.
func (r ruleset) say(port uint16, naming int) string {
	switch {
	case !r.loaded:
		return fmt.Sprintf("%s holds %d rules that name port %d, and may not be what is loaded.", r.source, naming, port)
	case len(r.filters) == 0:
		return fmt.Sprintf("%s shows no chain that filters what comes in.", r.source)
	}
	return fmt.Sprintf("%s shows chains that filter what comes in (%s), and %d rules that name port %d; "+
		"whether these keep others out is for a sweep from there to tell.", r.source, strings.Join(r.filters, "; "), naming, port)
}

// exchange is evidence: where something was read, and the lines that say so.
func exchange(source, text string) exposure.Exchange {
	ending := "complete"
	if len(text) > exposure.MaxEvidence {
		ending = "capped"
	}
	return exposure.Exchange{
		Question: "audit: " + source,
		Reply:    []byte(text[:min(len(text), exposure.MaxEvidence)]),
		Bytes:    len(text),
		Ending:   ending,
	}
}
