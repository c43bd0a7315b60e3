package policy

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/internal/handwritten"
)

// draftDays is how long a drafted justification holds unless its owner says
// otherwise.
const draftDays = 90

const draftHead = `# memsweep policy: what may be reached from where, who says so, and until when.
# Give it with: memsweep scan --policy FILE ..., and look at it with
# memsweep policy check FILE, which refuses it until every TODO is filled in.

# What each range may show to a trusted, semi-trusted or untrusted place:
#   none: nothing    auth: TCP with credentials    open: TCP without    udp: UDP too
# The most specific range decides, alone. What is not said is none.
expect:
#  - range: 10.20.0.0/16
#    trusted: open
#    semi-trusted: auth

# What somebody answers for, seen from %s at %s. Close what
# nobody needs, and delete its entry. All keys are needed; at most %d days lie
# between created and expires, the last day (UTC) on which it holds.
justifications:
`

// Draft writes a policy that allows what was found from v and nothing else, but
// for who answers for it and why. What could not be measured is to be filled in.
func Draft(findings iter.Seq2[exposure.Finding, error], v exposure.Vantage, seen, now time.Time) (string, error) {
	if v.Name == "" || len(v.Name) > handwritten.MaxText || strings.TrimSpace(v.Name) != v.Name || strings.ContainsFunc(v.Name, unicode.IsControl) {
		return "", fmt.Errorf("draft policy: the report's vantage %s cannot be written as one short line: sweep again with --vantage NAME", handwritten.Quote(v.Name))
	}
	var text strings.Builder
	fmt.Fprintf(&text, draftHead, strconv.QuoteToASCII(v.Name), seen.UTC().Format(time.DateOnly), maxDays)
	for f, err := range findings {
		if err != nil {
			return "", err
		}
		for _, e := range endpoints(&f) {
			draft(&text, &f, e, v, now)
		}
		if text.Len() > maxFile {
			return "", errors.New("draft policy: too many endpoints for one file: close the worst first, or write what each range may show")
		}
	}
	return text.String(), nil
}

// draft writes one justification, for an endpoint that answered. A transport or
// port that no policy has a word for (a stored report may hold anything) is
// left out, and so stays unjustified.
func draft(text *strings.Builder, f *exposure.Finding, e endpoint, v exposure.Vantage, now time.Time) {
	for _, o := range e.seen {
		if !o.State.Answered() {
			return
		}
	}
	if e.port == 0 || e.transport != exposure.TCP && e.transport != exposure.UDP {
		return
	}
	today := now.UTC()
	addr := plain(f.IP)
	fmt.Fprintf(text, `
  # %s, %s
  - match: {cidr: "%s", port: %d, transport: %s, vantages: [%s]}
    constraints: {%s}
    owner: TODO
    reason: TODO
    created: %s
    expires: %s
`, exposure.Escape(string(f.Verdict)), exposure.Escape(string(withoutPolicy(*f, v))), netip.PrefixFrom(addr, addr.BitLen()), e.port, e.transport, strconv.QuoteToASCII(v.Name), promised(e),
		today.Format(time.DateOnly), today.AddDate(0, 0, draftDays).Format(time.DateOnly))
}

// promised is the most that the endpoint was seen to keep.
func promised(e endpoint) string {
	if e.transport == exposure.UDP {
		return "max_amplification: " + amplified(e)
	}
	auth, tls := "", true
	for _, o := range e.seen {
		switch kind := string(o.Auth); {
		case !asks(o, "required"), auth == "none":
			auth = "none"
		case auth == "" || auth == kind:
			auth = kind
		default:
			auth = "required"
		}
		tls = tls && o.TLS && !o.Unconfirmed
	}
	return fmt.Sprintf("auth: %s, tls: %t", auth, tls)
}

// amplified is the factor that was measured, with room for a longer uptime.
func amplified(e endpoint) string {
	most := promise{auth: "none", maxAmplification: math.MaxFloat64}
	factor := 0.0
	for _, o := range e.seen {
		if len(most.broken(o)) > 0 {
			return "TODO" // not measured, or not whole
		}
		factor = max(factor, o.Amplification.BAF)
	}
	return strconv.FormatFloat(math.Ceil(factor*1.1), 'f', 0, 64)
}
