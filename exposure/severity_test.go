package exposure

import (
	"slices"
	"testing"
)

func TestSeverityTable(t *testing.T) {
	t.Parallel()
	for _, inTLS := range []bool{false, true} {
		for _, serves := range []bool{false, true} {
			for _, trust := range []Trust{Trusted, SemiTrusted, Untrusted} {
				worse := Critical
				for _, v := range Verdicts() {
					s := SeverityOf(v, inTLS, serves, trust, false)
					if !slices.Contains(Severities(), s) {
						t.Errorf("%s from %s, tls %v: no severity", v, trust, inTLS)
					}
					if s != worse && s.AtLeast(worse) {
						t.Errorf("%s from %s, tls %v: %s is worse than that of a worse verdict", v, trust, inTLS, s)
					}
					if !SeverityOf(v, inTLS, true, trust, false).AtLeast(s) {
						t.Errorf("%s from %s, tls %v: serving data makes it better", v, trust, inTLS)
					}
					worse = s
				}
			}
			for _, v := range Verdicts() {
				trusted, semi, untrusted := SeverityOf(v, inTLS, serves, Trusted, false), SeverityOf(v, inTLS, serves, SemiTrusted, false), SeverityOf(v, inTLS, serves, Untrusted, false)
				if !untrusted.AtLeast(semi) || !semi.AtLeast(trusted) {
					t.Errorf("%s, tls %v: %s, %s, %s does not fall with trust", v, inTLS, untrusted, semi, trusted)
				}
				if got := SeverityOf(v, inTLS, serves, "somewhere", false); got != untrusted {
					t.Errorf("%s from an unknown trust: %s, want that of untrusted, %s", v, got, untrusted)
				}
			}
		}
	}
	for _, trust := range []Trust{Trusted, SemiTrusted, Untrusted} {
		if proxy, open := SeverityOf(Impostor, false, true, trust, false), SeverityOf(OpenTCP, false, true, trust, false); proxy != open {
			t.Errorf("from %s: a proxy that serves anyone is %s, memcached that does is %s", trust, proxy, open)
		}
	}
	for _, allowed := range []bool{false, true} {
		if SeverityOf("news", false, false, Trusted, allowed) != Critical {
			t.Error("an unknown verdict must not look harmless")
		}
	}
}

// TestSeverityUnderAPolicy: what is allowed is info; that a justification does
// not hold cannot be allowed, and fails a sweep that fails for anything.
func TestSeverityUnderAPolicy(t *testing.T) {
	t.Parallel()
	for _, trust := range []Trust{Trusted, SemiTrusted, Untrusted, "somewhere"} {
		for _, v := range Verdicts() {
			if got := SeverityOf(v, false, true, trust, true); got != Info {
				t.Errorf("%s from %s, allowed: %s", v, trust, got)
			}
		}
		got := SeverityOf(Unfounded, false, false, trust, false)
		if allowed := SeverityOf(Unfounded, false, false, trust, true); allowed != got || !got.AtLeast(Low) {
			t.Errorf("a justification that does not hold, from %s: %s, allowed %s", trust, got, allowed)
		}
	}
}

func TestSeverityOrder(t *testing.T) {
	t.Parallel()
	for i, a := range Severities() {
		for j, b := range Severities() {
			if got := a.AtLeast(b); got != (i <= j) {
				t.Errorf("%s at least %s: %v", a, b, got)
			}
		}
	}
	if !Severity("news").AtLeast(Critical) {
		t.Error("an unknown severity must not be hidden by a threshold")
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, s := range Severities() {
		if got, err := ParseSeverity(string(s)); got != s || err != nil {
			t.Errorf("parse %s: %s, %v", s, got, err)
		}
	}
	if got, err := ParseSeverity("HIGH"); got != High || err != nil {
		t.Errorf("parse HIGH: %s, %v", got, err)
	}
	if _, err := ParseSeverity("urgent"); err == nil {
		t.Error("urgent was taken for a severity")
	}
	for _, s := range []Trust{Trusted, SemiTrusted, Untrusted} {
		if got, err := ParseTrust(string(s)); got != s || err != nil {
			t.Errorf("parse %s: %s, %v", s, got, err)
		}
	}
	if _, err := ParseTrust(""); err == nil {
		t.Error("nothing was taken for a trust")
	}
}
