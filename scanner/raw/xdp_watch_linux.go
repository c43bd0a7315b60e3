package raw

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// xdpWatch counts the frames that the kernel dropped because the interface did
// not take them, by two tracepoints (include/trace/events/xdp.h). The kernel
// tells the sender of live frames nothing of this, and many drivers keep no
// counter.
type xdpWatch struct {
	counter *ebpf.Map
	memory  []byte
	state   *watchState // in memory
	close   []interface{ Close() error }
}

// watchState is what the watch shares with its programs.
type watchState struct {
	dropped uint64
	thread  uint32 // whose frames are counted
	_       uint32
}

// newXDPWatch starts counting. It needs CAP_PERFMON.
func newXDPWatch() (_ *xdpWatch, err error) {
	w := &xdpWatch{}
	defer func() {
		if err != nil {
			w.Close()
		}
	}()
	w.counter, err = newFrameMap(w.size())
	if err != nil {
		return nil, err
	}
	w.close = append(w.close, w.counter)
	w.memory, err = unix.Mmap(w.counter.FD(), 0, w.size(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("share memory with tracepoint: %w", err)
	}
	w.state = (*watchState)(unsafe.Pointer(&w.memory[0]))
	// xdp_devmap_xmit(from, to, sent, drops, err): a batch was handed to a driver.
	if err := w.attach("xdp_devmap_xmit", asm.LoadMem(asm.R7, asm.R1, 3*8, asm.DWord)); err != nil {
		return nil, err
	}
	// xdp_redirect_err(...): a frame did not get that far, as when the
	// interface is down.
	return w, w.attach("xdp_redirect_err", asm.Mov.Imm(asm.R7, 1))
}

func (w *xdpWatch) size() int { return int(unsafe.Sizeof(*w.state)) }

// follow makes the calling thread the one whose frames are counted.
func (w *xdpWatch) follow() { atomic.StoreUint32(&w.state.thread, uint32(unix.Gettid())) }

// attach runs a program at a tracepoint that adds R7, which drops sets from the
// arguments, to the counter. Redirected frames are flushed in the system call
// that made them, so that the current thread is the one that sends. In a
// container it has another number there than for the kernel.
func (w *xdpWatch) attach(name string, drops asm.Instruction) error {
	var space unix.Stat_t
	if err := unix.Stat("/proc/self/ns/pid", &space); err != nil {
		return fmt.Errorf("find the namespace of process numbers: %w", err)
	}
	device := int64(unix.Major(space.Dev))<<20 | int64(unix.Minor(space.Dev)) // MKDEV, linux/kdev_t.h
	const pid, size = -8, 8                                                   // struct bpf_pidns_info (linux/bpf.h)
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "memsweep_drops",
		Type: ebpf.RawTracepoint,
		Instructions: asm.Instructions{
			drops,
			asm.LSh.Imm(asm.R7, 32), // an int
			asm.RSh.Imm(asm.R7, 32),
			asm.LoadImm(asm.R1, device, asm.DWord),
			asm.LoadImm(asm.R2, int64(space.Ino), asm.DWord),
			asm.Mov.Reg(asm.R3, asm.RFP),
			asm.Add.Imm(asm.R3, pid),
			asm.Mov.Imm(asm.R4, size),
			asm.FnGetNsCurrentPidTgid.Call(),
			asm.JNE.Imm(asm.R0, 0, "out"),
			asm.LoadMem(asm.R8, asm.RFP, pid, asm.Word),
			asm.LoadMapValue(asm.R1, w.counter.FD(), 0),
			asm.LoadMem(asm.R2, asm.R1, int16(unsafe.Offsetof(w.state.thread)), asm.Word),
			asm.JNE.Reg(asm.R2, asm.R8, "out"),
			asm.StoreXAdd(asm.R1, asm.R7, asm.DWord),
			asm.Mov.Imm(asm.R0, 0).WithSymbol("out"),
			asm.Return(),
		},
		License: "Apache-2.0",
	})
	if err != nil {
		return fmt.Errorf("load program for tracepoint %s: %w", name, err)
	}
	w.close = append(w.close, prog)
	l, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: name, Program: prog})
	if err != nil {
		return fmt.Errorf("attach to tracepoint %s: %w", name, err)
	}
	w.close = append(w.close, l)
	return nil
}

// lost is how many frames were dropped.
func (w *xdpWatch) lost() uint64 { return atomic.LoadUint64(&w.state.dropped) }

func (w *xdpWatch) Close() error {
	var errs []error
	for _, c := range w.close {
		errs = append(errs, c.Close())
	}
	if w.memory != nil {
		errs = append(errs, unix.Munmap(w.memory))
	}
	return errors.Join(errs...)
}
