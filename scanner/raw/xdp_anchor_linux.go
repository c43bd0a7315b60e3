package raw

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// loopback is the index of lo, in every network namespace.
const loopback = 1

// xdpAnchor keeps a program attached somewhere. Only so does it have a place in
// the kernel's XDP dispatcher between two runs; else every run of more than one
// frame puts it there and takes it away again, and waits twice for a grace
// period of RCU (bpf_dispatcher_change_prog, kernel/bpf/dispatcher.c): 25 ms
// instead of 50 µs.
type xdpAnchor struct {
	link      link.Link
	namespace *os.File // nil: the anchor is in our own
}

// newXDPAnchor attaches a program to the loopback interface of an empty network
// namespace, where it meets no packet. That takes CAP_SYS_ADMIN; without it our
// own loopback must do, whose packets the program then has to pass.
func newXDPAnchor(prog *ebpf.Program) (*xdpAnchor, error) {
	a, err := anchorApart(prog)
	if errors.Is(err, unix.EPERM) {
		return anchorHere(prog)
	}
	return a, err
}

func anchorHere(prog *ebpf.Program) (*xdpAnchor, error) {
	l, err := link.AttachXDP(link.XDPOptions{Program: prog, Interface: loopback, Flags: link.XDPGenericMode})
	if err != nil {
		return nil, fmt.Errorf("attach xdp program to lo: %w", orCapability(err))
	}
	return &xdpAnchor{link: l}, nil
}

// anchorApart visits a new network namespace. The namespace lasts as long as
// the file that stands for it.
func anchorApart(prog *ebpf.Program) (_ *xdpAnchor, err error) {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("open network namespace: %w", err)
	}
	defer home.Close()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("make network namespace: %w", err)
	}
	defer func() {
		// A thread that cannot go home stays locked: nobody else shall use it.
		if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
			err = errors.Join(err, fmt.Errorf("leave network namespace: %w", back))
			return
		}
		runtime.UnlockOSThread()
	}()
	namespace, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, fmt.Errorf("open network namespace: %w", err)
	}
	a, err := anchorHere(prog)
	if err != nil {
		namespace.Close()
		return nil, err
	}
	a.namespace = namespace
	return a, nil
}

func (a *xdpAnchor) Close() error {
	err := a.link.Close()
	if a.namespace != nil {
		err = errors.Join(err, a.namespace.Close())
	}
	return err
}
