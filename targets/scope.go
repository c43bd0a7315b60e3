package targets

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/memsweep/memsweep/internal/handwritten"
)

// Scope is the owner's word on what may be swept. A nil *Scope is that of a
// user without a file: free space only.
//
// The rule, whole: an address may be asked when it is in free space or in
// Allow, and not in Deny. Free space is loopback, RFC 1918, link-local and
// unique local addresses. Carrier-grade NAT (100.64.0.0/10) is not: it
// belongs to a provider.
type Scope struct {
	Path         string // of the file
	SHA256       string // of the file's bytes, lower-case hex
	Allow        Set
	Deny         Set
	AuthorisedBy string
	Reference    string // of a ticket or contract; may be ""
	Contact      string // who to call; may be ""
	ValidUntil   time.Time
	MaxRate      uint64 // packets a second; 0: not limited by the scope

	allowed Set // free space and Allow, less Deny
}

// freeSpace may be swept without a scope (RFC 1122 section 3.2.1.3, RFC 1918,
// RFC 3927, RFC 4193, RFC 4291 sections 2.5.3 and 2.5.6).
var freeSpace = mustSet(
	"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
	"::1/128", "fe80::/10", "fc00::/7",
)

func mustSet(texts ...string) Set {
	prefixes := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		prefixes[i] = netip.MustParsePrefix(text)
	}
	set, err := SetOf(prefixes...)
	if err != nil {
		panic(err)
	}
	return set
}

// Allows reports whether addr may be asked. It does not allocate, and leaves
// time to ValidAt.
func (s *Scope) Allows(addr netip.Addr) bool {
	if s == nil {
		return freeSpace.Contains(addr)
	}
	return s.allowed.Contains(addr)
}

// Permitted is the part of set that may be asked.
func (s *Scope) Permitted(set Set) Set {
	if s == nil {
		return set.Intersect(freeSpace)
	}
	return set.Intersect(s.allowed)
}

// ValidAt reports whether the authorisation still holds. That for free space
// without a file has no end.
func (s *Scope) ValidAt(now time.Time) bool {
	return s == nil || !now.After(s.ValidUntil)
}

// Check returns nil when all of set may be swept at now. Otherwise it names
// the first prefixes that may not, and what to do: nothing is ever left out
// in silence.
func (s *Scope) Check(set Set, now time.Time) error {
	if !s.ValidAt(now) {
		return fmt.Errorf("scope %s: expired at %s: have it renewed, and write the new date after valid_until",
			s.Path, s.ValidUntil.Format(time.RFC3339))
	}
	if s == nil {
		return checkFree(set)
	}
	var bad handwritten.Problems
	if outside := set.Minus(freeSpace.Union(s.Allow)); outside.Len() > 0 {
		bad.Add(fmt.Errorf("scope %s: not in it: %s: if yours, add under allow: %s, else leave out with --exclude %s",
			s.Path, describe(outside), yamlItems(outside), commaList(outside)))
	}
	if denied := set.Minus(set.Minus(s.Deny)); denied.Len() > 0 {
		bad.Add(fmt.Errorf("scope %s: denied by it: %s: leave out with --exclude %s",
			s.Path, describe(denied), commaList(denied)))
	}
	return bad.Err()
}

// checkFree is Check for the user without a file.
func checkFree(set Set) error {
	outside := set.Minus(freeSpace)
	if outside.Len() == 0 {
		return nil
	}
	ranges := strings.ReplaceAll(commaList(outside), ",", " ")
	return fmt.Errorf("targets: public addresses need a scope: %s: if yours, run `memsweep scope init %s`, fill in the file and give it with --scope FILE, else leave out with --exclude %s",
		describe(outside), ranges, commaList(outside))
}

// maxNamed is how many prefixes an error names.
const maxNamed = 5

// describe names the first prefixes of set, and its size when there are more.
func describe(set Set) string {
	named := set.firstPrefixes(maxNamed + 1)
	if len(named) <= maxNamed {
		return joined(named, ", ", brief)
	}
	return fmt.Sprintf("%s and more (%d addresses in all)", joined(named[:maxNamed], ", ", brief), set.Len())
}

// commaList writes the first prefixes of set as a value of --exclude.
func commaList(set Set) string { return joined(set.firstPrefixes(maxNamed), ",", brief) }

// yamlItems writes the first prefixes of set as they stand in a scope file.
func yamlItems(set Set) string {
	return joined(set.firstPrefixes(maxNamed), ", ", func(p netip.Prefix) string { return "`- " + p.String() + "`" })
}

func joined(prefixes []netip.Prefix, sep string, write func(netip.Prefix) string) string {
	texts := make([]string, len(prefixes))
	for i, p := range prefixes {
		texts[i] = write(p)
	}
	return strings.Join(texts, sep)
}
