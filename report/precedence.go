package report

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/memsweep/memsweep/exposure"
)

// precedence is the order in which people want to see findings: worst first.
type precedence struct {
	severityRank, verdictRank int
	ip                        netip.Addr
	id                        string
}

func precedenceOf(f *exposure.Finding) precedence {
	return precedence{rank(exposure.Severities(), f.Severity), rank(append(exposure.Verdicts(), exposure.Unfounded), f.Verdict), f.IP, f.ID}
}

func (p precedence) compare(q precedence) int {
	return cmp.Or(
		p.severityRank-q.severityRank,
		p.verdictRank-q.verdictRank,
		p.ip.Compare(q.ip),
		strings.Compare(p.id, q.id),
	)
}

// rank is where v stands in a list that has the worst first; a stranger
// stands first too, so that it is not overlooked.
func rank[T comparable](list []T, v T) int { return max(0, slices.Index(list, v)) }
