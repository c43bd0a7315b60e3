package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// serve starts what answers, and waits until it does.
func (l *Lab) serve() error {
	if l.options.Serve != nil {
		return l.target.inside(func() (err error) {
			l.server, l.stop, err = l.options.Serve()
			return err
		})
	}
	// Bound to one address, not to the wildcard: at the others the port is closed.
	l.server = netip.AddrPortFrom(l.addrs.server, port)
	number := strconv.Itoa(port)
	cmd := exec.Command("ip", "netns", "exec", string(l.target), "memcached", "-u", "nobody",
		"-l", l.server.Addr().String(), "-p", number, "-U", number,
		"-m", "16", "-t", "2", "-c", "8192", "-b", "8192")
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start memcached: %w", err)
	}
	// Before everybody else (sched(7)): its socket's buffer holds some fifty
	// frames of an XDP program, and what it loses, kept waiting on a busy machine,
	// would pass for the scanner's loss.
	first := &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}
	_ = unix.SchedSetAttr(cmd.Process.Pid, first, 0) // as far as this is allowed
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }() // ends when the guard kills it
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if err := l.target.inside(l.connect); err == nil {
			return nil
		}
		select {
		case err := <-exited:
			return fmt.Errorf("start memcached: it ended: %w", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	return errors.New("start memcached: it does not answer")
}

func (l *Lab) connect() error {
	c, err := net.DialTimeout("tcp", l.server.String(), time.Second)
	if err != nil {
		return err
	}
	return c.Close()
}
