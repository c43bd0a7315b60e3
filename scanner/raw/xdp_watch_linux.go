package raw

import (
	"errors"
	"fmt"
	"os"
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
	dropped *uint64 // in memory
	close   []interface{ Close() error }
}

// newXDPWatch starts counting for this process. It needs CAP_PERFMON.
func newXDPWatch() (_ *xdpWatch, err error) {
	w := &xdpWatch{}
	defer func() {
		if err != nil {
			w.Close()
		}
	}()
	w.counter, err = newFrameMap(int(unsafe.Sizeof(*w.dropped)))
	if err != nil {
		return nil, err
	}
	w.close = append(w.close, w.counter)
	w.memory, err = unix.Mmap(w.counter.FD(), 0, w.size(), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("share memory with tracepoint: %w", err)
	}
	w.dropped = (*uint64)(unsafe.Pointer(&w.memory[0]))
	// xdp_devmap_xmit(from, to, sent, drops, err): a batch was handed to a driver.
	if err := w.attach("xdp_devmap_xmit", asm.LoadMem(asm.R7, asm.R1, 3*8, asm.DWord)); err != nil {
		return nil, err
	}
	// xdp_redirect_err(...): a frame did not get that far, as when the
	// interface is down.
	return w, w.attach("xdp_redirect_err", asm.Mov.Imm(asm.R7, 1))
}

func (w *xdpWatch) size() int { return int(unsafe.Sizeof(*w.dropped)) }

// attach runs a program at a tracepoint that adds R7, which drops sets from the
// arguments, to the counter. Redirected frames are flushed in the system call
// that made them, so that the current process is the one that sends.
func (w *xdpWatch) attach(name string, drops asm.Instruction) error {
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "memsweep_drops",
		Type: ebpf.RawTracepoint,
		Instructions: asm.Instructions{
			drops,
			asm.LSh.Imm(asm.R7, 32), // an int
			asm.RSh.Imm(asm.R7, 32),
			asm.FnGetCurrentPidTgid.Call(),
			asm.RSh.Imm(asm.R0, 32),
			asm.JNE.Imm(asm.R0, int32(os.Getpid()), "out"),
			asm.LoadMapValue(asm.R1, w.counter.FD(), 0),
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
func (w *xdpWatch) lost() uint64 { return atomic.LoadUint64(w.dropped) }

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
