package realtest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// patience bounds every wait for a memcached. It is only ever used up by one
// that does not work.
const patience = 20 * time.Second

// errTaken means that somebody else got the port first.
var errTaken = errors.New("port taken")

// run starts a memcached and waits until it answers.
func run(t testing.TB, addr netip.Addr, r way) Target {
	t.Helper()
	program, err := exec.LookPath("memcached")
	if err != nil {
		if os.Getenv("MEMSWEEP_REQUIRE_MEMCACHED") != "" {
			t.Fatalf("memcached is not installed, and MEMSWEEP_REQUIRE_MEMCACHED is set: %v", err)
		}
		t.Skipf("memcached is not installed: %s is not tested against a real server", r.posture)
	}
	for try := 1; ; try++ {
		at, err := launch(t, program, addr, r)
		if err == nil {
			return Target{Addr: at, Posture: r.posture, Real: true}
		}
		if !errors.Is(err, errTaken) || try == 5 {
			t.Fatalf("start memcached as %s: %v", r.posture, err)
		}
	}
}

func launch(t testing.TB, program string, addr netip.Addr, r way) (at netip.AddrPort, err error) {
	p := &plan{dir: directory(t)}
	if p.port, err = freePort(addr); err != nil {
		return at, err
	}
	if err := r.flags(p); err != nil {
		return at, err
	}
	at = netip.AddrPortFrom(addr, p.port)
	cmd := exec.Command(program, p.command(addr)...)
	if os.Getuid() == 0 { // memcached refuses to stay root without being told
		cmd.Args = append(cmd.Args, "-u", "nobody")
	}
	cmd.Env = append(os.Environ(), p.env...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		return at, err
	}
	exited := make(chan struct{})
	go func() { cmd.Wait(); close(exited) }()
	t.Cleanup(func() { cmd.Process.Kill(); <-exited })
	guard(t, cmd.Process.Pid)

	if err := await(p, at, exited); err != nil {
		cmd.Process.Kill()
		<-exited
		if strings.Contains(output.String(), "Address already in use") {
			return at, errTaken
		}
		return at, fmt.Errorf("%s: %w; it said: %s", strings.Join(cmd.Args, " "), err, output.String())
	}
	if p.fill {
		return at, fill(t, at)
	}
	return at, nil
}

// guard kills a process when this one is gone without having cleaned up: a
// panic outside the test's own goroutine runs no cleanup. Its standard input
// is a pipe whose other end dies with this process.
func guard(t testing.TB, pid int) {
	cmd := exec.Command("sh", "-c", fmt.Sprintf("read _; kill -9 %d", pid))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start guard of memcached: %v", err)
	}
	t.Cleanup(func() { // before the process is reaped: its number is still its own
		cmd.Process.Kill()
		cmd.Wait()
		in.Close()
	})
}

// directory makes a place for files that a memcached under another user can
// reach, as the directories of testing cannot be.
func directory(t testing.TB) string {
	dir, err := os.MkdirTemp("", "memcached")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

// freePort finds a port that is free for TCP and UDP; nobody holds it
// afterwards, so it may be taken before it is used.
func freePort(addr netip.Addr) (uint16, error) {
	for range 8 {
		l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)))
		if err != nil {
			return 0, err
		}
		port := l.Addr().(*net.TCPAddr).AddrPort().Port()
		u, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, port)))
		l.Close()
		if err == nil {
			return port, u.Close()
		}
	}
	return 0, fmt.Errorf("listen on %s: no port that is free for both TCP and UDP", addr)
}
