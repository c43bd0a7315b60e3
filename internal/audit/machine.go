package audit

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"github.com/memsweep/memsweep/exposure"
)

// machine audits what runs here, and what the files would start.
func (s *survey) machine(ctx context.Context, p proc, rules func(context.Context) firewall) error {
	processes, err := p.memcacheds()
	if err != nil {
		return err
	}
	s.say("it looked at processes that are called memcached, and at whatever listens at port %d here", defaultPort)
	if s.blind = p.hidden(); s.blind {
		s.problem("the processes of other users are hidden (hidepid): whether a memcached runs is not known without root")
	}
	self := &process{}
	p.interfacesOf("self", self)
	for _, l := range self.limits {
		s.problem("%s", l)
	}
	here := self.addresses
	if s.bases = here.outside; len(s.bases) == 0 {
		s.bases = here.loopback
	}
	services, errs := s.tree.services(units(processes))
	for _, err := range errs {
		s.problem("%v", err)
	}
	wall := rules(ctx)
	claimed := map[*service]bool{}
	for _, f := range processes {
		svc := serviceOf(f, services)
		claimed[svc] = true
		s.process(f, svc, wall)
	}
	for _, svc := range services {
		s.announce(svc)
		if !claimed[svc] && !svc.masked {
			s.stopped(svc, here)
		}
	}
	s.strangers(p, processes, here)
	return nil
}

// units are those that the processes say they are of.
func units(processes []*process) []string {
	var names []string
	for _, f := range processes {
		if f.unit != "" && f.mount {
			names = append(names, f.unit)
		}
	}
	return names
}

// serviceOf finds what started a process: the unit of its control group, or
// where that starts something else, the service that wants one of its ports;
// nil for none.
func serviceOf(f *process, services []*service) *service {
	if !f.mount {
		return nil
	}
	if i := slices.IndexFunc(services, func(svc *service) bool { return svc.name == f.unit }); i >= 0 {
		return services[i]
	}
	if f.namespace != "" || memcachedUnit(f.unit) {
		return nil
	}
	tcp, _, _ := parseOptions(f.args).ports(f.version)
	for _, svc := range services {
		if port, _, _ := svc.options.ports(f.version); port == tcp && len(svc.unclear) == 0 && !svc.masked {
			return svc
		}
	}
	return nil
}

// process adds what one process has open.
func (s *survey) process(f *process, svc *service, wall firewall) {
	s.seen = append(s.seen, f.describe())
	made := running(f, s.users)
	made.firewall = wall
	if f.namespace != "" {
		made.firewall = firewall{blind: []string{"The firewall's rules in its network namespace were not read."}}
	}
	if f.mount {
		made.notes = append(made.notes, s.aboutPackage()...)
	} else {
		made.notes = append(made.notes, "It has files of its own, as in a container: its configuration was not read.")
	}
	if svc != nil {
		s.compare(made, svc, f)
	}
	if !f.certain {
		s.problem("%s: %s", f.describe(), strings.Join(f.limits, " "))
	}
	switch o := made.options; {
	case len(made.opened) > 0:
		s.add(made)
	case o.socket != "" && f.certain:
		s.say("%s listens on the Unix socket %s only: nothing of it is on the network", f.describe(), o.socket)
	case f.certain:
		s.say("%s has no socket on the network that waits for anybody", f.describe())
	}
	if drift := made.process.Drift; len(made.opened) == 0 && drift != nil {
		s.later(made, svc)
	}
}

// compare holds a process against the service that started it.
func (s *survey) compare(made *server, svc *service, f *process) {
	made.process.Service = svc.name
	made.evidence = append(made.evidence, svc.evidence()...)
	made.notes = append(made.notes, svc.notes...)
	if f.unit != svc.name {
		made.notes = append(made.notes, fmt.Sprintf("It is not in the control group of %s; it is held against %[1]s because of its port.", svc.name))
	}
	if !svc.starts() || f.blind {
		made.notes = append(made.notes, fmt.Sprintf("What a restart by %s would change is not known: %s.", svc.name, why(svc)))
		return
	}
	next, problems := s.tree.configured(svc, s.users, made.reach)
	for _, p := range problems {
		made.notes = append(made.notes, "About a restart: "+p+".")
	}
	made.process.Drift = drift(made, next, svc.origin())
}

func why(svc *service) string {
	switch {
	case len(svc.unclear) > 0:
		return strings.Join(svc.unclear, "; ")
	case svc.masked:
		return "its unit is masked"
	case svc.user == "":
		return "it would not start"
	}
	return "its sockets could not be seen"
}

// stopped adds a service that does not run, where a start would expose it.
func (s *survey) stopped(svc *service, here interfaces) {
	if !svc.starts() {
		s.say("%s does not run, and what a start would do is not known: %s", svc.name, why(svc))
		return
	}
	next, problems := s.tree.configured(svc, s.users, here)
	for _, p := range problems {
		s.say("%s", p)
	}
	if next.process.Drift = drift(nil, next, svc.origin()); next.process.Drift == nil {
		s.say("%s does not run; a start would expose nothing to other machines", svc.name)
		return
	}
	s.add(next.closed())
}

// later adds a process that is not on the network, where a restart would
// expose it.
func (s *survey) later(made *server, svc *service) {
	next, _ := s.tree.configured(svc, s.users, made.reach)
	next.process, next.notes, next.evidence = made.process, made.notes, made.evidence
	s.add(next.closed())
}

// closed is a server of which nothing is open yet: its endpoints from elsewhere.
func (s *server) closed() *server {
	var list []opened
	for _, o := range s.opened {
		if !o.bound.Addr().IsLoopback() {
			o.state, o.auth, o.inTLS = exposure.Closed, exposure.AuthUnknown, false
			list = append(list, o)
		}
	}
	s.opened = list
	return s
}

// strangers looks for sockets at memcached's port that no memcached seen here
// has: what is behind them is not known.
func (s *survey) strangers(p proc, processes []*process, here interfaces) {
	all, err := p.waiting("self")
	if err != nil {
		s.problem("the sockets of this machine could not be read: %v", err)
		s.blind = true
	}
	known := map[string]bool{}
	for _, f := range processes {
		for _, sock := range f.own(f.wanted()) {
			known[sock.inode] = true
		}
	}
	for _, sock := range all {
		if sock.bound.Port() != defaultPort || sock.bound.Addr().IsLoopback() || known[sock.inode] {
			continue
		}
		s.problem("%s listens at %s %s and is no memcached by its name: what it is was not asked; sweep it",
			p.owner(sock.inode), sock.transport, sock.bound)
		for _, a := range here.reach(sock.bound.Addr()) {
			if s.unknown[a] == nil {
				s.unknown[a] = map[exposure.Transport]bool{}
			}
			s.unknown[a][sock.transport] = true
		}
	}
}

// wanted are the sockets that the options of a process ask for.
func (p *process) wanted() []listener {
	sure, maybe, _ := parseOptions(p.args).listeners(p.version) // what is wrong with them was said
	return append(sure, maybe...)
}

// owner names the process that has a socket open.
func (p proc) owner(inode string) string {
	pids, _ := p.pids() // listed before
	for _, pid := range pids {
		if own, err := p.inodes(pid); err == nil && own[inode] {
			name, _ := p.read(pid, "comm")
			return fmt.Sprintf("PID %d (%s)", pid, strings.TrimSpace(name))
		}
	}
	return "a process that could not be seen"
}

// report closes a survey.
func (s *survey) report(root string) Report {
	r := Report{Detail: s.detail, Problems: s.problems, Status: exposure.Complete}
	for _, at := range slices.SortedFunc(maps.Keys(s.found), netip.AddrPort.Compare) {
		r.Hosts = append(r.Hosts, exposure.Host{Addr: at.Addr(), Observations: s.found[at]})
	}
	c := s.count(r.Hosts)
	r.Coverage, r.Plan = c.coverage, s.plan(c.addresses, filepath.ToSlash(root))
	if o := r.Coverage.Outcomes; len(r.Problems) > 0 || o.NotScanned+o.LocalError > 0 {
		r.Status = exposure.Incomplete
	}
	return r
}
