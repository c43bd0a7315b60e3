package exposure

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// need skips a test for want of a program, and says where it comes from.
func need(t *testing.T, program, pack string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is not installed (Debian: apt-get install %s)", program, pack)
	}
}

// runs runs a program to its end, and returns what it said.
func runs(t *testing.T, name string, args ...string) string {
	t.Helper()
	text, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, text)
	}
	return string(text)
}

// written puts text into a file and returns its path.
func written(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// allowLists are those that the real tools are tried with.
func allowLists(t *testing.T) [][]netip.Prefix {
	return [][]netip.Prefix{
		nil, clients(t, "10.0.0.0/24"), clients(t, "fd00::/64"),
		clients(t, "10.0.0.0/24", "10.0.0.7", "10.0.2.0/23", "192.0.2.1", "fd00::/64", "2001:db8::/32"),
	}
}

// exposures are what they are tried on.
func exposures() []Finding {
	elsewhere := tcpSeen(Open).but(func(o *Observation) {
		o.Settings = &Settings{UDPPort: ptr(uint64(11311)), Inter: ptr("NULL")}
	})
	return []Finding{
		reflecting(), judge(tcpSeen(Open)), judge(udpSeen(Open)), judge(elsewhere), judgeAt("2001:db8::7", tcpSeen(Open), udpSeen(Open)),
		judge(tcpSeen(Open).but(func(o *Observation) { o.Product = "mcrouter" })),
	}
}

func TestFirewallsLoad(t *testing.T) {
	n := newNetwork(t)
	need(t, "iptables-restore", "iptables")
	need(t, "nft", "nftables")
	for _, f := range exposures() {
		for _, list := range allowLists(t) {
			rules := written(t, filepath.Join(t.TempDir(), "rules"), ready(f, "iptables", list))
			n.server("iptables-restore", "--test", rules)
			n.server("ip6tables-restore", "--test", rules)
			n.server("iptables-restore", "--noflush", "--test", rules)
			n.server("nft", "-c", "-f", written(t, filepath.Join(t.TempDir(), "rules.nft"), ready(f, "nftables", list)))
		}
	}
}

func TestSystemdTakesTheDropIn(t *testing.T) {
	t.Parallel()
	need(t, "systemd-analyze", "systemd")
	for _, f := range exposures() {
		for _, list := range allowLists(t) {
			file := ready(f, "systemd", list)
			if file == "" {
				continue // not memcached itself
			}
			units := t.TempDir()
			unit := written(t, filepath.Join(units, "memcached.service"), "[Service]\nExecStart=/bin/true\n")
			written(t, unit+".d/exposure.conf", file)
			if said := runs(t, "systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit); said != "" {
				t.Errorf("it complains: %s\n%s", said, file)
			}
		}
	}
}

// sandbox is a folder that stands for /etc, with programs that only note that
// they were called.
type sandbox struct {
	t         *testing.T
	dir, path string
}

func newSandbox(t *testing.T, programs ...string) sandbox {
	s := sandbox{t, t.TempDir(), ""}
	for _, program := range programs {
		note := written(s.t, filepath.Join(s.dir, "bin", program), "#!/bin/sh\nprintf '%s\\n' \"${0##*/}\" \"$@\" >>"+s.dir+"/called\n")
		if err := os.Chmod(note, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s.path = "PATH=" + filepath.Join(s.dir, "bin") + ":" + os.Getenv("PATH")
	return s
}

func (s sandbox) etc(name string) string { return filepath.Join(s.dir, "etc", name) }

// run runs a ready file there.
func (s sandbox) run(file string, env ...string) (string, error) {
	script := written(s.t, filepath.Join(s.dir, "script"), strings.ReplaceAll(file, "/etc/", s.dir+"/etc/"))
	cmd := exec.Command("sh", script)
	cmd.Env = append(append(os.Environ(), s.path), env...)
	text, err := cmd.CombinedOutput()
	return string(text), err
}

// twice runs a ready file two times: the second must change nothing.
func (s sandbox) twice(file, changed string) string {
	s.t.Helper()
	var first string
	for range 2 {
		if said, err := s.run(file); err != nil {
			s.t.Fatalf("%v: %s\n%s", err, said, file)
		}
		if first == "" {
			first = read(s.t, s.etc(changed))
		}
	}
	if again := read(s.t, s.etc(changed)); again != first {
		s.t.Errorf("the second time made %q of %q", again, first)
	}
	return first
}

func TestDebianScript(t *testing.T) {
	t.Parallel()
	stock := "# memcached\n-d\nlogfile /var/log/memcached.log\n# -l is where it listens\n-m 64\n-p 11211\n-u memcache\n-l 127.0.0.1\n"
	for _, tt := range []struct{ before, closed, withClients string }{
		{stock, strings.Replace(stock, "-l 127.0.0.1\n", "-U 0\n-l 127.0.0.1\n", 1), stock + "-U 0\n"},
		{"-m 64 -U 11211 -l 0.0.0.0 -c 9\n", "-m 64 -c 9\n-U 0\n-l 127.0.0.1\n", "-m 64 -l 0.0.0.0 -c 9\n-U 0\n"},
		{"-U11211 -l10.0.0.1\n\n-m 64", "\n-m 64\n-U 0\n-l 127.0.0.1\n", " -l10.0.0.1\n\n-m 64\n-U 0\n"},
		{"--udp-port=11211\n--listen 10.0.0.1\n", "-U 0\n-l 127.0.0.1\n", "--listen 10.0.0.1\n-U 0\n"},
		{"  -U 1 -U 2\n-l ::1 # IPv6\n", "# IPv6\n", "-l ::1 # IPv6\n"},
		{"", "-U 0\n-l 127.0.0.1\n", "-U 0\n"},
	} {
		s := newSandbox(t, "systemctl", "ss")
		written(t, s.etc("memcached.conf"), tt.before)
		if got := s.twice(ready(reflecting(), "debian", nil), "memcached.conf"); !strings.Contains(got, tt.closed) {
			t.Errorf("%q becomes %q, want %q", tt.before, got, tt.closed)
		}
		if kept := read(t, s.etc("memcached.conf.before-memsweep")); kept != tt.before {
			t.Errorf("%q was kept as %q", tt.before, kept)
		}
		written(t, s.etc("memcached.conf"), tt.before)
		if got := s.twice(ready(reflecting(), "debian", clients(t, "10.0.0.0/24")), "memcached.conf"); !strings.Contains(got, tt.withClients) {
			t.Errorf("with clients, %q becomes %q, want %q", tt.before, got, tt.withClients)
		}
		if drop := read(t, s.etc("systemd/system/memcached.service.d/exposure.conf")); !strings.Contains(drop, "\nIPAddressAllow=10.0.0.0/24\n") {
			t.Errorf("drop-in: %q", drop)
		}
		if called := read(t, filepath.Join(s.dir, "called")); !strings.Contains(called, "systemctl\nrestart\nmemcached\nss\n-lntup\nsport = :11211\n") || !strings.Contains(called, "daemon-reload") {
			t.Errorf("called: %q", called)
		}
	}
	s := newSandbox(t, "systemctl", "ss")
	if said, err := s.run(ready(reflecting(), "debian", nil)); err == nil {
		t.Errorf("without its file, it goes on: %s", said)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "called")); err == nil {
		t.Error("without its file, it restarts memcached, which then listens everywhere as root")
	}
}

func TestRHELScript(t *testing.T) {
	t.Parallel()
	head := "PORT=\"11211\"\nUSER=\"memcached\"\n"
	for before, want := range map[string]string{
		`OPTIONS=""`:                          `OPTIONS="-U 0 -l 127.0.0.1"`,
		`OPTIONS="-l 127.0.0.1,::1"`:          `OPTIONS="-U 0 -l 127.0.0.1"`,
		`OPTIONS='-U 11211 -t 4 -l 0.0.0.0'`:  `OPTIONS="-t 4 -U 0 -l 127.0.0.1"`,
		`OPTIONS="-t 4 --listen=eth0 -o x=1"`: `OPTIONS="-t 4 -o x=1 -U 0 -l 127.0.0.1"`,
		`OPTIONS=-v`:                          `OPTIONS="-v -U 0 -l 127.0.0.1"`,
		`OPTIONS= `:                           `OPTIONS="-U 0 -l 127.0.0.1"`,
		`#OPTIONS="-l 0.0.0.0"`:               "#OPTIONS=\"-l 0.0.0.0\"\nOPTIONS=\"-U 0 -l 127.0.0.1\"",
		"":                                    `OPTIONS="-U 0 -l 127.0.0.1"`,
	} {
		for _, end := range []string{"\n", ""} {
			s := newSandbox(t, "systemctl", "ss")
			written(t, s.etc("sysconfig/memcached"), head+before+end)
			got := s.twice(ready(reflecting(), "rhel", nil), "sysconfig/memcached")
			if strings.TrimSuffix(strings.ReplaceAll(got, "\n\n", "\n"), "\n") != head+want {
				t.Errorf("%q becomes %q, want %q", before+end, got, head+want)
			}
		}
	}
}

func TestCSFScript(t *testing.T) {
	t.Parallel()
	s := newSandbox(t, "csf")
	written(t, s.etc("csf/csf.conf"), "TCP_IN = \"22,11211,80,11211\"\nTCP6_IN = \"11211\"\nUDP_IN = \"11211,53\"\nTCP_OUT = \"11211\"\nUDP6_IN = \"111211\"\n")
	written(t, s.etc("csf/csf.allow"), "# mine")
	got := s.twice(ready(reflecting(), "csf", clients(t, "10.0.0.0/24", "fd00::/64")), "csf/csf.conf")
	if want := "TCP_IN = \"22,80\"\nTCP6_IN = \"\"\nUDP_IN = \"53\"\nTCP_OUT = \"11211\"\nUDP6_IN = \"111211\"\n"; got != want {
		t.Errorf("csf.conf:\n%s", got)
	}
	allow := read(t, s.etc("csf/csf.allow"))
	for _, rule := range []string{"udp|in|d=11211|s=10.0.0.0/24", "tcp|in|d=11211|s=10.0.0.0/24", "tcp|in|d=11211|s=fd00::/64"} {
		if strings.Count(allow, "\n"+rule+"\n") != 1 {
			t.Errorf("%q is not there once:\n%s", rule, allow)
		}
	}
}

// TestAWSScript: the shell makes the words of it that aws expects, and without
// a group to change it changes none.
func TestAWSScript(t *testing.T) {
	t.Parallel()
	s := newSandbox(t, "aws")
	file := ready(reflecting(), "aws-sg", clients(t, "10.0.0.0/24", "fd00::/64"))
	called := filepath.Join(s.dir, "called")
	if said, err := s.run(file, "SG="); err == nil || !strings.Contains(said, "write the security group to change into SG") || strings.Contains(read(t, called), "revoke") {
		t.Fatalf("without SG: %v, %s", err, said)
	}
	if said, err := s.run(file, "SG=sg-1 2"); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	words := read(t, called)
	for _, want := range []string{
		"aws\nec2\nauthorize-security-group-ingress\n--group-id\nsg-1 2\n--ip-permissions\nIpProtocol=tcp,FromPort=11211,ToPort=11211,Ipv6Ranges=[{CidrIpv6=fd00::/64}]\naws\n",
		"aws\nec2\nrevoke-security-group-ingress\n--group-id\nsg-1 2\n--ip-permissions\nIpProtocol=udp,FromPort=11211,ToPort=11211,IpRanges=[{CidrIp=0.0.0.0/0}]\naws\n",
	} {
		if !strings.Contains(words, want) {
			t.Errorf("%q is missing in\n%s", want, words)
		}
	}
	if strings.Index(words, "revoke") < strings.LastIndex(words, "authorize") {
		t.Error("clients lose access before they are given it")
	}
}

// TestScriptsAreShell: all of them, on everything, as far as sh can tell.
func TestScriptsAreShell(t *testing.T) {
	t.Parallel()
	for _, system := range []string{"debian", "rhel", "csf", "aws-sg"} {
		for _, f := range exposures() {
			for _, list := range allowLists(t) {
				if file := ready(f, system, list); file != "" {
					runs(t, "sh", "-n", written(t, filepath.Join(t.TempDir(), "script"), file))
				}
			}
		}
	}
}
