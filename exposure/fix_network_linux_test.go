package exposure

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// network is two network namespaces of a test's own, joined by a veth pair: a
// server, and a client with several addresses. No route leads out, and they are
// gone when the test ends.
type network struct {
	t    *testing.T
	name string
}

// The first of each pair is let in, the second is not.
var (
	serverAddrs = []string{"10.9.0.1", "fd09::1"}
	friends     = []string{"10.9.0.2", "fd09::2"}
	strangers   = []string{"10.9.0.130", "fd09::1:2"}
	letIn       = []string{"10.9.0.0/25", "fd09::/112"}
)

func newNetwork(t *testing.T) *network {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: it makes network namespaces")
	}
	need(t, "ip", "iproute2")
	n := &network{t, fmt.Sprintf("mf%d-%.20s", os.Getpid(), strings.ToLower(regexp.MustCompile(`\W`).ReplaceAllString(t.Name(), "")))}
	for _, end := range []string{"s", "c"} {
		if text, err := exec.Command("ip", "netns", "add", n.name+end).CombinedOutput(); err != nil {
			t.Skipf("needs ip netns: %v: %s", err, text)
		}
		t.Cleanup(func() { exec.Command("ip", "netns", "del", n.name+end).Run() })
		runs(t, "ip", "-n", n.name+end, "link", "set", "lo", "up")
	}
	runs(t, "ip", "-n", n.name+"s", "link", "add", "veth0", "type", "veth", "peer", "name", "veth0", "netns", n.name+"c")
	for end, addrs := range map[string][]string{"s": serverAddrs, "c": append(append([]string{}, friends...), strangers...)} {
		runs(t, "ip", "-n", n.name+end, "link", "set", "veth0", "up")
		for _, a := range addrs {
			bits := "24"
			if strings.Contains(a, ":") {
				bits = "64"
			}
			runs(t, "ip", "-n", n.name+end, "address", "add", a+"/"+bits, "dev", "veth0", "nodad")
		}
	}
	return n
}

// server runs a program in the server's namespace.
func (n *network) server(name string, args ...string) string {
	n.t.Helper()
	return runs(n.t, "ip", append([]string{"netns", "exec", n.name + "s", name}, args...)...)
}

// inside runs f on a thread in a namespace: sockets that it opens stay there.
func (n *network) inside(end string, f func()) {
	n.t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		n.t.Fatal(err)
	}
	defer home.Close()
	there, err := os.Open("/var/run/netns/" + n.name + end)
	if err != nil {
		n.t.Fatal(err)
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		n.t.Fatal(err)
	}
	defer func() {
		if err := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); err != nil {
			panic(err) // the thread must not go back to others
		}
	}()
	f()
}

// memcached starts a real one that listens on everything, UDP too.
func (n *network) memcached() {
	n.t.Helper()
	need(n.t, "memcached", "memcached")
	cmd := exec.Command("ip", "netns", "exec", n.name+"s", "memcached", "-u", "nobody", "-p", "11211", "-U", "11211", "-m", "16", "-t", "1")
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for range 500 {
		if n.reaches("udp", friends[1], serverAddrs[1]) && n.reaches("tcp", friends[0], serverAddrs[0]) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	n.t.Fatal("memcached does not answer")
}

// patience is how long an answer that is not to come is waited for.
const patience = 300 * time.Millisecond

// dial opens a connection from one address of the client to the server's port.
func (n *network) dial(network, from, to string, port uint16) (c net.Conn, err error) {
	n.inside("c", func() {
		local, at := netip.AddrPortFrom(netip.MustParseAddr(from), 0), netip.AddrPortFrom(netip.MustParseAddr(to), port)
		d := net.Dialer{Timeout: patience, LocalAddr: net.TCPAddrFromAddrPort(local)}
		if network == "udp" {
			d.LocalAddr = net.UDPAddrFromAddrPort(local)
		}
		c, err = d.Dial(network, at.String())
	})
	return c, err
}

// asks puts the question for the version, and reports whether it is answered.
func asks(network string, c net.Conn) bool {
	question := []byte("version\r\n")
	if network == "udp" {
		question = append([]byte{0x5e, 0xed, 0, 0, 0, 1, 0, 0}, question...) // one datagram: doc/protocol.txt
	}
	c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write(question); err != nil {
		return false
	}
	reply := make([]byte, 1500)
	k, err := c.Read(reply)
	return err == nil && bytes.Contains(reply[:k], []byte("VERSION "))
}

func (n *network) reaches(network, from, to string) bool {
	c, err := n.dial(network, from, to, 11211)
	if err != nil {
		return false
	}
	defer c.Close()
	return asks(network, c)
}

// load runs the lines of a remedy as they stand, but for /etc.
func (n *network) load(fixes []Fix, etc string) {
	n.t.Helper()
	here := func(text string) string { return strings.ReplaceAll(text, "/etc/", etc+"/") }
	for _, fix := range fixes[:len(fixes)-1] { // the last keeps it over a reboot
		if fix.File != "" {
			written(n.t, here(fix.File), strings.Join(fix.Lines, "\n")+"\n")
			continue
		}
		n.server("sh", "-ec", here(strings.Join(fix.Lines, "\n")))
	}
}

// TestFirewallsHold loads what is said of a real memcached that everyone can
// reach: those who are let in still reach it, all others do not.
func TestFirewallsHold(t *testing.T) {
	for _, system := range []string{"nftables", "iptables"} {
		t.Run(system, func(t *testing.T) {
			t.Parallel()
			need(t, "iptables-restore", "iptables")
			need(t, "nft", "nftables")
			n := newNetwork(t)
			n.memcached()
			var ssh net.Listener
			n.inside("s", func() {
				var err error
				if ssh, err = net.Listen("tcp", "10.9.0.1:22"); err != nil {
					t.Fatal(err)
				}
			})
			t.Cleanup(func() { ssh.Close() })
			early, err := n.dial("tcp", strangers[0], serverAddrs[0], 11211)
			if err != nil || !asks("tcp", early) {
				t.Fatalf("a stranger cannot get in before: %v", err)
			}
			defer early.Close()

			f := judgeAt(serverAddrs[0], tcpSeen(Open).but(func(o *Observation) { o.Settings = &Settings{Inter: ptr("NULL")} }), udpSeen(Open))
			fixes, etc := Remedy(&f, system, clients(t, letIn...)), t.TempDir()
			n.load(fixes, etc)
			rules := n.rules()
			n.load(fixes, etc)
			if again := n.rules(); again != rules {
				t.Errorf("loaded again, it is not the same:\n%s\n%s", rules, again)
			}

			for i, at := range serverAddrs {
				for _, network := range []string{"tcp", "udp"} {
					if !n.reaches(network, friends[i], at) {
						t.Errorf("%s is let in and does not reach %s over %s", friends[i], at, network)
					}
					if n.reaches(network, strangers[i], at) {
						t.Errorf("%s is not let in and reaches %s over %s", strangers[i], at, network)
					}
				}
			}
			if !asks("tcp", early) {
				t.Error("a connection that was open is cut")
			}
			if c, err := n.dial("tcp", strangers[0], serverAddrs[0], 22); err != nil {
				t.Errorf("SSH is shut: %v", err)
			} else {
				c.Close()
			}
			n.inside("s", func() {
				for _, to := range []string{"127.0.0.1", "[::1]", serverAddrs[0]} {
					c, err := net.DialTimeout("tcp", to+":11211", patience)
					if err != nil || !asks("tcp", c) {
						t.Errorf("the host itself does not reach %s: %v", to, err)
						continue
					}
					c.Close()
				}
			})
		})
	}
}

// counters are what differs between two listings of the same rules.
var counters = regexp.MustCompile(`(?m)^#.*\n|\[\d+:\d+\]|counter packets \d+ bytes \d+`)

// rules lists all that the server's namespace has.
func (n *network) rules() string {
	var all strings.Builder
	for _, command := range []string{"nft list ruleset", "iptables-save", "ip6tables-save"} {
		words := strings.Fields(command)
		all.WriteString(counters.ReplaceAllString(n.server(words[0], words[1:]...), ""))
	}
	return all.String()
}

// TestNftablesStays: the line that keeps it over a reboot is added once.
func TestNftablesStays(t *testing.T) {
	t.Parallel()
	f := reflecting()
	fixes := Remedy(&f, "nftables", nil)
	keep := fixes[len(fixes)-1]
	s := newSandbox(t)
	written(t, s.etc("nftables.conf"), "#!/usr/sbin/nft -f\nflush ruleset")
	got := s.twice("set -e\n"+strings.Join(keep.Lines, "\n"), "nftables.conf")
	if want := `include "` + filepath.Join(s.dir, "etc/nftables.d/memcached-tcp-11211-udp-11211.nft") + `"`; strings.Count(got, want) != 1 {
		t.Errorf("%q is not there once:\n%s", want, got)
	}
}
