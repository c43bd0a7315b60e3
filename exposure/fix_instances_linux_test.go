package exposure

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// instanceOf is a second server of a host, at port 11311.
func instanceOf(service string) Finding {
	at := func(o Observation) Observation {
		o.Port = 11311
		if service != "" {
			o.Process = &Process{PID: 7, Service: service}
		}
		return o
	}
	return judge(at(tcpSeen(Open)), at(udpSeen(Open)))
}

// refused runs a script that must leave the file, and the server, as they are.
func (s sandbox) refused(file, text, script string) {
	s.t.Helper()
	written(s.t, s.etc(file), text)
	if said, err := s.run(script); err == nil || !strings.Contains(said, "nothing was changed") {
		s.t.Errorf("%q: %v, %s", text, err, said)
	}
	if got := read(s.t, s.etc(file)); got != text {
		s.t.Errorf("%q becomes %q", text, got)
	}
	for _, made := range []string{s.etc(file) + ".before-memsweep", s.etc("systemd"), filepath.Join(s.dir, "called")} {
		if _, err := os.Stat(made); err == nil {
			s.t.Errorf("%q: %s is there", text, made)
		}
	}
}

func TestScriptsLeaveOtherServersAlone(t *testing.T) {
	t.Parallel()
	for system, files := range map[string][]string{
		"debian": {"memcached.conf", "-p 11211\n-l 0.0.0.0\n", "-m 64\n", "#-p 11311\n", "-vl 0.0.0.0\n-p 11311\n"},
		"rhel": {
			"sysconfig/memcached", "PORT=\"11211\"\nOPTIONS=\"-l 0.0.0.0\"\n", "OPTIONS=\"\"\n", "PORT=11311\nOPTIONS=\"-p 11211\"\n",
			"PORT=11311\nOPTIONS=\"-S \\\n -l 0.0.0.0\"\n", "PORT=11311\nOPTIONS=\"-S\"\nOPTIONS=\"-l 0.0.0.0\"\n", "PORT=11311\nOPTIONS=\"-S\n -v\"\n",
			"PORT=11311\nOPTIONS=\"-S -o \\\"x\\\"\"\n", "PORT=11311\nOPTIONS=\"-S\"' -v'\n", "PORT=11311\nOPTIONS=\"-vl 0.0.0.0\"\n",
		},
	} {
		for _, text := range files[1:] {
			for _, list := range allowLists(t)[:2] {
				newSandbox(t, "systemctl", "ss").refused(files[0], text, ready(instanceOf(""), system, list))
			}
		}
	}
}

// TestScriptsFindTheirServer: by the port in the file, the second time too, or
// by the unit that an audit saw.
func TestScriptsFindTheirServer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ system, service, file, before, want, unit string }{
		{"debian", "", "memcached.conf", "-p 11311\n-U 11311\n", "-p 11311\n-U 0\n-l 127.0.0.1\n", "memcached"},
		{"debian", "", "memcached.conf", "-U 11311\n-l 10.0.0.1:11311\n", "-U 0\n-l 127.0.0.1\n", "memcached"},
		{"debian", "memcached@two.service", "memcached_two.conf", "-m 64\n", "-m 64\n-U 0\n-l 127.0.0.1\n", "memcached@two"},
		{"rhel", "", "sysconfig/memcached", "PORT=\"11311\"\nOPTIONS=\"-S\"\n", "PORT=\"11311\"\nOPTIONS=\"-S -U 0 -l 127.0.0.1\"\n", "memcached"},
		{"rhel", "", "sysconfig/memcached", "PORT=11211\n  OPTIONS = '-p 11311 -S'\n", "PORT=11211\nOPTIONS=\"-p 11311 -S -U 0 -l 127.0.0.1\"\n", "memcached"},
		{"rhel", "memcached@11311.service", "sysconfig/memcached.11311", "PORT=11311\n", "PORT=11311\nOPTIONS=\"-U 0 -l 127.0.0.1\"\n", "memcached@11311"},
	} {
		s := newSandbox(t, "systemctl", "ss")
		written(t, s.etc(tt.file), tt.before)
		if got := s.twice(ready(instanceOf(tt.service), tt.system, nil), tt.file); got != tt.want {
			t.Errorf("%s: %q becomes %q, want %q", tt.system, tt.before, got, tt.want)
		}
		if called := read(t, filepath.Join(s.dir, "called")); !strings.Contains(called, "systemctl\nrestart\n"+tt.unit+"\n") {
			t.Errorf("%s: called %q", tt.system, called)
		}
	}
	s := newSandbox(t, "systemctl", "ss")
	written(t, s.etc("sysconfig/memcached"), "OPTIONS=\"-S\"\n")
	if got := s.twice(ready(instanceOf("memcached@11311.service"), "rhel", clients(t, "10.0.0.0/24")), "sysconfig/memcached.11311"); got != "OPTIONS=\"-S -U 0\"\n" {
		t.Errorf("an instance without a file of its own gets %q", got)
	}
	if called := read(t, filepath.Join(s.dir, "called")); strings.Index(called, "restart") < strings.Index(called, "daemon-reload") {
		t.Errorf("it listens before the filter is there: %q", called)
	}
	for _, system := range []string{"debian", "rhel", "systemd"} {
		if file := ready(instanceOf("sessions.service"), system, nil); !strings.Contains(file, "sessions.service.d/exposure.conf") || strings.Contains(file, "memcached.service") {
			t.Errorf("%s of another unit:\n%s", system, file)
		}
	}
}

func TestCSFScriptFindsWhatIsLeft(t *testing.T) {
	t.Parallel()
	s := newSandbox(t, "csf")
	written(t, s.etc("csf/csf.conf"), "TCP_IN = \"22, 11211 , 80\"\nUDP_IN = \" 11211 \"\n")
	if got, want := s.twice(ready(reflecting(), "csf", nil), "csf/csf.conf"), "TCP_IN = \"22, 80\"\nUDP_IN = \"\"\n"; strings.ReplaceAll(got, ", 80", ",80") != strings.ReplaceAll(want, ", 80", ",80") {
		t.Errorf("csf.conf: %q", got)
	}
	for _, ranges := range []string{"TCP_IN = \"22,11000:12000\"\n", "UDP6_IN = \"53, 11211:11212\"\n"} {
		written(t, s.etc("csf/csf.conf"), ranges)
		if said, err := s.run(ready(reflecting(), "csf", nil)); err == nil || !strings.Contains(said, "by a range of ports") {
			t.Errorf("%q: %v, %s", ranges, err, said)
		}
	}
}

// TestSecondFirewallKeepsTheFirst: closing one endpoint leaves what closed
// another one of the same host.
func TestSecondFirewallKeepsTheFirst(t *testing.T) {
	for _, system := range []string{"nftables", "iptables"} {
		t.Run(system, func(t *testing.T) {
			need(t, "iptables-restore", "iptables")
			need(t, "nft", "nftables")
			n, etc := newNetwork(t), t.TempDir()
			first, second, six := reflecting(), instanceOf(""), judgeAt("2001:db8::7", tcpSeen(Open))
			var files []string
			for _, f := range []Finding{first, second, six} {
				fixes := Remedy(&f, system, nil)
				n.load(fixes, etc)
				for _, fix := range fixes {
					if fix.File != "" && !slices.Contains(files, fix.File) {
						files = append(files, fix.File)
					}
				}
			}
			rules := n.rules()
			for _, port := range []string{"udp dport 11211", "tcp dport 11211", "udp dport 11311", "tcp dport 11311"} {
				if iptables := strings.NewReplacer("udp d", "-p udp -m udp --d", "tcp d", "-p tcp -m tcp --d").Replace(port); !strings.Contains(rules, port) && !strings.Contains(rules, iptables) {
					t.Errorf("%s is open again:\n%s", port, rules)
				}
			}
			if len(files) != 3 {
				t.Errorf("files replace each other: %q", files)
			}
		})
	}
}
