package targets

import (
	"fmt"
	"strings"
	"time"

	"go4.org/netipx"

	"github.com/memsweep/memsweep/internal/handwritten"
)

// SystemdFilter writes the scope as a drop-in for a systemd unit: the kernel
// itself then keeps the unit's sockets to it (systemd.resource-control(5),
// IPAddressAllow=). It has what the scope allows by name, without what it
// denies, and loopback; free space that the scope does not name is left out, for
// a second lock should be no wider than it must. also are ranges besides: free
// space that is swept, who is notified, who may look. The scope must hold at now.
func (s *Scope) SystemdFilter(also []string, now time.Time) (string, error) {
	if !s.ValidAt(now) {
		return "", fmt.Errorf("scope %s: expired at %s: have it renewed, and write the new date after valid_until", s.Path, s.ValidUntil.Format(time.RFC3339))
	}
	more, err := s.besides(also)
	if err != nil {
		return "", err
	}
	allowed := s.Allow.Minus(s.Deny)
	if allowed.Len() == 0 {
		return "", fmt.Errorf("scope %s: it denies all that it allows: nothing is left to sweep", s.Path)
	}
	var b strings.Builder
	b.WriteString("# A drop-in for memsweep.service, by `memsweep scope systemd`: write it again\n# whenever the scope changes, then: systemctl daemon-reload\n")
	fmt.Fprintf(&b, "# scope: sha256 %s, valid until %s\n[Service]\n", s.SHA256, s.ValidUntil.UTC().Format(time.RFC3339))
	b.WriteString("IPAddressDeny=any\nIPAddressAllow=localhost\n")
	write := func(title string, set Set) {
		if set.Len() > 0 {
			fmt.Fprintf(&b, "# %s\n", title)
		}
		for _, p := range set.Prefixes() {
			fmt.Fprintf(&b, "IPAddressAllow=%s\n", p)
		}
	}
	write("the scope", allowed)
	write("besides", more)
	return b.String(), nil
}

// besides reads further ranges. What the scope denies is denied here too.
func (s *Scope) besides(texts []string) (Set, error) {
	var all Set
	for _, text := range texts {
		spec, err := parseSpec(text)
		if err != nil {
			return Set{}, fmt.Errorf("%s: %w", handwritten.Quote(text), err)
		}
		if spec.Host != "" {
			return Set{}, fmt.Errorf("%s: the kernel knows no host names: write its addresses", handwritten.Quote(text))
		}
		set := setOf([]netipx.IPRange{spec.Range})
		if set.Minus(s.Deny).Len() == 0 {
			return Set{}, fmt.Errorf("%s: scope %s denies it: take it out of deny, or leave it out here", handwritten.Quote(text), s.Path)
		}
		all = all.Union(set)
	}
	return all.Minus(s.Deny), nil
}
