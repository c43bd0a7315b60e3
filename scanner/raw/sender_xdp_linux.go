package raw

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

const (
	// xdpSlots is how many frames one system call sends at most: setting up a
	// run costs as much as some tens of frames.
	xdpSlots = 512
	// xdpBatch is how many frames the kernel makes before it hands them to the
	// driver: with more, short rings overflow before they are emptied.
	xdpBatch = 64
	// xdpGrow is how many more frames a call takes after one that lost none.
	// The ring of a virtual interface holds 256, and overflows when the kernel
	// puts its emptying off to a thread, which gets no turn before the call
	// ends: then calls are halved.
	xdpGrow = 4
)

// xdpSender lets the kernel transmit: BPF_PROG_RUN in live frame mode
// (Documentation/bpf/bpf_prog_run.rst) runs a small XDP program over frames
// that the kernel makes itself. The program copies the next frame from memory
// that it shares with this sender, and redirects it to the interface. There is
// one system call for hundreds of frames, no socket buffer and no copy to the
// kernel.
type xdpSender struct {
	t        *Template
	frames   *ebpf.Map
	prog     *ebpf.Program
	memory   []byte  // of frames: xdpHeader, then the slots
	next     *uint32 // in memory: the slot that the program takes next
	slots    [xdpSlots][]byte
	most     int // frames for the next call
	run      progRun
	anchor   *xdpAnchor
	counters *counters
	watch    *xdpWatch
	told     atomic.Uint64 // frames that were lost, and left to be sent again
}

// The shared memory begins with next, and what the program is told of every
// frame (struct xdp_md). They fill a cache line, so that the program's writes
// do not disturb the slots.
const (
	xdpHeader = 64
	xdpMeta   = 8 // offset of struct xdp_md
)

// frameMeta is struct xdp_md (linux/bpf.h), as it is given to BPF_PROG_RUN.
type frameMeta struct {
	data, dataEnd, dataMeta         uint32
	ingress, rxQueue, egressIfindex uint32
}

// progRun is the member "test" of union bpf_attr (linux/bpf.h).
type progRun struct {
	progFD, retval          uint32
	dataSizeIn, dataSizeOut uint32
	dataIn, dataOut         uint64
	repeat, duration        uint32
	ctxSizeIn, ctxSizeOut   uint32
	ctxIn, ctxOut           uint64
	flags, cpu              uint32
	batchSize, _            uint32
}

func newXDPSender(path Path, t *Template) (_ Sender, err error) {
	if err := xdpTakes(path, t); err != nil {
		return nil, err
	}
	s := &xdpSender{t: t, most: xdpSlots}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if err := s.load(path); err != nil {
		return nil, err
	}
	if s.counters, err = newCounters(path.Index); err != nil {
		return nil, err
	}
	// Without it what a driver does not take would pass for sent: many count
	// nothing, and the kernel does not say.
	if s.watch, err = newXDPWatch(); err != nil {
		return nil, fmt.Errorf("see which frames are dropped: %w", orPerfmon(err))
	}
	return s, s.try()
}

// load puts program and shared memory into the kernel.
func (s *xdpSender) load(path Path) (err error) {
	size := s.t.Len()
	stride := (size + 7) &^ 7
	if s.frames, err = newFrameMap(xdpHeader + xdpSlots*stride); err != nil {
		return err
	}
	s.prog, err = ebpf.NewProgram(frameProgram(s.frames.FD(), size, stride, path.Index))
	if err != nil {
		return fmt.Errorf("load xdp program: %w", orCapability(err))
	}
	s.memory, err = unix.Mmap(s.frames.FD(), 0, xdpHeader+xdpSlots*stride, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("share memory with xdp program: %w", err)
	}
	s.next = (*uint32)(unsafe.Pointer(&s.memory[0]))
	for i := range s.slots {
		at := xdpHeader + i*stride
		s.slots[i] = s.memory[at : at+size : at+size]
		copy(s.slots[i], s.t.frame)
	}
	meta := (*frameMeta)(unsafe.Pointer(&s.memory[xdpMeta]))
	*meta = frameMeta{dataEnd: uint32(size), ingress: uint32(path.Index)}
	s.run = progRun{
		progFD:     uint32(s.prog.FD()),
		dataSizeIn: uint32(size),
		dataIn:     address(&s.slots[0][0]),
		ctxSizeIn:  uint32(unsafe.Sizeof(*meta)),
		ctxIn:      address(&s.memory[xdpMeta]),
		flags:      unix.BPF_F_TEST_XDP_LIVE_FRAMES,
		batchSize:  xdpBatch,
	}
	s.anchor, err = newXDPAnchor(s.prog)
	return err
}

// address is for the kernel, of memory that is mapped: it does not move.
func address(p *byte) uint64 { return uint64(uintptr(unsafe.Pointer(p))) }

// try runs the program without a frame to take: it drops what the kernel made.
// So nothing is sent, but everything that the kernel could refuse, it would.
func (s *xdpSender) try() error {
	atomic.StoreUint32(s.next, xdpSlots)
	s.run.repeat = 1
	if errno := s.call(); errno != 0 {
		return fmt.Errorf("run xdp program: %w (live frames need Linux 5.18)", errno)
	}
	return nil
}

func (s *xdpSender) Name() string { return "xdp" }

// Send implements Sender.
func (s *xdpSender) Send(frames []Frame) (int, error) {
	sent := 0
	for sent < len(frames) {
		batch := fill(s.t, s.slots[:s.most], frames[sent:])
		if batch == 0 {
			return sent, errForeign(frames[sent])
		}
		before := s.watch.lost()
		n, err := s.transmit(batch)
		if lost := s.watch.lost() - before; lost > 0 && err == nil {
			s.told.Add(lost)
			s.most = max(s.most/2, xdpBatch)
			return sent, overflow{sent: n - min(n, int(lost))}
		}
		sent += n
		s.most = min(s.most+xdpGrow, xdpSlots)
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// overflow is the error of a call in which the driver did not take some of the
// frames; which, the kernel does not say, so that all have to be sent again.
type overflow struct{ sent int } // how many it did take

func (o overflow) Error() string { return unix.ENOBUFS.Error() }

// Unwrap makes it what a socket's full queue is.
func (o overflow) Unwrap() error { return unix.ENOBUFS }

// transmit runs the program over the first n slots. A signal ends a run early,
// between two batches; next says how far it came.
func (s *xdpSender) transmit(n int) (int, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s.watch.follow()
	atomic.StoreUint32(s.next, 0)
	for done := 0; done < n; {
		s.run.repeat = uint32(n - done)
		errno := s.call()
		before := done
		done = int(atomic.LoadUint32(s.next))
		switch {
		case errno != 0 && errno != unix.EINTR:
			return done, os.NewSyscallError("bpf", errno)
		case errno == 0 && done == before:
			return done, errors.New("run xdp program: it took no frame")
		}
	}
	return n, nil
}

func (s *xdpSender) call() unix.Errno {
	_, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_RUN, uintptr(unsafe.Pointer(&s.run)), unsafe.Sizeof(s.run))
	runtime.KeepAlive(s)
	return errno
}

// Drops implements Sender.
func (s *xdpSender) Drops() (Drops, error) {
	lost, err := s.counters.lost()
	return Drops{Counted: lost, Seen: s.watch.lost(), Told: s.told.Load()}, err
}

func (s *xdpSender) Close() error {
	var errs []error
	if s.watch != nil {
		errs = append(errs, s.watch.Close())
	}
	if s.counters != nil {
		s.counters.Close()
	}
	if s.anchor != nil {
		errs = append(errs, s.anchor.Close())
	}
	if s.memory != nil {
		errs = append(errs, unix.Munmap(s.memory))
		s.memory = nil
	}
	if s.prog != nil {
		errs = append(errs, s.prog.Close())
	}
	if s.frames != nil {
		errs = append(errs, s.frames.Close())
	}
	return errors.Join(errs...)
}

// orCapability says of a refusal what would lift it: the library's own advice, a
// larger RLIMIT_MEMLOCK, would not.
func orCapability(err error) error { return refusedWithout(err, "CAP_BPF and CAP_NET_ADMIN") }

// orPerfmon does so for what tracepoints need.
func orPerfmon(err error) error { return refusedWithout(err, "CAP_PERFMON") }

func refusedWithout(err error, capabilities string) error {
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("%w (needs %s)", unix.EPERM, capabilities)
	}
	return err
}
