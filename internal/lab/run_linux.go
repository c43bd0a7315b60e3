package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"time"
)

// Command prepares a program to run in the scanner's namespace. `ip netns exec`
// becomes the program: signals, and the CPU time in the end, are its own.
func (l *Lab) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return l.scanner.command(ctx, name, args...)
}

func (n namespace) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", string(n), name}, args...)...)
}

// Result is how a program ended.
type Result struct {
	Stdout, Stderr string
	Code           int // its exit code
	Wall           time.Duration
	CPU            time.Duration // user and system, of the whole process
}

// Run runs a program in the scanner's namespace to its end. A program that
// ends with a code other than 0 is no error.
func (l *Lab) Run(ctx context.Context, name string, args ...string) (Result, error) {
	p, err := l.Start(ctx, name, args...)
	if err != nil {
		return Result{}, err
	}
	return p.Wait()
}

// Process is a program that runs in the lab.
type Process struct {
	cmd         *exec.Cmd
	out, errors bytes.Buffer
	started     time.Time
}

// Start starts a program in the scanner's namespace; the caller waits for it.
func (l *Lab) Start(ctx context.Context, name string, args ...string) (*Process, error) {
	return l.scanner.start(ctx, name, args...)
}

func (n namespace) start(ctx context.Context, name string, args ...string) (*Process, error) {
	p := &Process{cmd: n.command(ctx, name, args...), started: time.Now()}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.errors
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// Signal sends a signal to the program.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// PID is the program's process ID.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Wait waits for the program's end.
func (p *Process) Wait() (Result, error) {
	err := p.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return Result{}, fmt.Errorf("%s: %w", p.cmd.String(), err)
	}
	state := p.cmd.ProcessState
	return Result{
		Stdout: p.out.String(), Stderr: p.errors.String(), Code: state.ExitCode(),
		Wall: time.Since(p.started), CPU: state.UserTime() + state.SystemTime(),
	}, nil
}

// Nudge sends one datagram from the target to the scanner's discard port. A
// program that waits in the kernel for a packet gets to look at its clock.
func (l *Lab) Nudge() error {
	return l.target.inside(func() error {
		c, err := net.Dial("udp", netip.AddrPortFrom(l.addrs.scanner.Addr(), discardPort).String())
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Write([]byte("\n"))
		return err
	})
}

const discardPort = 9 // RFC 863
