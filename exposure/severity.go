package exposure

import (
	"fmt"
	"slices"
	"strings"
)

// Severities lists the severities, worst first.
func Severities() []Severity { return []Severity{Critical, High, Medium, Low, Info} }

// AtLeast reports whether s is as bad as t, or worse. A severity that is not
// in the list counts as the worst: what is not understood is never hidden.
func (s Severity) AtLeast(t Severity) bool { return s.rank() <= t.rank() }

func (s Severity) rank() int { return max(0, slices.Index(Severities(), s)) }

// ParseSeverity reads a severity as it is written in reports and flags.
func ParseSeverity(s string) (Severity, error) {
	if v := Severity(strings.ToLower(s)); slices.Contains(Severities(), v) {
		return v, nil
	}
	return "", fmt.Errorf("parse severity %q: want critical, high, medium, low or info", s)
}

// ParseTrust reads a trust as it is written in reports and flags.
func ParseTrust(s string) (Trust, error) {
	switch t := Trust(strings.ToLower(s)); t {
	case Trusted, SemiTrusted, Untrusted:
		return t, nil
	}
	return "", fmt.Errorf("parse trust %q: want trusted, semi-trusted or untrusted", s)
}

// severities is the whole judgement: how bad each posture is from each kind of
// vantage, and where the owner's policy allows it. The first row that holds
// counts: a row that says inTLS or serves holds only for such endpoints. Down a
// column nothing gets worse, so that the worst verdict is also the worst
// severity; credentials count for more when nobody can overhear them, and whose
// data a proxy serves makes no difference. The last row stands apart: it is
// about somebody's word, the exposure behind it has a row of its own, and no
// policy allows it.
var severities = []struct {
	verdict                     Verdict
	inTLS, serves               bool
	trusted, semitrust, untrust Severity
	allowed                     Severity // "": it cannot be
	means                       string
}{
	{Reflector, false, false, Medium, High, Critical, Info,
		"anything answers in memcached's frame over UDP, a refusal too: a DDoS amplifier, and no authentication in force there"},
	{OpenTCP, false, false, Low, High, Critical, Info,
		"TCP without credentials: everything in it can be read and changed; also inside TLS, when no client certificate is asked for"},
	{Impostor, false, true, Low, High, Critical, Info,
		"a proxy or a clone that asks for no credentials: what is behind it can be read and changed"},
	{Impostor, false, false, Low, Medium, High, Info,
		"a honeypot, an unknown look-alike, or a proxy or clone that does ask"},
	{FullVerdict, false, false, Low, Medium, High, Info,
		"memcached at its connection limit; what it would ask for is not known"},
	{AuthVerdict, true, false, Info, Low, Medium, Info,
		"asks for credentials (`-Y` or SASL), inside TLS"},
	{AuthVerdict, false, false, Low, Medium, High, Info,
		"the same, in clear"},
	{TLSVerdict, false, false, Info, Info, Low, Info,
		"TLS, and nothing readable without a client certificate"},
	{Unidentified, false, false, Info, Info, Low, Info,
		"accepts, but is something else, or says nothing"},
	{Unfounded, false, false, Low, Low, Medium, "",
		"a justification in the policy that does not hold; the exposure itself is a finding beside it"},
}

// SeverityOf says how bad a verdict is for a vantage; inTLS is whether the
// endpoint speaks TLS, serves whether anyone without credentials can read and
// change somebody's data there, allowed whether the owner's policy expects or
// justifies it. An unknown trust is judged as untrusted.
func SeverityOf(v Verdict, inTLS, serves bool, t Trust, allowed bool) Severity {
	for _, row := range severities {
		if row.verdict != v || row.inTLS && !inTLS || row.serves && !serves {
			continue
		}
		switch {
		case allowed && row.allowed != "":
			return row.allowed
		case t == Trusted:
			return row.trusted
		case t == SemiTrusted:
			return row.semitrust
		}
		return row.untrust
	}
	return Critical
}
