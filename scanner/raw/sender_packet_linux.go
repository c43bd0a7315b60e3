package raw

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// packetBatch is how many frames one system call takes. Larger ones are no
// faster, and overflow short transmit rings.
const packetBatch = 32

// packetSender sends through an AF_PACKET socket (packet(7)) with sendmmsg(2).
// It works on every kind of interface.
type packetSender struct {
	refusals
	fd     int
	t      *Template
	buffer int   // bytes of the socket's
	queued int32 // of these, what is taken

	bufs [packetBatch][]byte
	iovs [packetBatch]unix.Iovec
	msgs [packetBatch]mmsghdr
	name unix.RawSockaddrLinklayer
}

// mmsghdr is struct mmsghdr of sendmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	_   uint32 // msg_len: how much of it was sent
}

func newPacketSender(path Path, t *Template) (Sender, error) {
	fd, err := openPacketSocket(path)
	if err != nil {
		return nil, err
	}
	s := &packetSender{fd: fd, t: t}
	if s.buffer, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("getsockopt", err)
	}
	if s.counters, err = newCounters(path.Index); err != nil {
		unix.Close(fd)
		return nil, err
	}
	s.prepare(path)
	return s, nil
}

// openPacketSocket returns a socket that is bound to the path's interface, and
// that by its protocol 0 receives nothing.
func openPacketSocket(path Path) (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if errors.Is(err, unix.EPERM) {
		return -1, fmt.Errorf("open packet socket: %w (needs CAP_NET_RAW)", err)
	}
	if err != nil {
		return -1, fmt.Errorf("open packet socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: path.Index}); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("bind packet socket to %s: %w", path.Interface, err)
	}
	// Past the queueing discipline a frame is a third cheaper. Kernels before
	// 3.14 cannot, and send all the same.
	_ = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1)
	// While the socket's buffer is full a send blocks; so it fails with EAGAIN,
	// and the caller may look around.
	wait := unix.Timeval{Sec: 1}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &wait); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("set send timeout of packet socket: %w", err)
	}
	return fd, nil
}

// prepare points every message at its buffer, which holds a copy of the
// template.
func (s *packetSender) prepare(path Path) {
	s.name = unix.RawSockaddrLinklayer{
		Family:   unix.AF_PACKET,
		Protocol: networkOrder(unix.ETH_P_IPV6),
		Ifindex:  int32(path.Index),
	}
	if s.t.v4 {
		s.name.Protocol = networkOrder(unix.ETH_P_IP)
	}
	for i := range s.msgs {
		s.bufs[i] = s.t.Append(nil)
		s.iovs[i].Base = &s.bufs[i][0]
		s.iovs[i].SetLen(len(s.bufs[i]))
		s.msgs[i].hdr.Iov = &s.iovs[i]
		s.msgs[i].hdr.SetIovlen(1)
		if s.t.link == 0 { // no header to read the protocol from
			s.msgs[i].hdr.Name = (*byte)(unsafe.Pointer(&s.name))
			s.msgs[i].hdr.Namelen = unix.SizeofSockaddrLinklayer
		}
	}
}

// networkOrder is htons(3).
func networkOrder(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}

func (s *packetSender) Name() string { return "packet" }

// Send implements Sender. ENOBUFS and EAGAIN mean that the interface is slower
// than the caller.
func (s *packetSender) Send(frames []Frame) (int, error) {
	sent := 0
	for sent < len(frames) {
		batch := fill(s.t, s.bufs[:], frames[sent:])
		if batch == 0 {
			return sent, errForeign(frames[sent])
		}
		n, err := s.transmit(batch)
		sent += n
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// transmit sends the first n messages. When only some were taken, the kernel
// keeps the error to itself; the next call meets it again.
//
// A call that cannot block is not worth telling the runtime of: it would give
// the sender's processor away, and wake a thread, for every batch that takes 20 µs.
func (s *packetSender) transmit(n int) (int, error) {
	call, flags := unix.RawSyscall6, uintptr(unix.MSG_DONTWAIT)
	if s.mayFill(n) {
		call, flags = unix.Syscall6, 0
	}
	for {
		done, _, errno := call(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.msgs)), uintptr(n), flags, 0, 0)
		switch errno {
		case 0:
			if int(done) < n {
				s.refused(1)
			}
			return int(done), nil
		case unix.EINTR:
		default:
			s.refused(1)
			return 0, os.NewSyscallError("sendmmsg", errno)
		}
	}
}

// mayFill reports whether n messages may fill the socket's buffer. A call that
// does not wait for room would then end in the middle of the batch, which looks
// as if the interface had refused a frame.
func (s *packetSender) mayFill(n int) bool {
	const each = 2 << 10 // more than the kernel takes for a short frame
	_, _, errno := unix.RawSyscall(unix.SYS_IOCTL, uintptr(s.fd), unix.SIOCOUTQ, uintptr(unsafe.Pointer(&s.queued)))
	return errno != 0 || int(s.queued)+n*each > s.buffer
}

func (s *packetSender) Close() error {
	s.counters.Close()
	return os.NewSyscallError("close packet socket", unix.Close(s.fd))
}
