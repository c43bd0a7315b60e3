package lab

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// prefix begins the name of every namespace of a lab; the ID of the process
// that made it follows.
const prefix = "ms-"

// Possible reports why no lab can be built here, or nil.
func Possible() error {
	if os.Geteuid() != 0 {
		return errors.New("it takes root to make network namespaces")
	}
	for program, pack := range map[string]string{"ip": "iproute2", "tc": "iproute2", "nft": "nftables", "memcached": "memcached"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%s is not installed (Debian: apt-get install %s)", program, pack)
		}
	}
	name, err := newName()
	if err != nil {
		return err
	}
	if err := run(nil, "ip", "netns", "add", name); err != nil {
		return fmt.Errorf("`ip netns add` does not work here: %w", err)
	}
	return run(nil, "ip", "netns", "del", name)
}

// newName is a name that no other lab has, and that says whose it is.
func newName() (string, error) {
	var b [3]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s%d-%x", prefix, os.Getpid(), b), nil
}

// takeDown ends what runs in namespaces and removes them. The process that it
// works for is spared even where a thread of it is inside.
const takeDown = `for n in "$@"; do
	for p in $(ip netns pids "$n" 2>/dev/null); do
		[ "$p" = "$owner" ] || kill -9 "$p" 2>/dev/null
	done
	ip netns del "$n" 2>/dev/null
done
true`

// sweepLeftovers removes labs whose makers are gone and whose guards were
// killed with them.
func sweepLeftovers() error {
	listed, err := exec.Command("ip", "netns", "list").Output()
	if err != nil {
		return fmt.Errorf("list namespaces: %w", err)
	}
	args := []string{"-c", takeDown, "sh"}
	for line := range strings.Lines(string(listed)) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if maker, ours := makerOf(name); ours && !alive(maker) {
			args = append(args, name)
		}
	}
	return run(nil, "sh", args...)
}

// makerOf is the process that made a namespace, if a lab did.
func makerOf(name string) (pid int, ours bool) {
	rest, ours := strings.CutPrefix(name, prefix)
	number, _, _ := strings.Cut(rest, "-")
	pid, err := strconv.Atoi(number)
	return pid, ours && err == nil
}

func alive(pid int) bool {
	_, err := os.Stat("/proc/" + strconv.Itoa(pid))
	return err == nil
}

// guard is a process that takes a lab down when it is told to, or when the
// process that made the lab is gone: its standard input is a pipe whose other
// end dies with that.
type guard struct {
	cmd *exec.Cmd
	in  io.Closer
}

func startGuard(names ...namespace) (*guard, error) {
	args := []string{"-c", "trap '' HUP INT TERM; owner=$1; shift; read _\n" + takeDown, "sh", strconv.Itoa(os.Getpid())}
	for _, n := range names {
		args = append(args, string(n))
	}
	cmd := exec.Command("sh", args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a signal to the test's group is not for it
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start guard: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start guard: %w", err)
	}
	return &guard{cmd, in}, nil
}

// finish takes the lab down, and waits until it is.
func (g *guard) finish() error {
	g.in.Close()
	if err := g.cmd.Wait(); err != nil {
		return fmt.Errorf("take lab down: %w", err)
	}
	return nil
}

// run runs a program and returns what it complained of.
func run(in io.Reader, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	var said bytes.Buffer
	cmd.Stdin, cmd.Stderr = in, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(said.Bytes()))
	}
	return nil
}
