package audit

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/memsweep/memsweep/exposure"
)

// drift compares a server with what its service would start now; nil when a
// restart changes nothing that is exposed. now is nil when it does not run.
func drift(now, later *server, source string) *exposure.Drift {
	d := &exposure.Drift{Source: source}
	before := &server{}
	if now != nil {
		before = now
		switch was, will := now.process.Root, later.process.Root; {
		case !was && will:
			d.Worse = append(d.Worse, "run as root")
		case was && !will:
			d.Better = append(d.Better, "run as "+later.process.User+", not as root")
		}
	}
	for _, o := range later.opened {
		if o.state == exposure.NotScanned { // nothing is certain about it
			continue
		}
		switch had, all := before.had(o, later.reach); {
		case !all:
			d.Worse = append(d.Worse, "listen on "+o.describe())
		case o.strength() < had:
			d.Worse = append(d.Worse, "ask for less on "+o.describe())
		case o.strength() > had:
			d.Better = append(d.Better, "ask for more on "+o.describe())
		}
	}
	for _, o := range before.opened {
		if _, all := later.had(o, before.reach); !all {
			d.Better = append(d.Better, "listen no more on "+o.describe())
		}
	}
	if len(d.Worse)+len(d.Better) == 0 {
		return nil
	}
	d.Worse, d.Better = bothFamilies(d.Worse), bothFamilies(d.Better)
	return d
}

// bothFamilies says in one what is true of IPv4 and IPv6 alike.
func bothFamilies(changes []string) []string {
	const four, six, both = "every IPv4 address", "every IPv6 address", "every address"
	var short []string
	for _, c := range changes {
		switch {
		case strings.Contains(c, four) && slices.Contains(changes, strings.Replace(c, four, six, 1)):
			short = append(short, strings.Replace(c, four, both, 1))
		case strings.Contains(c, six) && slices.Contains(changes, strings.Replace(c, six, four, 1)):
		default:
			short = append(short, c)
		}
	}
	return short
}

// had reports whether every address from elsewhere at which o is reached is one
// of s's too, and the least that s asks at any of them. What is on loopback
// exposes nothing.
func (s *server) had(o opened, reach interfaces) (least int, all bool) {
	least = strongest
	for _, a := range reach.reach(o.bound.Addr()) {
		if a.IsLoopback() {
			continue
		}
		found, ok := s.serving(o.transport, netip.AddrPortFrom(a, o.bound.Port()))
		if !ok {
			return 0, false
		}
		least = min(least, found.strength())
	}
	if least == strongest { // nothing from elsewhere
		least = o.strength()
	}
	return least, true
}

const strongest = 5

// strength orders what a socket asks for before it answers.
func (o opened) strength() int {
	strength := 0
	switch o.state {
	case exposure.AuthRequired:
		strength = 2
	case exposure.TLS: // client certificates
		return 4
	}
	if o.inTLS {
		strength++
	}
	return strength
}

// describe names a socket: "every IPv4 address, TCP port 11211, without
// credentials".
func (o opened) describe() string {
	where := o.bound.Addr().String()
	switch {
	case o.bound.Addr() == netip.IPv4Unspecified():
		where = "every IPv4 address"
	case o.bound.Addr() == netip.IPv6Unspecified():
		where = "every IPv6 address"
	}
	asked := "without credentials"
	switch o.state {
	case exposure.AuthRequired:
		asked = "with credentials"
	case exposure.TLS:
		asked = "with client certificates"
	}
	if o.inTLS {
		asked = "in TLS, " + asked
	}
	name := map[exposure.Transport]string{exposure.TCP: "TCP", exposure.UDP: "UDP"}[o.transport]
	return fmt.Sprintf("%s, %s port %d, %s", where, name, o.bound.Port(), asked)
}
