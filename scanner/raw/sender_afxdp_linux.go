package raw

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// afxdpBatch is how many frames one system call takes: the kernel sends no more
// (TX_BATCH_SIZE, net/xdp/xsk.c).
const afxdpBatch = 32

// afxdpSender sends through an AF_XDP socket. It needs no more than a packet
// socket does, and a frame costs less: no message has to be copied in and
// looked through.
type afxdpSender struct {
	refusals
	t        *Template
	socket   *xsk
	free     []uint64 // chunks that hold nothing
	position uint32   // in the ring, of the next frame
}

func newAFXDPSender(path Path, t *Template) (_ Sender, err error) {
	if t.link == 0 {
		return nil, fmt.Errorf("%s has no Ethernet header", path.Interface)
	}
	s := &afxdpSender{t: t, free: make([]uint64, 0, xskFrames)}
	if s.counters, err = newCounters(path.Index); err != nil {
		return nil, err
	}
	if s.socket, err = openXSK(path.Index); err != nil {
		s.counters.Close()
		return nil, fmt.Errorf("open AF_XDP socket on %s: %w", path.Interface, err)
	}
	for i := range uint64(xskFrames) {
		copy(s.socket.chunk(i*xskChunk), t.frame)
		s.free = append(s.free, i*xskChunk)
	}
	return s, nil
}

func (s *afxdpSender) Name() string { return "afxdp" }

// Send implements Sender. ENOBUFS and EAGAIN mean that the interface is slower
// than the caller.
func (s *afxdpSender) Send(frames []Frame) (int, error) {
	if _, err := s.drain(); err != nil { // what an earlier error has left there
		return 0, err
	}
	sent := 0
	for sent < len(frames) {
		if err := s.offer(frames[sent:min(len(frames), sent+afxdpBatch)]); err != nil {
			return sent, err
		}
		before := s.socket.taken()
		lost, err := s.drain()
		taken := int(s.socket.taken() - before)
		if lost > 0 {
			return sent, overflow{sent: taken - lost}
		}
		sent += taken
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// offer puts the first of frames into the ring: as many as there is room for,
// and as are of the template's family.
func (s *afxdpSender) offer(frames []Frame) error {
	s.free = s.socket.reclaim(s.free)
	first := s.position
	for i := range frames[:min(len(frames), len(s.free))] {
		if !s.t.Takes(frames[i]) {
			break
		}
		at := s.free[len(s.free)-1]
		s.free = s.free[:len(s.free)-1]
		s.t.put(s.socket.chunk(at), &frames[i])
		s.socket.offer(s.position, at, s.t.Len())
		s.position++
	}
	s.socket.publish(s.position)
	switch {
	case s.position != first:
		return nil
	case len(s.free) == 0:
		return os.NewSyscallError("sendto", unix.ENOBUFS)
	}
	return errForeign(frames[0])
}

// drainTime is how long the interface may take no frame.
const drainTime = time.Second

// drain has the kernel send what is in the ring, and returns how many of these
// the interface has dropped.
func (s *afxdpSender) drain() (lost int, err error) {
	defer func() { s.refused(lost) }()
	var since time.Time
	for last := s.socket.taken(); last != s.position; {
		errno := s.socket.kick()
		taken := s.socket.taken()
		switch {
		case errno == unix.EBUSY && taken != last: // the last that was taken was dropped
			lost++
			since = time.Time{}
		case errno != 0 && errno != unix.EAGAIN && errno != unix.EINTR && errno != unix.EBUSY:
			return lost, os.NewSyscallError("sendto", errno)
		case taken != last:
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		case time.Since(since) > drainTime:
			return lost, os.NewSyscallError("sendto", unix.ENOBUFS)
		default:
			time.Sleep(20 * time.Microsecond)
		}
		last = taken
	}
	return lost, nil
}

func (s *afxdpSender) Close() error {
	s.counters.Close()
	return s.socket.Close()
}
