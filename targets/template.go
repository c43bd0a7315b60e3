package targets

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/memsweep/memsweep/internal/handwritten"
)

// templateDays is how long a new scope is valid unless its owner says otherwise.
const templateDays = 90

const scopeTemplate = `# memsweep scope: which addresses may be swept, and on whose word.
# Give it with: memsweep scan --scope FILE ...

# The public ranges that you own: CIDRs, addresses, or ranges a-b.
# Loopback, RFC 1918, link-local and unique local addresses need no line.
allow:
%s
# What must never be touched, in private space too. Wins over allow.
deny:
#  - 192.0.2.10

# Who gave the permission. memsweep refuses this file until it is filled in.
authorised_by: ""

# The ticket, contract or mail that says so.
reference: ""

# The last day, to its end in UTC, or a time as 2027-01-31T18:00:00Z.
valid_until: %s

# The most packets a second; no sweep under this scope may ask for more.
# max_rate: 1000

# Who to call when something looks wrong.
contact: ""
`

// Template returns a scope file for ranges that lacks only authorised_by. It
// is valid for 90 days from now.
func Template(ranges []string, now time.Time) (string, error) {
	var prefixes []netip.Prefix
	var bad handwritten.Problems
	for _, text := range ranges {
		spec, err := parseSpec(text)
		switch {
		case err != nil:
			bad.Add(fmt.Errorf("scope range %s: %w", handwritten.Quote(text), err))
		case spec.Host != "":
			bad.Add(fmt.Errorf("scope range %s: a host name, whose meaning others can change: write its addresses", handwritten.Quote(text)))
		default:
			prefixes = append(prefixes, rangePrefixes(spec.Range)...)
		}
	}
	if err := bad.Err(); err != nil {
		return "", err
	}
	if len(prefixes) == 0 {
		return "", errors.New("scope: no ranges: write those that you own, as `memsweep scope init 198.51.100.0/24`")
	}
	var allow strings.Builder
	for _, p := range coalesce(prefixes) {
		fmt.Fprintf(&allow, "  - %s\n", p)
	}
	last := now.UTC().AddDate(0, 0, templateDays)
	return fmt.Sprintf(scopeTemplate, allow.String(), last.Format(time.DateOnly)), nil
}
