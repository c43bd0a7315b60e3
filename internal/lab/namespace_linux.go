package lab

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// namespace is the name of a network namespace.
type namespace string

// inside calls f on a thread that is in the namespace. Sockets that f opens
// stay there.
func (n namespace) inside(f func() error) error {
	done := make(chan error, 1)
	go func() { done <- n.enter(f) }()
	return <-done
}

// enter moves the thread there and back. A thread that cannot be moved back
// stays locked, and ends with its goroutine.
func (n namespace) enter(f func() error) error {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	defer home.Close()
	there, err := os.Open("/var/run/netns/" + string(n)) // ip-netns(8)
	if err != nil {
		return err
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter namespace %s: %w", n, err)
	}
	err = f()
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
		return fmt.Errorf("leave namespace %s: %w", n, back)
	}
	runtime.UnlockOSThread()
	return err
}

// setting is a file under /proc/sys/net and what it is to hold.
type setting struct{ name, value string }

// set writes settings. One that this kernel does not know is passed over.
func (n namespace) set(settings []setting) error {
	return n.inside(func() error {
		for _, s := range settings {
			err := os.WriteFile("/proc/sys/net/"+s.name, []byte(s.value), 0)
			if err != nil && !os.IsNotExist(err) {
				return err
			}
		}
		return nil
	})
}

// receiveOffload turns GRO on. With it a veth device receives by NAPI, which
// is what lets the other end hand it XDP frames (veth_xdp_xmit in
// drivers/net/veth.c of Linux).
func (n namespace) receiveOffload(link string) error {
	// struct ethtool_value and struct ifreq, linux/ethtool.h and net/if.h
	value := struct{ command, data uint32 }{unix.ETHTOOL_SGRO, 1}
	request := struct {
		name [unix.IFNAMSIZ]byte
		data *struct{ command, data uint32 }
		_    [16]byte // the rest of the kernel's union
	}{data: &value}
	copy(request.name[:], link)
	return n.inside(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
		runtime.KeepAlive(&value)
		if errno != 0 {
			return fmt.Errorf("turn GRO of %s on: %w", link, errno)
		}
		return nil
	})
}
