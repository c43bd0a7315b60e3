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
// vantage. The first row that holds counts: a row that says inTLS or serves
// holds only for such endpoints. Down a column nothing gets worse, so that the
// worst verdict is also the worst severity; credentials count for more when
// nobody can overhear them, and whose data a proxy serves makes no difference.
var severities = []struct {
	verdict                     Verdict
	inTLS, serves               bool
	trusted, semitrust, untrust Severity
}{
	{Reflector, false, false, Medium, High, Critical},
	{OpenTCP, false, false, Low, High, Critical},
	{Impostor, false, true, Low, High, Critical},
	{Impostor, false, false, Low, Medium, High},
	{FullVerdict, false, false, Low, Medium, High},
	{AuthVerdict, true, false, Info, Low, Medium},
	{AuthVerdict, false, false, Low, Medium, High},
	{TLSVerdict, false, false, Info, Info, Low},
	{Unidentified, false, false, Info, Info, Low},
}

// SeverityOf says how bad a verdict is for a vantage; inTLS is whether the
// endpoint speaks TLS, serves whether anyone without credentials can read and
// change somebody's data there. An unknown trust is judged as untrusted.
func SeverityOf(v Verdict, inTLS, serves bool, t Trust) Severity {
	for _, row := range severities {
		if row.verdict != v || row.inTLS && !inTLS || row.serves && !serves {
			continue
		}
		switch t {
		case Trusted:
			return row.trusted
		case SemiTrusted:
			return row.semitrust
		}
		return row.untrust
	}
	return Critical
}
