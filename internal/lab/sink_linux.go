package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
)

// sink attaches a program to the target's interface that drops what goes to a
// silent address while it is still a frame.
func (l *Lab) sink() error {
	if l.options.Rest != Vanishing {
		return nil
	}
	if l.six() {
		return errors.New("sink: IPv4 only")
	}
	answering, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 1, MaxEntries: uint32(len(l.answering) + 1)})
	if err != nil {
		return fmt.Errorf("sink: make map: %w", err)
	}
	defer answering.Close() // the program keeps it
	for _, a := range append(l.answering, l.addrs.target.Addr()) {
		if err := answering.Put(a.As4(), uint8(1)); err != nil {
			return fmt.Errorf("sink: %w", err)
		}
	}
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, License: "GPL", Instructions: sinkProgram(answering.FD(), l.options.Range)})
	if err != nil {
		return fmt.Errorf("sink: load program: %w", err)
	}
	defer prog.Close()
	return l.target.inside(func() error {
		device, err := net.InterfaceByName(targetLink)
		if err != nil {
			return err
		}
		l.xdp, err = link.AttachXDP(link.XDPOptions{Program: prog, Interface: device.Index, Flags: link.XDPDriverMode})
		return err
	})
}

// sinkProgram drops IPv4 packets to addresses of all that are not in the map.
func sinkProgram(answering int, all netip.Prefix) asm.Instructions {
	const (
		ethertype, destination = 12, 14 + 16 // RFC 894; RFC 791, section 3.1
		end                    = destination + 4
		ipv4                   = 0x0800
		data, dataEnd          = 0, 4 // struct xdp_md, linux/bpf.h
		drop, pass             = 1, 2 // enum xdp_action, linux/bpf.h
	)
	net := all.Masked().Addr().As4()
	return asm.Instructions{
		asm.LoadMem(asm.R2, asm.R1, data, asm.Word),
		asm.LoadMem(asm.R3, asm.R1, dataEnd, asm.Word),
		asm.Mov.Reg(asm.R4, asm.R2),
		asm.Add.Imm(asm.R4, end),
		asm.JGT.Reg(asm.R4, asm.R3, "pass"),
		asm.LoadMem(asm.R5, asm.R2, ethertype, asm.Half),
		asm.HostTo(asm.BE, asm.R5, asm.Half),
		asm.JNE.Imm(asm.R5, ipv4, "pass"),
		asm.LoadMem(asm.R5, asm.R2, destination, asm.Word),
		asm.StoreMem(asm.RFP, -4, asm.R5, asm.Word),
		asm.HostTo(asm.BE, asm.R5, asm.Word),
		asm.RSh.Imm(asm.R5, int32(32-all.Bits())),
		asm.JNE.Imm(asm.R5, int32(binary.BigEndian.Uint32(net[:])>>(32-all.Bits())), "pass"),
		asm.LoadMapPtr(asm.R1, answering),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JNE.Imm(asm.R0, 0, "pass"),
		asm.Mov.Imm(asm.R0, drop),
		asm.Return(),
		asm.Mov.Imm(asm.R0, pass).WithSymbol("pass"),
		asm.Return(),
	}
}
