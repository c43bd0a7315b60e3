package raw

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// xsk is an AF_XDP socket that only sends
// (Documentation/networking/af_xdp.rst): memory that it shares with the kernel
// for frames, a ring of frames to be sent, and one of those that may be used
// again. In copy mode the kernel makes a socket buffer of each, on any driver.
type xsk struct {
	fd     int
	frames []byte // xskFrames chunks of xskChunk bytes
	tx     xskRing
	done   xskRing // the completion ring
	maps   [][]byte
}

const (
	// xskFrames is how many frames may be under way: more than a batch, so that
	// what an interface has not given back yet holds nobody up. A power of two.
	xskFrames = 512
	// xskChunk is the smallest chunk that the kernel takes
	// (XDP_UMEM_MIN_CHUNK_SIZE, net/xdp_sock.h).
	xskChunk = 2048
)

// xskRing is one of the rings, of size xskFrames. One side writes to producer,
// the other to consumer; both only ever grow.
type xskRing struct {
	producer, consumer *uint32
	at                 unsafe.Pointer // of the first entry
}

// TryAFXDP opens what the afxdp sender needs of the kernel, and gives it back.
// Nothing is sent.
func TryAFXDP() error {
	s, err := newXSK()
	if err != nil {
		return err
	}
	return s.Close()
}

// openXSK opens a socket on the first transmit queue of an interface that no
// other socket has.
func openXSK(index int) (*xsk, error) {
	for queue := uint32(0); ; queue++ {
		s, err := openXSKAt(index, queue)
		switch {
		case err == nil:
			return s, nil
		case errors.Is(err, unix.EPERM):
			return nil, fmt.Errorf("%w (needs CAP_NET_RAW)", err)
		case errors.Is(err, unix.EINVAL) && queue > 0:
			return nil, fmt.Errorf("each of its transmit queues (%d) has one already: choose one --probe, or --sender auto", queue)
		case !errors.Is(err, unix.EBUSY):
			return nil, err
		}
	}
}

func openXSKAt(index int, queue uint32) (*xsk, error) {
	s, err := newXSK()
	if err != nil {
		return nil, err
	}
	if err := unix.Bind(s.fd, &unix.SockaddrXDP{Flags: unix.XDP_COPY, Ifindex: uint32(index), QueueID: queue}); err != nil {
		return nil, errors.Join(os.NewSyscallError("bind", err), s.Close())
	}
	return s, nil
}

// newXSK returns a socket that has all but an interface.
func newXSK() (_ *xsk, err error) {
	s := &xsk{}
	if s.fd, err = unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// prepare gives the kernel the memory and maps the rings. It wants a fill ring
// too, although nothing is received.
func (s *xsk) prepare() (err error) {
	if s.frames, err = unix.Mmap(-1, 0, xskFrames*xskChunk, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_POPULATE); err != nil {
		return os.NewSyscallError("mmap", err)
	}
	s.maps = append(s.maps, s.frames)
	memory := unix.XDPUmemReg{Addr: uint64(address(&s.frames[0])), Len: uint64(len(s.frames)), Size: xskChunk}
	// Later kernels take a longer structure; the first three fields and the
	// flags are what every one knows.
	if err := setsockopt(s.fd, unix.XDP_UMEM_REG, unsafe.Pointer(&memory), unsafe.Offsetof(memory.Tx_metadata_len)); err != nil {
		return fmt.Errorf("register %d KiB of locked memory (ulimit -l): %w", len(s.frames)>>10, err)
	}
	for _, ring := range []int{unix.XDP_UMEM_FILL_RING, unix.XDP_UMEM_COMPLETION_RING, unix.XDP_TX_RING} {
		if err := unix.SetsockoptInt(s.fd, unix.SOL_XDP, ring, xskFrames); err != nil {
			return fmt.Errorf("make ring %d: %w", ring, err)
		}
	}
	var at unix.XDPMmapOffsets
	size := uint32(unsafe.Sizeof(at))
	if _, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(s.fd), unix.SOL_XDP, unix.XDP_MMAP_OFFSETS, uintptr(unsafe.Pointer(&at)), uintptr(unsafe.Pointer(&size)), 0); errno != 0 {
		return fmt.Errorf("find rings: %w", errno)
	}
	if s.tx, err = s.mapRing(unix.XDP_PGOFF_TX_RING, at.Tx, unsafe.Sizeof(unix.XDPDesc{})); err != nil {
		return err
	}
	s.done, err = s.mapRing(unix.XDP_UMEM_PGOFF_COMPLETION_RING, at.Cr, unsafe.Sizeof(uint64(0)))
	return err
}

func setsockopt(fd, option int, value unsafe.Pointer, size uintptr) error {
	if _, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_XDP, uintptr(option), uintptr(value), size, 0); errno != 0 {
		return errno
	}
	return nil
}

func (s *xsk) mapRing(offset int64, at unix.XDPRingOffset, entry uintptr) (r xskRing, err error) {
	memory, err := unix.Mmap(s.fd, offset, int(at.Desc)+xskFrames*int(entry), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return r, fmt.Errorf("map ring: %w", err)
	}
	s.maps = append(s.maps, memory)
	return xskRing{
		producer: (*uint32)(unsafe.Pointer(&memory[at.Producer])),
		consumer: (*uint32)(unsafe.Pointer(&memory[at.Consumer])),
		at:       unsafe.Pointer(&memory[at.Desc]),
	}, nil
}

// chunk is the memory of a frame, by its address among the frames.
func (s *xsk) chunk(at uint64) []byte { return s.frames[at : at+xskChunk] }

// offer puts a frame into the ring, unseen by the kernel until publish.
func (s *xsk) offer(position uint32, at uint64, size int) {
	d := unsafe.Slice((*unix.XDPDesc)(s.tx.at), xskFrames)
	d[position%xskFrames] = unix.XDPDesc{Addr: at, Len: uint32(size)}
}

// publish shows the kernel every frame before a position.
func (s *xsk) publish(position uint32) { atomic.StoreUint32(s.tx.producer, position) }

// taken is the position of the first frame that the kernel has not taken.
func (s *xsk) taken() uint32 { return atomic.LoadUint32(s.tx.consumer) }

// reclaim appends the addresses of frames that may be used again.
func (s *xsk) reclaim(free []uint64) []uint64 {
	entries := unsafe.Slice((*uint64)(s.done.at), xskFrames)
	from, to := atomic.LoadUint32(s.done.consumer), atomic.LoadUint32(s.done.producer)
	for ; from != to; from++ {
		free = append(free, entries[from%xskFrames])
	}
	atomic.StoreUint32(s.done.consumer, to)
	return free
}

// kick has the kernel send what is in the ring, as much as it does at a time.
func (s *xsk) kick() unix.Errno {
	_, _, errno := unix.Syscall6(unix.SYS_SENDTO, uintptr(s.fd), 0, 0, unix.MSG_DONTWAIT, 0, 0)
	return errno
}

func (s *xsk) Close() error {
	errs := []error{os.NewSyscallError("close AF_XDP socket", unix.Close(s.fd))}
	for _, m := range s.maps {
		errs = append(errs, os.NewSyscallError("munmap", unix.Munmap(m)))
	}
	return errors.Join(errs...)
}
