package audit

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/memsweep/memsweep/exposure"
)

// The probes that an audit's observations are said to come from.
const (
	tcpProbe = "audit-tcp"
	udpProbe = "audit-udp"
)

func probeOf(t exposure.Transport) string {
	if t == exposure.UDP {
		return udpProbe
	}
	return tcpProbe
}

func transports() []exposure.Transport { return []exposure.Transport{exposure.TCP, exposure.UDP} }

// opened is a socket, there or to come, and what it asks of those who connect.
type opened struct {
	transport exposure.Transport
	bound     netip.AddrPort
	state     exposure.State
	auth      exposure.Auth
	inTLS     bool
}

// server is a memcached, running or to be started, and what it opens.
type server struct {
	options  options
	version  string
	opened   []opened
	partial  bool // it opens more than is known here
	reach    interfaces
	process  exposure.Process
	inside   uint64 // the process ID that it reports itself, 0: not known
	evidence []exposure.Exchange
	notes    []string
	// absent says what an endpoint is at which it has no socket: Closed, or
	// NotScanned where that could not be seen.
	absent   func(t exposure.Transport, at netip.AddrPort) exposure.State
	firewall firewall
}

// observations are those of one server, by address and port.
func (s *server) observations() map[netip.AddrPort][]exposure.Observation {
	found := map[netip.AddrPort][]exposure.Observation{}
	for _, at := range s.endpoints() {
		for _, t := range transports() {
			found[at] = append(found[at], s.observe(t, at))
		}
	}
	return found
}

// endpoints is where any of its sockets is reached.
func (s *server) endpoints() []netip.AddrPort {
	var list []netip.AddrPort
	for _, o := range s.opened {
		for _, a := range s.reach.reach(o.bound.Addr()) {
			if at := netip.AddrPortFrom(a, o.bound.Port()); !slices.Contains(list, at) {
				list = append(list, at)
			}
		}
	}
	return list
}

// serving finds the socket that is reached at an endpoint: one bound to that
// very address goes before the wildcard's.
func (s *server) serving(t exposure.Transport, at netip.AddrPort) (opened, bool) {
	best, found := opened{}, false
	for _, o := range s.opened {
		if o.transport == t && covers(o.bound, at) && (!found || best.bound.Addr().IsUnspecified()) {
			best, found = o, true
		}
	}
	return best, found
}

// covers reports whether a socket bound there is reached at an endpoint.
// memcached's IPv6 sockets never take IPv4 (memcached.c, IPV6_V6ONLY).
func covers(bound, at netip.AddrPort) bool {
	return bound.Port() == at.Port() &&
		(bound.Addr() == at.Addr() || bound.Addr().IsUnspecified() && bound.Addr().Is4() == at.Addr().Is4())
}

func (s *server) observe(t exposure.Transport, at netip.AddrPort) exposure.Observation {
	o := exposure.Observation{
		Probe: probeOf(t), Transport: t, Port: at.Port(), Auth: exposure.AuthUnknown,
		Evidence: slices.Clone(s.evidence), Notes: slices.Clone(s.notes),
	}
	process := s.process
	o.Process = &process
	found, ok := s.serving(t, at)
	if !ok {
		o.State = s.absent(t, at)
		return o
	}
	o.State, o.Auth, o.TLS = found.state, found.auth, found.inTLS
	if !o.State.Answered() {
		return o
	}
	process.Bound = &found.bound
	o.Service = "memcached"
	if s.version != "" {
		o.Version = &s.version
	}
	if t == exposure.TCP && (s.options.protocol == "binary" || o.Auth == exposure.AuthSASL) {
		o.Dialect = []string{"binary"}
	}
	if s.inside != 0 {
		o.Stats = &exposure.Stats{PID: &s.inside}
	}
	o.Settings = s.options.settings(s.version, o.State)
	o.Notes = append(o.Notes, s.alsoReached(found.bound)...)
	notes, rules := s.firewall.about(at.Port())
	o.Notes = append(o.Notes, notes...)
	o.Evidence = append(o.Evidence, rules...)
	return o
}

// alsoReached notes addresses of a wildcard that are no findings of their own.
func (s *server) alsoReached(bound netip.AddrPort) []string {
	var notes []string
	if !bound.Addr().IsUnspecified() {
		return nil
	}
	var link []string
	for _, a := range s.reach.link {
		if a.Is4() == bound.Addr().Is4() {
			link = append(link, a.String())
		}
	}
	if len(link) > 0 {
		notes = append(notes, fmt.Sprintf("On its own links it is also reached at %s.", shortened(link)))
	}
	var ranges []string
	for _, p := range s.reach.ranges {
		if p.Addr().Is4() == bound.Addr().Is4() {
			ranges = append(ranges, p.String())
		}
	}
	if len(ranges) > 0 {
		notes = append(notes, fmt.Sprintf("It is also reached at every address of %s.", shortened(ranges)))
	}
	return notes
}

// shortened names the first of a list.
func shortened(list []string) string {
	const most = 5
	if len(list) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
	}
	return strings.Join(list, ", ")
}
