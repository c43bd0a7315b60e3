package privilege

import (
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

func trySocket() error {
	udp, err := net.ListenUDP("udp", nil)
	if err != nil {
		return err
	}
	udp.Close()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	return os.NewSyscallError("close", unix.Close(fd))
}

// With protocol 0 a packet socket receives nothing (packet(7)), and so does one
// of AF_XDP that is bound to no interface.
func tryPacket() error { return trySocketOf(unix.AF_PACKET, "packet") }
func tryAFXDP() error  { return trySocketOf(unix.AF_XDP, "AF_XDP") }

func trySocketOf(family int, name string) error {
	fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s socket: %w", name, err)
	}
	return os.NewSyscallError("close", unix.Close(fd))
}

// tryXDP has the kernel run a program over one live frame, which it drops.
func tryXDP() error {
	if err := tryPacket(); err != nil {
		return err
	}
	// XDP_DROP is 1: enum xdp_action in linux/bpf.h.
	const xdpDrop = 1
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "memsweep_doctor", Type: ebpf.XDP,
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, xdpDrop), asm.Return()},
	})
	if err != nil {
		return fmt.Errorf("load XDP program: %w", err)
	}
	defer program.Close()
	frame := make([]byte, 64)
	_, err = program.Run(&ebpf.RunOptions{Data: frame, Repeat: 1, Flags: unix.BPF_F_TEST_XDP_LIVE_FRAMES})
	if errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("run XDP program over live frames (Linux 5.18 or newer): %w", err)
	}
	if err != nil {
		return fmt.Errorf("run XDP program over live frames: %w", err)
	}
	return nil
}
