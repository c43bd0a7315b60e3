package raw

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// newFrameMap returns the memory that the sender shares with its program.
func newFrameMap(size int) (*ebpf.Map, error) {
	m, err := ebpf.NewMap(&ebpf.MapSpec{
		Name:       "memsweep_frames",
		Type:       ebpf.Array,
		KeySize:    4,
		ValueSize:  uint32(size),
		MaxEntries: 1,
		Flags:      unix.BPF_F_MMAPABLE,
	})
	if err != nil {
		return nil, fmt.Errorf("create bpf map: %w", orCapability(err))
	}
	return m, nil
}

// What an XDP program returns (enum xdp_action, linux/bpf.h); XDP_REDIRECT is
// what bpf_redirect returns.
const (
	xdpDrop = 1
	xdpPass = 2
)

// Offsets in struct xdp_md (linux/bpf.h).
const (
	xdpData    = 0
	xdpDataEnd = 4
	xdpIngress = 12
)

// frameProgram is the XDP program that fills in the next frame and sends it to
// the interface:
//
//	if (ctx->ingress_ifindex != ifindex)
//		return XDP_PASS;
//	if (data + size > data_end || memory->next >= xdpSlots)
//		return XDP_DROP;
//	copy(data, memory->slots[memory->next++], size);
//	return bpf_redirect(ifindex, 0);
//
// What the sender runs it over claims to come from that interface: what does
// not are the packets of where it is anchored. It copies the whole frame: the
// kernel uses its pages again, with whatever the last receiver left in them,
// and that may have rewritten any header.
func frameProgram(memory, size, stride, ifindex int) *ebpf.ProgramSpec {
	insns := asm.Instructions{
		asm.LoadMem(asm.R2, asm.R1, xdpIngress, asm.Word),
		asm.JNE.Imm(asm.R2, int32(ifindex), "pass"),
		asm.LoadMem(asm.R6, asm.R1, xdpData, asm.Word),
		asm.LoadMem(asm.R7, asm.R1, xdpDataEnd, asm.Word),
		asm.Mov.Reg(asm.R8, asm.R6),
		asm.Add.Imm(asm.R8, int32(size)),
		asm.JGT.Reg(asm.R8, asm.R7, "drop"),
		asm.LoadMapValue(asm.R9, memory, 0),
		asm.LoadMem(asm.R1, asm.R9, 0, asm.Word),
		asm.JGE.Imm(asm.R1, xdpSlots, "drop"),
		asm.Mov.Reg(asm.R2, asm.R1),
		asm.Add.Imm(asm.R2, 1),
		asm.StoreMem(asm.R9, 0, asm.R2, asm.Word),
		asm.Mul.Imm(asm.R1, int32(stride)),
		asm.Add.Reg(asm.R9, asm.R1),
	}
	insns = append(insns, copyBytes(asm.R6, asm.R9, xdpHeader, size)...)
	insns = append(insns,
		asm.Mov.Imm(asm.R1, int32(ifindex)),
		asm.Mov.Imm(asm.R2, 0),
		asm.FnRedirect.Call(),
		asm.Return(),
		asm.Mov.Imm(asm.R0, xdpDrop).WithSymbol("drop"),
		asm.Return(),
		asm.Mov.Imm(asm.R0, xdpPass).WithSymbol("pass"),
		asm.Return(),
	)
	return &ebpf.ProgramSpec{Name: "memsweep_send", Type: ebpf.XDP, Instructions: insns, License: "Apache-2.0"}
}

// copyBytes copies size bytes from src+from to dst, eight at a time.
func copyBytes(dst, src asm.Register, from, size int) asm.Instructions {
	var insns asm.Instructions
	at := 0
	for _, word := range []asm.Size{asm.DWord, asm.Word, asm.Half, asm.Byte} {
		for ; at+word.Sizeof() <= size; at += word.Sizeof() {
			insns = append(insns, asm.LoadMem(asm.R1, src, int16(from+at), word), asm.StoreMem(dst, int16(at), asm.R1, word))
		}
	}
	return insns
}
