package raw

import (
	"errors"
	"fmt"
	"net"
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
//
// An interface takes one program, so that each anchor needs one of its own.
type xdpAnchor struct {
	link  link.Link
	place *os.File // what the interface lasts as long as; nil: our own loopback
}

// newXDPAnchor attaches a program to the loopback interface of an empty network
// namespace, where it meets no packet. That takes CAP_SYS_ADMIN; without it an
// interface of our own will do, and where there is no tun driver, our loopback,
// whose packets the program then has to pass, but only once on a machine.
func newXDPAnchor(prog *ebpf.Program) (*xdpAnchor, error) {
	a, err := anchorApart(prog)
	if !errors.Is(err, unix.EPERM) {
		return a, err
	}
	a, aside := anchorAside(prog)
	if aside == nil {
		return a, nil
	}
	if a, err = anchorTo(loopback, prog); err != nil {
		return nil, fmt.Errorf("%w; %w", aside, err)
	}
	return a, nil
}

func anchorTo(index int, prog *ebpf.Program) (*xdpAnchor, error) {
	l, err := link.AttachXDP(link.XDPOptions{Program: prog, Interface: index, Flags: link.XDPGenericMode})
	if errors.Is(err, unix.EBUSY) {
		return nil, fmt.Errorf("attach xdp program to interface %d: %w (it has one, perhaps another sweep's)", index, err)
	}
	if err != nil {
		return nil, fmt.Errorf("attach xdp program to interface %d: %w", index, orCapability(err))
	}
	return &xdpAnchor{link: l}, nil
}

// anchorAside makes a tun interface (tun.rst in the kernel's documentation),
// which stays down, and is gone with its file.
func anchorAside(prog *ebpf.Program) (*xdpAnchor, error) {
	tun, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("make interface for xdp program: %w", err)
	}
	a, err := anchorToTun(tun, prog)
	if err != nil {
		return nil, errors.Join(err, tun.Close())
	}
	a.place = tun
	return a, nil
}

func anchorToTun(tun *os.File, prog *ebpf.Program) (*xdpAnchor, error) {
	request, err := unix.NewIfreq("memsweep%d")
	if err != nil {
		return nil, fmt.Errorf("make interface for xdp program: %w", err)
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	conn, err := tun.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("make interface for xdp program: %w", err)
	}
	var failed error
	err = conn.Control(func(fd uintptr) { failed = unix.IoctlIfreq(int(fd), unix.TUNSETIFF, request) })
	if err = errors.Join(err, os.NewSyscallError("ioctl TUNSETIFF", failed)); err != nil {
		return nil, fmt.Errorf("make interface for xdp program: %w", orCapability(err))
	}
	device, err := net.InterfaceByName(request.Name())
	if err != nil {
		return nil, fmt.Errorf("make interface for xdp program: %w", err)
	}
	return anchorTo(device.Index, prog)
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
	a, err := anchorTo(loopback, prog)
	if err != nil {
		namespace.Close()
		return nil, err
	}
	a.place = namespace
	return a, nil
}

func (a *xdpAnchor) Close() error {
	err := a.link.Close()
	if a.place != nil {
		err = errors.Join(err, a.place.Close())
	}
	return err
}
