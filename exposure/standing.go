package exposure

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
