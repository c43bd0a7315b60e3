//go:build linux

package raw

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// network is a few network namespaces of a test's own, from which no route
// leads out. They are gone when it ends.
type network struct {
	t      *testing.T
	prefix string
}

// newNetwork makes namespaces; a test without the right to is skipped.
func newNetwork(t *testing.T, names ...string) *network {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: it makes network namespaces")
	}
	n := &network{t, fmt.Sprintf("rt%d", os.Getpid())}
	for _, name := range names {
		if text, err := exec.Command("ip", "netns", "add", n.prefix+name).CombinedOutput(); err != nil {
			t.Skipf("needs ip netns: %v: %s", err, text)
		}
		t.Cleanup(func() { exec.Command("ip", "netns", "del", n.prefix+name).Run() })
		n.ip(name, "link set lo up")
	}
	return n
}

// ip runs one ip command in a namespace.
func (n *network) ip(name, command string) {
	n.t.Helper()
	if text, err := n.try(name, command); err != nil {
		n.t.Fatalf("ip -n %s %s: %v: %s", name, command, err, text)
	}
}

func (n *network) try(name, command string) (string, error) {
	text, err := exec.Command("ip", append([]string{"-n", n.prefix + name}, strings.Fields(command)...)...).CombinedOutput()
	return string(text), err
}

// sysctl sets one in a namespace.
func (n *network) sysctl(name, setting string) {
	n.t.Helper()
	if text, err := exec.Command("ip", "netns", "exec", n.prefix+name, "sysctl", "-qw", setting).CombinedOutput(); err != nil {
		n.t.Fatalf("sysctl %s: %v: %s", setting, err, text)
	}
}

// link joins two namespaces by a veth pair.
func (n *network) link(a, aDev, b, bDev string) {
	n.t.Helper()
	n.ip(a, fmt.Sprintf("link add %s type veth peer name %s netns %s", aDev, bDev, n.prefix+b))
	n.ip(a, "link set "+aDev+" up")
	n.ip(b, "link set "+bDev+" up")
}

// inside runs f on a thread that is in a namespace: sockets that it opens stay
// there.
func (n *network) inside(name string, f func()) {
	n.t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	here, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		n.t.Fatal(err)
	}
	defer here.Close()
	there, err := os.Open("/var/run/netns/" + n.prefix + name)
	if err != nil {
		n.t.Fatal(err)
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		n.t.Fatal(err)
	}
	defer func() {
		if err := unix.Setns(int(here.Fd()), unix.CLONE_NEWNET); err != nil {
			panic(err) // the thread must not go back to others
		}
	}()
	f()
}
