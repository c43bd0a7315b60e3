package audit

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/memsweep/memsweep/exposure"
)

// running makes a server of a process: its sockets say where it listens, its
// options what it asks there.
func running(p *process, users accounts) *server {
	s := &server{options: parseOptions(p.args), version: p.version, reach: p.addresses, inside: p.inside}
	s.process = exposure.Process{
		PID: p.pid, User: p.uid, Root: p.uid == "0", Executable: p.exe, Command: append([]string{p.called}, p.args...),
		Namespace: p.namespace,
	}
	if p.mount { // else its numbers have other names
		s.process.User = users.name(p.uid)
	}
	s.notes = slices.Clone(p.limits)
	if list := s.options.unreadable; len(list) > 0 {
		s.notes = append(s.notes, fmt.Sprintf("Options that are not known here were passed over: %s.", strings.Join(list, ", ")))
	}
	if s.version == "" {
		s.notes = append(s.notes, "Its version was not seen: that stands in its program, which could not be read or does not say.")
	}
	wanted, maybe, err := s.options.listeners(p.version)
	if err != nil {
		s.notes = append(s.notes, fmt.Sprintf("Its options do not go together: %v.", err))
	}
	wanted = append(wanted, maybe...)
	s.evidence = []exposure.Exchange{
		exchange(fmt.Sprintf("/proc/%d/cmdline", p.pid), strings.Join(s.process.Command, " ")),
		exchange(fmt.Sprintf("/proc/%d/status", p.pid), "effective Uid: "+p.uid),
	}
	var table []string
	for _, sock := range p.own(wanted) {
		table = append(table, fmt.Sprintf("%s %s uid %s inode %s", sock.transport, sock.bound, sock.uid, sock.inode))
		s.open(sock, wanted)
	}
	if len(table) > 0 {
		s.evidence = append(s.evidence, exchange(fmt.Sprintf("/proc/%d/net", p.pid), strings.Join(table, "\n")))
	}
	s.unseen(p, wanted)
	s.absent = p.absent
	return s
}

// own are the sockets of a process. Where that is not certain, only those at
// ports that its options ask for are taken.
func (p *process) own(wanted []listener) []socket {
	if p.certain {
		return p.sockets
	}
	return choose(p.sockets, func(s socket) bool {
		return slices.ContainsFunc(wanted, func(l listener) bool { return l.transport == s.transport && l.port == s.bound.Port() })
	})
}

// open takes in a socket; what it asks is in the options that asked for it.
func (s *server) open(sock socket, wanted []listener) {
	l := listener{transport: sock.transport}
	for _, w := range wanted {
		if w.transport == sock.transport && w.port == sock.bound.Port() && (!w.addr.IsValid() || w.addr == sock.bound.Addr()) {
			l = w
			break
		}
	}
	o := opened{transport: sock.transport, bound: sock.bound}
	o.state, o.auth, o.inTLS = s.options.asks(l, s.version)
	s.opened = append(s.opened, o)
}

// unseen: what a process was told to open, where its sockets could not be seen
// at all.
func (s *server) unseen(p *process, wanted []listener) {
	if p.certain || len(s.opened) > 0 {
		return
	}
	for _, w := range wanted {
		if w.addr.IsValid() && w.transport == exposure.TCP {
			at := netip.AddrPortFrom(w.addr, w.port)
			s.opened = append(s.opened, opened{transport: w.transport, bound: at, state: exposure.NotScanned, auth: exposure.AuthUnknown})
		}
	}
}

// absent: no socket of its own is there. Where its own are not known for
// certain, one of somebody else there may be its own.
func (p *process) absent(t exposure.Transport, at netip.AddrPort) exposure.State {
	taken := slices.ContainsFunc(p.table, func(s socket) bool { return s.transport == t && covers(s.bound, at) })
	if p.blind || !p.certain && taken {
		return exposure.NotScanned
	}
	return exposure.Closed
}
