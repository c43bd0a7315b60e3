package exposure

import (
	"fmt"
	"slices"
	"strings"
)

// rule looks at one aspect of one endpoint of f and says what follows from it
// in one full sentence, "" when it has nothing to say.
type rule func(f *Finding, o *Observation) string

// rules are asked in this order of every endpoint, worst endpoint first, so
// that the first sentence of a finding is why it has its verdict.
func rules() []rule {
	return []rule{
		insideFirst,
		loopbackOnly,
		posture,
		runsAsRoot,
		worseAgain,
		elsewhere,
		measuredAmplification,
		reportedAmplification,
		ceiling,
		unauthenticatedUDP,
		whyUDPIsOn,
		incompleteReply,
		datagramCounts,
		duplicates,
		repliedElsewhere,
		unconfirmed,
		dataHeld,
		authBypassed,
		passwordInClear,
		anyoneMayStop,
		anyoneMayFlush,
		anyoneMayDump,
		commandsLogged,
		listensEverywhere,
		udpStillOn,
		udpElsewhere,
		proxyBuilt,
		tells,
		betterAgain,
		versionCaution,
		affectedBy,
		outdated,
	}
}

// reasons says in full sentences what was seen and what follows from it. They
// may quote the server's own words, shortened but not escaped.
func reasons(f *Finding) []string {
	said := make([]string, 0, 8)
	for _, o := range worstFirst(f) {
		for _, rule := range rules() {
			if s := rule(f, o); s != "" && !slices.Contains(said, s) {
				said = append(said, s)
			}
		}
	}
	for o := range f.observed { // of what does not answer, only what would change
		if s := worseAgain(f, o); s != "" && !slices.Contains(said, s) {
			said = append(said, s)
		}
	}
	if len(said) == 0 {
		said = append(said, "Nothing answered.")
	}
	return said
}

// worstFirst lists the endpoints of f that answered.
func worstFirst(f *Finding) []*Observation {
	var list []*Observation
	for o := range f.observed {
		if o.State.Answered() {
			list = append(list, o)
		}
	}
	slices.SortStableFunc(list, func(a, b *Observation) int {
		va, _ := verdictOf(a)
		vb, _ := verdictOf(b)
		return va.rank() - vb.rank()
	})
	return list
}

// posture says what the endpoint's verdict means.
func posture(_ *Finding, o *Observation) string {
	where := place(o)
	verdict, _ := verdictOf(o)
	switch verdict {
	case Reflector:
		return where + " answers memcached commands: a forged sender address turns it on a victim."
	case Impostor:
		return fmt.Sprintf("%s speaks memcached but is not stock memcached (%s)%s.", where, quote(o.Product), impostorAccess(o))
	case OpenTCP:
		inTLS := ""
		if o.TLS {
			inTLS = ", in TLS but without a client certificate"
		}
		return fmt.Sprintf("%s asks for no credentials%s: anyone can read, change and delete its items.", where, inTLS)
	case FullVerdict:
		return where + " is memcached at its connection limit: whether it asks for credentials is not known."
	case AuthVerdict:
		return fmt.Sprintf("%s is memcached and asks for credentials%s.", where, authKind(o.Auth))
	case TLSVerdict:
		if o.Auth == AuthCert {
			return where + " asks for a client certificate, and shows nothing without one."
		}
		return where + " wants TLS, and what is inside could not be asked."
	}
	if o.PortOnly {
		return where + " is open, and what answers there is not known."
	}
	if o.State == Mute {
		return where + " accepts connections and says nothing."
	}
	if o.Service == "" || o.Service == "unknown" {
		return "Something other than memcached answers on " + where + "."
	}
	return fmt.Sprintf("%s, not memcached, answers on %s.", quote(o.Service), where)
}

func impostorAccess(o *Observation) string {
	switch {
	case servesAnyone(o):
		return ", and asks for no credentials: anyone can read and change what is behind it"
	case o.State == Open:
		return ", and asks for no credentials"
	}
	return ""
}

func authKind(a Auth) string {
	switch a {
	case AuthASCII:
		return " (ASCII, -Y)"
	case AuthSASL:
		return " (SASL, -S)"
	case AuthCert:
		return " (a TLS client certificate)"
	}
	return ""
}

// place names an endpoint: "UDP port 11211".
func place(o *Observation) string {
	return fmt.Sprintf("%s port %d", strings.ToUpper(string(o.Transport)), o.Port)
}

// maxQuoted is how many bytes of a server's own words a sentence repeats.
const maxQuoted = 80

// quote shortens untrusted text for use in a sentence.
func quote(s string) string {
	if len(s) <= maxQuoted {
		return s
	}
	return strings.ToValidUTF8(s[:maxQuoted], "") + "…"
}

// count writes a number with its noun: "1 datagram", "2 datagrams".
func count[N ~int | ~uint64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// size writes a number of bytes for people: "512 bytes", "4.5 MiB".
func size(n uint64) string {
	if n < 1024 {
		return count(n, "byte")
	}
	value, unit := float64(n), ""
	for _, unit = range []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"} {
		if value /= 1024; value < 1023.95 {
			break
		}
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}
