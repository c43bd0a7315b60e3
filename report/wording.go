package report

import (
	"cmp"

	"github.com/memsweep/memsweep/exposure"
)

// wording is what there is to say of a verdict without any host at hand, for
// formats that describe a kind of finding once.
type wording struct {
	title  string // what it is, without a full stop
	impact string // what follows from it
	advice string // how it is closed
	cwe    int    // the weakness in the CWE list; 0: none fits
}

// wordingOf describes a verdict. One that is not known is described by its name.
func wordingOf(v exposure.Verdict) wording {
	if w, ok := wordings[v]; ok {
		return w
	}
	return wording{title: "memcached exposure: " + exposure.Escape(string(v)), impact: "This kind of finding is newer than the program that wrote this report.", advice: keepInside}
}

const keepInside = "Listen only where the clients are (-l), and let a firewall pass nobody else."

// CWE-306 is Missing Authentication for Critical Function, 319 Cleartext
// Transmission of Sensitive Information, 406 Network Amplification.
var wordings = map[exposure.Verdict]wording{
	exposure.Reflector: {
		"memcached answers UDP", "A forged sender address turns it on a victim: each small request brings back many times its size. No authentication is in force there.",
		"Turn UDP off (-U 0). " + keepInside, 406,
	},
	exposure.OpenTCP: {
		"memcached is open without credentials", "Anyone who reaches it can read, change and delete what it holds.",
		keepInside + " Where others must reach it, ask for credentials and TLS.", 306,
	},
	exposure.Impostor: {
		"something that is not stock memcached speaks its protocol", "A proxy or a clone passes on what is behind it; a honeypot or an unknown look-alike may not be yours.",
		"Find out what it is and who owns it. " + keepInside, 0,
	},
	exposure.FullVerdict: {
		"memcached is reachable, at its connection limit", "Whether it asks for credentials is not known, and whoever reaches it can keep its clients out.",
		keepInside, 0,
	},
	exposure.AuthVerdict: {
		"memcached is reachable, and asks for credentials", "Passwords can be guessed and, without TLS, overheard.",
		keepInside + " Put the rest inside TLS (-Z).", 319,
	},
	exposure.TLSVerdict: {
		"a TLS service answers on memcached's port", "What is inside could not be asked, or needs a client certificate.",
		keepInside, 0,
	},
	exposure.Unidentified: {
		"an unknown service answers on memcached's port", "It accepts connections and is nothing known.",
		"Find out what it is and who owns it.", 0,
	},
	exposure.Unfounded: {
		"a justification in the policy does not hold any more", "The exposure that it was meant for is answered for by nobody.",
		"Close the exposure, or justify it anew.", 0,
	},
}

// urgency orders findings of one document that a reader groups by severity.
func urgency(a, b kind) int {
	return cmp.Or(rank(exposure.Severities(), a.severity)-rank(exposure.Severities(), b.severity), cmp.Compare(a.verdict, b.verdict))
}

// kind is what findings of one verdict and one severity have in common.
type kind struct {
	verdict  exposure.Verdict
	severity exposure.Severity
}
