package raw

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/google/gopacket/layers"
	"golang.org/x/sys/unix"
)

// The ring of TPACKET_V3 (linux/if_packet.h, and packet_mmap.rst in the
// kernel's documentation) is blocks that the kernel fills and hands over one
// at a time: when full, or when ringTimeout has passed since the first packet
// in it, so that a single answer does not wait for others. 8 MiB is 50,000
// answers, more than this machine takes in while the reader is kept waiting.
const (
	ringBlock   = 256 << 10
	ringBlocks  = 32
	ringFrame   = 2048 // only a divisor of the block: frames are packed
	ringTimeout = 10   // milliseconds
)

// elsewhereBlocks is for the interfaces that nothing was asked by.
const elsewhereBlocks = 4

// Ring receives from one interface, or from many, through a ring of memory that is shared
// with the kernel.
type Ring struct {
	name    string
	index   int // of the interface; 0: all of them
	blocks  int
	file    *os.File // the socket, watched by the runtime's poller
	conn    syscall.RawConn
	decoder *Decoder
	ready   func(fd uintptr) bool // awaits a block; kept, so that Read need not make it
	failure error                 // what ready found instead

	reading sync.Mutex // held by Read; whoever unmaps the memory needs it
	memory  []byte
	block   int // the next that the kernel hands over
	packet  Packet

	closed   atomic.Bool
	counting sync.Mutex // of drops; the kernel forgets what it has told
	dropped  uint64
}

// LinkType is what every Packet.Frame begins with.
func (r *Ring) LinkType() layers.LinkType {
	if r.decoder.link == nil {
		return layers.LinkTypeRaw
	}
	return layers.LinkTypeEthernet
}

// Read implements Receiver. An interface that goes down is an error.
func (r *Ring) Read(deadline time.Time, got func(*Packet)) error {
	r.reading.Lock()
	defer r.reading.Unlock()
	if r.memory == nil {
		return net.ErrClosed
	}
	if err := r.file.SetReadDeadline(deadline); err != nil {
		return r.ended(err)
	}
	for {
		r.failure = nil
		if err := r.conn.Read(r.ready); err != nil {
			return r.ended(err)
		}
		if r.failure != nil {
			return r.ended(r.failure)
		}
		for r.full() {
			r.take(got)
			if r.closed.Load() {
				return net.ErrClosed
			}
			if time.Now().After(deadline) {
				return nil
			}
		}
	}
}

// Drain hands out what the ring holds, and no more: who sends without pause
// cannot keep it busy. It waits for the block that is being filled.
func (r *Ring) Drain(got func(*Packet)) {
	time.Sleep(2 * ringTimeout * time.Millisecond)
	r.reading.Lock()
	defer r.reading.Unlock()
	for blocks := 0; blocks < r.blocks && r.memory != nil && !r.closed.Load() && r.full(); blocks++ {
		r.take(got)
	}
}

// ended turns why reading ended into what Read returns.
func (r *Ring) ended(err error) error {
	switch {
	case r.closed.Load():
		return net.ErrClosed
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	}
	return fmt.Errorf("receive on %s: %w", r.name, err)
}

// await reports whether there is no point in waiting longer.
func (r *Ring) await(fd uintptr) bool {
	if r.full() {
		return true
	}
	// An error, of the interface for instance, also makes the socket readable.
	code, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
	switch {
	case err != nil:
		r.failure = os.NewSyscallError("getsockopt SO_ERROR", err)
	case code != 0:
		r.failure = syscall.Errno(code)
	}
	return r.failure != nil
}

// header is of the current block: struct tpacket_block_desc.
func (r *Ring) header() (*unix.TpacketHdrV1, []byte) {
	b := r.memory[r.block*ringBlock:][:ringBlock]
	d := (*unix.TpacketBlockDesc)(unsafe.Pointer(&b[0]))
	return (*unix.TpacketHdrV1)(unsafe.Pointer(&d.Hdr)), b
}

// full reports whether the current block is ours. The status is what orders
// the kernel's writes and our reads.
func (r *Ring) full() bool {
	h, _ := r.header()
	return atomic.LoadUint32(&h.Block_status)&unix.TP_STATUS_USER != 0
}

// take reads the current block and gives it back.
func (r *Ring) take(got func(*Packet)) {
	h, b := r.header()
	at := h.Offset_to_first_pkt
	for range h.Num_pkts {
		p := (*unix.Tpacket3Hdr)(unsafe.Pointer(&b[at]))
		if r.decode(b[at:], p) {
			got(&r.packet)
		}
		at += p.Next_offset
	}
	atomic.StoreUint32(&h.Block_status, unix.TP_STATUS_KERNEL)
	r.block = (r.block + 1) % r.blocks
}

// decode reads one packet of a block; b begins with its header.
func (r *Ring) decode(b []byte, h *unix.Tpacket3Hdr) bool {
	// struct sockaddr_ll follows; the header's size is a multiple of TPACKET_ALIGNMENT.
	from := (*unix.RawSockaddrLinklayer)(unsafe.Pointer(&b[unix.SizeofTpacket3Hdr]))
	if from.Pkttype == unix.PACKET_OUTGOING {
		return false
	}
	frame := b[h.Mac:][:h.Snaplen:h.Snaplen]
	if !r.decoder.Decode(frame, time.Unix(int64(h.Sec), int64(h.Nsec)), &r.packet) {
		return false
	}
	r.packet.Wire = int(h.Len)
	if h.Status&unix.TP_STATUS_VLAN_VALID != 0 {
		r.packet.Wire += 4 // the tag that the kernel took out: IEEE 802.1Q-2018, 9.3
	}
	return true
}

// Dropped implements Receiver. It answers after Close, too.
func (r *Ring) Dropped() (uint64, error) {
	r.counting.Lock()
	defer r.counting.Unlock()
	if r.closed.Load() {
		return r.dropped, nil
	}
	err := r.count()
	return r.dropped, err
}

// count adds what the kernel has counted since it was last asked.
func (r *Ring) count() error {
	var stats *unix.TpacketStatsV3
	var err error
	if control := r.conn.Control(func(fd uintptr) {
		stats, err = unix.GetsockoptTpacketStatsV3(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS)
	}); control != nil {
		return fmt.Errorf("count drops on %s: %w", r.name, control)
	}
	if err != nil {
		return fmt.Errorf("count drops on %s: %w", r.name, os.NewSyscallError("getsockopt PACKET_STATISTICS", err))
	}
	r.dropped += uint64(stats.Drops)
	return nil
}

// Close implements Receiver.
func (r *Ring) Close() error {
	count, first := r.stop()
	if !first {
		return nil
	}
	err := r.file.Close() // wakes Read
	r.reading.Lock()
	defer r.reading.Unlock()
	if r.memory != nil {
		err = errors.Join(err, os.NewSyscallError("munmap", unix.Munmap(r.memory)))
		r.memory = nil
	}
	return errors.Join(count, err)
}

// stop counts for the last time.
func (r *Ring) stop() (err error, first bool) {
	r.counting.Lock()
	defer r.counting.Unlock()
	if r.closed.Load() {
		return nil, false
	}
	if r.conn != nil {
		err = r.count()
	}
	r.closed.Store(true)
	return err, true
}
