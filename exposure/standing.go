package exposure

import "fmt"

// Expectation is what may be reached somewhere, by the owner's own word. Each
// one allows what those before it allow.
type Expectation string

// The expectations, the strictest first.
const (
	ExpectNone Expectation = "none" // nothing answers
	ExpectAuth Expectation = "auth" // TCP, with credentials
	ExpectOpen Expectation = "open" // TCP, without
	ExpectUDP  Expectation = "udp"  // UDP too
)

// Standing is what the owner's policy says of a finding.
type Standing struct {
	Expected Expectation `json:"expected"` // for this address and vantage
	// Justified is true when the policy expects what was found, or somebody
	// answers for it. The finding stays in every report, as info.
	Justified bool `json:"justified"`
	// Severity is how bad the finding would be without that.
	Severity Severity `json:"severity"`
	// By is the justification that holds, or that would if it were not for Failures.
	By *Justification `json:"by"`
	// Others hold for further endpoints of the same host.
	Others []Justification `json:"others,omitempty"`
	// Failures say why a justification for this endpoint does not hold.
	Failures []string `json:"failures,omitempty"`
}

// Justification is somebody's word for an exposure, and until when.
type Justification struct {
	Source  string `json:"source"` // where it is written: "policy.yaml:12"
	Owner   string `json:"owner"`
	Reason  string `json:"reason"`
	Created string `json:"created"` // a day, 2006-01-02
	Expires string `json:"expires"` // the last day on which it holds
}

// Explain says in full sentences what the policy says of a finding. They quote
// the policy, unescaped.
func (s *Standing) Explain() []string {
	switch {
	case !s.Justified && len(s.Failures) == 0:
		return []string{fmt.Sprintf("The policy does not allow it: it expects %q here, and nobody answers for more.", s.Expected)}
	case !s.Justified:
		return s.Failures
	case s.By == nil:
		return []string{fmt.Sprintf("The policy expects %q here; without that it would be %s.", s.Expected, s.Severity)}
	}
	said := []string{fmt.Sprintf("Justified by %s; without that it would be %s.", s.By, s.Severity)}
	for _, j := range s.Others {
		said = append(said, fmt.Sprintf("Justified by %s.", j))
	}
	return said
}

// String names who says so, until when, why and where: "Jane Doe until
// 2027-01-31: billing, SEC-42 (policy.yaml:12)".
func (j Justification) String() string {
	return fmt.Sprintf("%s until %s: %s (%s)", j.Owner, j.Expires, j.Reason, j.Source)
}
