package audit

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/memsweep/memsweep/exposure"
)

// configured makes a server of a service, as a start would make it. problems
// are what is not known of that.
func (t *tree) configured(s *service, users accounts, reach interfaces) (made *server, problems []string) {
	made = &server{options: s.options, version: t.version(s.program), reach: reach, notes: s.notes, evidence: s.evidence()}
	user := s.user
	if user == "" {
		user = "root"
	}
	made.process = exposure.Process{
		User: user, Root: users.root(s.user), Executable: s.program, Command: append([]string{s.program}, s.args...), Service: s.name,
	}
	sure, maybe, err := s.options.listeners(made.version)
	if err != nil {
		made.partial = true
		problems = append(problems, fmt.Sprintf("%s: %v", s.name, err))
	}
	for _, l := range sure {
		if !l.addr.IsValid() {
			made.partial = true
			problems = append(problems, fmt.Sprintf("%s listens on %q, a name that is not looked up here", s.name, l.host))
			continue
		}
		o := opened{transport: l.transport, bound: netip.AddrPortFrom(l.addr, l.port)}
		o.state, o.auth, o.inTLS = s.options.asks(l, made.version)
		made.opened = append(made.opened, o)
	}
	for _, l := range maybe {
		if l.addr.IsValid() {
			made.opened = append(made.opened, opened{transport: l.transport, bound: netip.AddrPortFrom(l.addr, l.port),
				state: exposure.NotScanned, auth: exposure.AuthUnknown})
		}
	}
	if len(maybe) > 0 {
		problems = append(problems, fmt.Sprintf("%s: whether UDP would be on is not known: -U is not given, and it is on by default "+
			"in releases from 1.2.7 to 1.5.5 where the distribution did not turn it off (this is %s)", s.name, orUnknown(made.version)))
	}
	made.absent = func(exposure.Transport, netip.AddrPort) exposure.State { return exposure.Closed }
	return made, append(problems, s.unclear...)
}

func orUnknown(version string) string {
	if version == "" {
		return "an unknown one"
	}
	return version
}

// starts reports whether the service would start at all: as root, memcached
// wants -u.
func (s *service) starts() bool { return !s.masked && s.user != "" && len(s.unclear) == 0 }

// evidence are the lines of its files that count.
func (s *service) evidence() []exposure.Exchange {
	var list []exposure.Exchange
	for _, f := range s.files {
		var text []string
		for _, l := range f.lines {
			text = append(text, fmt.Sprintf("%d: %s", l.number, l.text))
		}
		list = append(list, exchange(f.name, strings.Join(text, "\n")))
	}
	return list
}
