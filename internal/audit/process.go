package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// process is a memcached that runs.
type process struct {
	pid       int
	name      string // comm, at most 15 bytes
	exe       string // "" where it may not be seen
	called    string // its first argument: what it was started as
	args      []string
	uid       string // effective
	unit      string // of its control group, "" for none
	namespace string // of its network, "" for the audit's own
	mount     bool   // it has the audit's own files
	version   string
	addresses interfaces
	inside    uint64   // its PID in its own PID namespace, as it reports it itself
	table     []socket // all of its network
	sockets   []socket
	// certain: the sockets are known to be its own. Without the right to look
	// at its descriptors, those of its user at its ports are taken.
	certain bool
	blind   bool     // not even the table could be read
	limits  []string // what could not be seen
}

func (p *process) limit(format string, args ...any) {
	p.limits = append(p.limits, fmt.Sprintf(format, args...))
}

func (p *process) describe() string { return fmt.Sprintf("PID %d (%s)", p.pid, p.name) }

// memcacheds finds the processes that are memcached by their name, their
// program or their first argument. One that ends meanwhile is passed over.
func (p proc) memcacheds() ([]*process, error) {
	pids, err := p.pids()
	if err != nil {
		return nil, err
	}
	var list []*process
	for _, pid := range pids {
		found, err := p.look(pid)
		switch {
		case errors.Is(err, fs.ErrNotExist) || found == nil:
		case err != nil:
			return nil, err
		default:
			list = append(list, found)
		}
	}
	return list, nil
}

// look reads one process; nil when it is not memcached.
func (p proc) look(pid int) (*process, error) {
	comm, err := p.read(pid, "comm")
	if err != nil {
		return nil, nil // it ended, or is hidden
	}
	cmdline, err := p.read(pid, "cmdline")
	if err != nil {
		return nil, nil
	}
	f := &process{pid: pid, name: strings.TrimSpace(comm), exe: strings.TrimSuffix(p.link(pid, "exe"), " (deleted)")}
	if cmdline != "" {
		f.args = strings.Split(strings.TrimSuffix(cmdline, "\x00"), "\x00")
	}
	if len(f.args) > 0 {
		f.called, f.args = f.args[0], f.args[1:]
	}
	if !slices.ContainsFunc([]string{f.name, f.exe, f.called}, isMemcached) || interpreter(f.exe) {
		return nil, nil // an interpreter runs a wrapper, which may become memcached in a moment
	}
	if f.exe == "" {
		f.limit("Its program could not be seen; it was started as %s.", f.called)
	}
	state, err := p.status(f)
	if err != nil || state == "Z" {
		return nil, nil
	}
	p.surround(f)
	return f, nil
}

// interpreter reports whether a program runs scripts.
func interpreter(exe string) bool {
	base := filepath.Base(exe)
	return slices.ContainsFunc([]string{"sh", "bash", "dash", "busybox", "perl", "python", "ruby"}, func(n string) bool {
		rest, ok := strings.CutPrefix(base, n)
		return ok && strings.Trim(rest, "0123456789.") == ""
	})
}

// status reads who a process is.
func (p proc) status(f *process) (state string, err error) {
	text, err := p.read(f.pid, "status")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, ":")
		switch fields := strings.Fields(value); {
		case name == "State" && len(fields) > 0:
			state = fields[0]
		case name == "NSpid" && len(fields) > 0:
			f.inside, _ = strconv.ParseUint(fields[len(fields)-1], 10, 64)
		case name == "Uid" && len(fields) >= 2:
			f.uid = fields[1] // real, effective, saved, file system
		}
	}
	return state, nil
}

// surround reads what a process lives in: namespaces, control group, sockets.
func (p proc) surround(f *process) {
	f.namespace = p.otherNetwork(f.pid)
	own, its := p.link("self", "ns", "mnt"), p.link(f.pid, "ns", "mnt")
	f.mount = own == its || its == "" && f.namespace == ""
	if groups, err := p.read(f.pid, "cgroup"); err == nil {
		f.unit = unitOf(groups)
	}
	f.version = versionOf(filepath.Join(p.dir, strconv.Itoa(f.pid), "exe"))
	p.interfacesOf(f.pid, f)
	p.sockets(f)
}

// interfacesOf reads the addresses of the network of a process, by its number
// or "self".
func (p proc) interfacesOf(pid any, f *process) {
	trie, err := p.read(pid, "net", "fib_trie")
	if err != nil {
		f.limit("The IPv4 addresses could not be read: %v.", err)
	}
	six, err := p.read(pid, "net", "if_inet6")
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // no IPv6 at all
		f.limit("The IPv6 addresses could not be read: %v.", err)
	}
	addrs, ranges := parseFibTrie(trie)
	f.addresses = sortOut(append(addrs, parseIfInet6(six)...), ranges)
}

// sockets finds those of one process.
func (p proc) sockets(f *process) {
	var err error
	if f.table, err = p.waiting(f.pid); err != nil {
		f.blind = true
		f.limit("Its sockets could not be read: %v.", err)
		return
	}
	if own, err := p.inodes(f.pid); err == nil {
		f.certain = true
		f.sockets = choose(f.table, func(s socket) bool { return own[s.inode] })
		return
	}
	f.sockets = choose(f.table, func(s socket) bool { return s.uid == f.uid })
	f.limit("Which sockets are its own could not be seen without root: those of its user at its ports were taken.")
}

func choose(all []socket, wanted func(socket) bool) []socket {
	var list []socket
	for _, s := range all {
		if wanted(s) {
			list = append(list, s)
		}
	}
	return list
}
