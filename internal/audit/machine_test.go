//go:build unix

package audit

import (
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/memsweep/memsweep/exposure"
)

// pretend is a machine made of files: a proc of its own, and a tree.
type pretend struct {
	proc, tree files
	rules      firewall
}

const ownNet = "net:[1]"

// newPretend has an address 192.0.2.2, a process 1 that is no memcached, and
// the audit itself as process 2.
func newPretend() *pretend {
	m := &pretend{proc: files{"self": "-> 2"}, tree: files{"etc/passwd": passwd, programAt: program}}
	m.run(1, "init", "init")
	m.run(2, "memsweep", "memsweep audit")
	return m
}

// run adds a process of user 104, with these sockets, each "tcp 0100007F:2BCB".
func (m *pretend) run(pid int, comm, cmdline string, sockets ...string) {
	at := func(name string) string { return fmt.Sprintf("%d/%s", pid, name) }
	m.proc[at("comm")] = comm + "\n"
	m.proc[at("cmdline")] = strings.ReplaceAll(cmdline, " ", "\x00") + "\x00"
	m.proc[at("status")] = "Name:\tx\nState:\tS (sleeping)\nUid:\t104\t104\t104\t104\nNSpid:\t" + fmt.Sprint(pid) + "\t7\n"
	m.proc[at("cgroup")] = "0::/system.slice/memcached.service\n"
	m.proc[at("ns/net")] = "-> " + ownNet
	m.proc[at("ns/mnt")] = "-> mnt:[1]"
	m.proc[at("fd/0")] = "-> /dev/null"
	m.proc[at("exe")] = "-> /usr/bin/" + comm
	m.proc[at("net/fib_trie")] = strings.ReplaceAll(trie, "198.18.0.0\n        /15", "198.18.0.0\n        /x")
	m.proc[at("net/if_inet6")] = "fe8000000000000000fc00fffe000001 04 40 20 80     eth0\n"
	for _, table := range []string{"tcp", "udp", "tcp6", "udp6"} {
		if m.proc[at("net/"+table)] == "" {
			m.proc[at("net/"+table)] = heading
		}
	}
	for i, s := range sockets {
		table, local, _ := strings.Cut(s, " ")
		state := map[bool]string{true: stateListen, false: stateClose}[strings.HasPrefix(table, "tcp")]
		inode := fmt.Sprint(pid*100 + i)
		entry := strings.ReplaceAll(line(local, state), "25184", inode)
		m.proc[at("net/"+table)] += entry
		m.proc["2/net/"+table] += entry
		m.proc[at("fd/"+fmt.Sprint(10+i))] = "-> socket:[" + inode + "]"
	}
}

// without takes files of proc away, as for one who may not see them.
func (m *pretend) without(prefix string) *pretend {
	for name := range m.proc {
		if strings.HasPrefix(name, prefix) {
			delete(m.proc, name)
		}
	}
	return m
}

func (m *pretend) audit(t *testing.T) (Report, string) {
	t.Helper()
	root, dir := t.TempDir(), t.TempDir()
	for _, name := range []string{"812/exe", "813/exe"} {
		if m.proc[name] != "" {
			m.proc[name] = "-> " + filepath.Join(root, programAt)
		}
	}
	m.tree.write(t, root)
	m.proc.write(t, dir)
	tr, err := openTree(root)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.close()
	s := newSurvey(tr)
	if err := s.machine(t.Context(), proc{dir, binary.LittleEndian}, func(context.Context) firewall { return m.rules }); err != nil {
		t.Fatal(err)
	}
	r := s.report("")
	return r, summary(t, r)
}

const (
	everyTCP = "tcp 00000000:2BCB"
	everyUDP = "udp 00000000:2BCB"
	localTCP = "tcp 0100007F:2BCB"
	every6   = "tcp6 00000000000000000000000000000000:2BCB"
)

func TestMachines(t *testing.T) {
	t.Parallel()
	const outside = "tcp 192.0.2.2:11211 open"
	for name, tt := range map[string]struct {
		make func(*pretend)
		want string
		says string // somewhere in the report
	}{
		"nothing runs": {func(*pretend) {}, "complete", ""},
		"every address": {func(m *pretend) { m.run(812, "memcached", "memcached -u memcache", everyTCP, every6) },
			outside + ", tcp [fe80::fc:ff:fe00:1]:11211 open, complete", `"memcache"`},
		"and UDP":        {func(m *pretend) { m.run(812, "memcached", "memcached -U 11211", everyTCP, everyUDP) }, outside + ", udp 192.0.2.2:11211 open, complete", ""},
		"loopback":       {func(m *pretend) { m.run(812, "memcached", "memcached -l 127.0.0.1", localTCP) }, "tcp 127.0.0.1:11211 open, complete", ""},
		"a clone's name": {func(m *pretend) { m.run(812, "memcached-debug", "cache", everyTCP) }, outside + ", complete", ""},
		"credentials":    {func(m *pretend) { m.run(812, "memcached", "memcached -Y /f", everyTCP) }, "tcp 192.0.2.2:11211 auth_required, complete", ""},
		"root": {func(m *pretend) {
			m.run(812, "memcached", "memcached -u root", everyTCP)
			m.proc["812/status"] = "State:\tS (sleeping)\nUid:\t104\t0\t104\t104\n"
		}, outside + " root, complete", ""},
		"Unix socket": {func(m *pretend) { m.run(812, "memcached", "memcached -s /run/m.sock") }, "complete", "listens on the Unix socket /run/m.sock only"},
		"a zombie": {func(m *pretend) {
			m.run(812, "memcached", "memcached", everyTCP)
			m.proc["812/status"] = "State:\tZ (zombie)\nUid:\t104\t104\n"
		}, "tcp 192.0.2.2:11211 not_asked", ""},
		"its script": {func(m *pretend) { m.run(9, "memcached", "/bin/sh memcached"); m.proc["9/exe"] = "-> /bin/dash" }, "complete", ""},
		"another's sockets may not be seen": {func(m *pretend) { m.run(812, "memcached", "memcached", everyTCP); m.without("812/fd") },
			outside + ", incomplete", "could not be seen without root"},
		"nor its namespace": {func(m *pretend) {
			m.run(812, "memcached", "memcached", everyTCP)
			m.without("812/fd").without("812/ns")
		},
			outside + ", incomplete", `"another"`},
		"nor any table": {func(m *pretend) {
			m.run(812, "memcached", "memcached -l 192.0.2.2", everyTCP)
			m.without("812/net/tcp").without("812/fd").without("2/net/tcp")
		}, "tcp 192.0.2.2:11211 not_scanned, udp 192.0.2.2:11211 not_scanned, incomplete", "could not be read"},
		"and UDP may be its own": {func(m *pretend) {
			m.run(812, "memcached", "memcached -l 192.0.2.2", "tcp 020200C0:2BCB")
			m.run(9, "dns", "dns", everyUDP)
			m.without("812/fd").proc["812/net/udp"] = m.proc["2/net/udp"]
		}, outside + ", udp 192.0.2.2:11211 not_scanned, incomplete", ""},
		"hidden": {func(m *pretend) { m.without("1/") }, "incomplete", "hidepid"},
		"a stranger at its port": {func(m *pretend) { m.run(9, "docker-proxy", "docker-proxy", everyTCP) },
			"incomplete", "PID 9 (docker-proxy) listens at tcp 0.0.0.0:11211"},
		"a stranger on loopback": {func(m *pretend) { m.run(9, "proxy", "proxy", localTCP) }, "complete", ""},
		"a container": {func(m *pretend) {
			m.run(812, "memcached", "memcached", everyTCP)
			m.proc["2/net/tcp"] = heading
			m.proc["812/ns/net"], m.proc["812/ns/mnt"], m.proc["812/cgroup"] = "-> net:[9]", "-> mnt:[9]", "0::/docker/abc\n"
			m.proc["812/net/fib_trie"] = strings.ReplaceAll(m.proc["812/net/fib_trie"], "192.0.2.2", "172.17.0.2")
		}, "tcp 172.17.0.2:11211 open, complete", "files of its own"},
		"two at one address": {func(m *pretend) {
			m.run(812, "memcached", "memcached", everyTCP)
			m.run(813, "memcached", "memcached -S", everyTCP)
			m.proc["813/ns/net"] = "-> net:[9]"
		}, outside + ", tcp 192.0.2.2:11211 auth_required, complete", "net:[9]"},
		"a start would expose it": {func(m *pretend) { m.tree[unitAt], m.tree[confAt] = debianUnit, "-u memcache -l 192.0.2.2" },
			"tcp 192.0.2.2:11211 closed, udp 192.0.2.2:11211 closed, complete", "listen on 192.0.2.2, TCP port 11211, without credentials"},
		"a start would not": {func(m *pretend) { m.tree[unitAt], m.tree[confAt] = debianUnit, "-u memcache -l 127.0.0.1" },
			"complete", "memcached.service does not run; a start would expose nothing"},
		"a restart of a unit of another name would expose it": {func(m *pretend) {
			m.run(812, "memcached", "memcached -l 127.0.0.1", localTCP)
			m.proc["812/cgroup"] = "0::/system.slice/sessions.service\n"
			m.tree["etc/systemd/system/sessions.service"] = "[Service]\nExecStart=/usr/bin/memcached -u memcache -l 192.0.2.2\n"
		}, "tcp 127.0.0.1:11211 open, complete", "listen on 192.0.2.2, TCP port 11211, without credentials"},
		"a start of a unit of another name would expose it": {func(m *pretend) {
			m.tree["etc/systemd/system/sessions.service"] = "[Service]\nExecStart=/usr/bin/memcached -u memcache -l 192.0.2.2\n"
		}, "tcp 192.0.2.2:11211 closed, udp 192.0.2.2:11211 closed, complete", "listen on 192.0.2.2, TCP port 11211, without credentials"},
		"a unit that starts another program": {func(m *pretend) {
			m.run(812, "memcached", "memcached -l 127.0.0.1", localTCP)
			m.proc["812/cgroup"] = "0::/system.slice/cron.service\n"
			m.tree["etc/systemd/system/cron.service"] = "[Service]\nExecStart=/usr/sbin/cron\n"
			m.tree[unitAt], m.tree[confAt] = debianUnit, "-u memcache -l 192.0.2.2"
		}, "tcp 127.0.0.1:11211 open, complete", "held against memcached.service because of its port"},
		"a restart would take it off the socket": {func(m *pretend) {
			m.run(812, "memcached", "memcached -s /run/m.sock")
			m.tree[unitAt], m.tree[confAt] = debianUnit, "-u memcache"
		}, "complete", "listen on every address"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newPretend()
			tt.make(m)
			r, got := m.audit(t)
			if name == "a zombie" { // its sockets are nobody's
				tt.want = "incomplete"
			}
			if got != tt.want {
				t.Errorf("got %s\nwant %s\n%q", got, tt.want, r.Problems)
			}
			if all := fmt.Sprintf("%q", everything(r)); !strings.Contains(all, tt.says) && !strings.Contains(all, strings.Trim(tt.says, `"`)) {
				t.Errorf("%s is not said in\n%s", tt.says, all)
			}
		})
	}
}

// everything that a report says in words.
func everything(r Report) (all []string) {
	all = append(append(all, r.Detail...), r.Problems...)
	for _, h := range r.Hosts {
		f := exposure.Judge(h, exposure.Vantage{Name: "local", Trust: exposure.Trusted})
		all = append(all, f.Reasons...)
		for _, o := range h.Observations {
			all = append(append(all, o.Notes...), o.Process.User, o.Process.Namespace)
		}
	}
	return all
}

// TestDrift: what a restart would change, and in which direction.
func TestDrift(t *testing.T) {
	t.Parallel()
	const open4, opens = "listen on every IPv4 address, TCP port 11211, without credentials", "listen on every address, TCP port 11211, without credentials"
	for name, tt := range map[string]struct {
		running       string
		sockets       []string
		conf          string
		worse, better []string
	}{
		"the same":            {"-u memcache", []string{everyTCP, every6}, "-u memcache", nil, nil},
		"the same, elsewhere": {"-l 127.0.0.1", []string{localTCP}, "-u memcache -l ::1", nil, nil},
		"opened":              {"-l 127.0.0.1", []string{localTCP}, "-u memcache", []string{opens}, nil},
		"closed":              {"-l 0.0.0.0", []string{everyTCP}, "-u memcache -l 127.0.0.1", nil, []string{"listen no more on " + strings.TrimPrefix(open4, "listen on ")}},
		"narrowed":            {"-l 0.0.0.0", []string{everyTCP}, "-u memcache -l 192.0.2.2", nil, nil},
		"UDP":                 {"-l 0.0.0.0", []string{everyTCP}, "-u memcache -l 0.0.0.0 -U 11211", []string{"listen on every IPv4 address, UDP port 11211, without credentials"}, nil},
		"credentials":         {"-l 0.0.0.0", []string{everyTCP}, "-u memcache -l 0.0.0.0 -S", nil, []string{"ask for more on every IPv4 address, TCP port 11211, with credentials"}},
		"no credentials":      {"-S -l 0.0.0.0", []string{everyTCP}, "-u memcache -l 0.0.0.0", []string{"ask for less on every IPv4 address, TCP port 11211, without credentials"}, nil},
		"TLS":                 {"-l 0.0.0.0", []string{everyTCP}, "-u memcache -Z -l 0.0.0.0", nil, []string{"ask for more on every IPv4 address, TCP port 11211, in TLS, without credentials"}},
		"root":                {"-l 127.0.0.1", []string{localTCP}, "-u root -l 127.0.0.1", []string{"run as root"}, nil},
	} {
		m := newPretend()
		m.run(812, "memcached", "memcached "+tt.running, tt.sockets...)
		m.tree[unitAt], m.tree[confAt] = debianUnit, tt.conf
		r, _ := m.audit(t)
		d := r.Hosts[0].Observations[0].Process.Drift
		if d == nil {
			d = &exposure.Drift{}
		}
		if fmt.Sprint(d.Worse) != fmt.Sprint(tt.worse) || fmt.Sprint(d.Better) != fmt.Sprint(tt.better) {
			t.Errorf("%s: worse %q, better %q", name, d.Worse, d.Better)
		}
	}
}
