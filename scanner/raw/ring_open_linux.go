package raw

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/google/gopacket/layers"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// NewRing starts to receive what can answer questions that left by an
// interface from one of the ports; see Filter. It needs CAP_NET_RAW.
func NewRing(interfaceName string, ports PortRange, families ...Family) (*Ring, error) {
	r, err := newRing(interfaceName, ports, families)
	if err != nil {
		return nil, fmt.Errorf("receive on %s: %w", interfaceName, err)
	}
	return r, nil
}

func newRing(name string, ports PortRange, families []Family) (*Ring, error) {
	device, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	r := &Ring{name: name, index: device.Index, blocks: ringBlocks}
	return r, r.start(unix.SOCK_RAW, func(fd int) (layers.LinkType, []bpf.RawInstruction, error) {
		link, err := linkType(fd, name)
		if err != nil {
			return link, nil, err
		}
		program, err := Filter(link, ports, families...)
		return link, program, err
	})
}

// NewRingElsewhere starts to receive the same from all interfaces but some,
// from the IP header on: what differs from link to link is taken off.
func NewRingElsewhere(ports PortRange, but []int) (*Ring, error) {
	r := &Ring{name: "other interfaces", blocks: elsewhereBlocks}
	err := r.start(unix.SOCK_DGRAM, func(int) (layers.LinkType, []bpf.RawInstruction, error) {
		program, err := filterElsewhere(ports, but)
		return layers.LinkTypeRaw, program, err
	})
	if err != nil {
		return nil, fmt.Errorf("receive on %s: %w", r.name, err)
	}
	return r, nil
}

// start opens the socket, whose filter plan makes. After an error nothing is
// open.
func (r *Ring) start(kind int, plan func(fd int) (layers.LinkType, []bpf.RawInstruction, error)) error {
	// Protocol 0: nothing is received before bind names one.
	fd, err := unix.Socket(unix.AF_PACKET, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	r.file = os.NewFile(uintptr(fd), "packet socket on "+r.name)
	r.ready = r.await
	link, program, err := plan(fd)
	if err == nil {
		err = r.open(fd, link, program)
	}
	if err != nil {
		return errors.Join(err, r.Close())
	}
	return nil
}

func (r *Ring) open(fd int, link layers.LinkType, program []bpf.RawInstruction) (err error) {
	if r.decoder, err = NewDecoder(link); err != nil {
		return err
	}
	if err := attachFilter(fd, program); err != nil {
		return err
	}
	if err := r.share(fd); err != nil {
		return err
	}
	if r.conn, err = r.file.SyscallConn(); err != nil {
		return err
	}
	// Since Linux 4.20; before, decode leaves out what we sent.
	_ = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1)
	all := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL))
	address := &unix.SockaddrLinklayer{Protocol: all, Ifindex: r.index}
	return os.NewSyscallError("bind", unix.Bind(fd, address))
}

// share sets up the ring and maps it.
func (r *Ring) share(fd int) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return os.NewSyscallError("setsockopt PACKET_VERSION", err)
	}
	request := &unix.TpacketReq3{
		Block_size: ringBlock, Block_nr: uint32(r.blocks),
		Frame_size: ringFrame, Frame_nr: ringBlock / ringFrame * uint32(r.blocks),
		Retire_blk_tov: ringTimeout,
	}
	if err := unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, request); err != nil {
		return os.NewSyscallError("setsockopt PACKET_RX_RING", err)
	}
	memory, err := unix.Mmap(fd, 0, ringBlock*r.blocks, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	r.memory = memory
	return os.NewSyscallError("mmap", err)
}
