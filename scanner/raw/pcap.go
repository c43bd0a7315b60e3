package raw

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// Link is an interface that frames come from.
type Link struct {
	Name string
	Type layers.LinkType
}

// Captured is one frame.
type Captured struct {
	Link  int // which of the links
	At    time.Time
	Frame []byte
	Wire  int // its length on the wire; at least that of Frame
	// Rebuilt means that it is our own, made once more when the reply to it
	// came, whose time it has.
	Rebuilt bool
}

// Bounds of what waits for a judgement: an address that talks too much loses
// its later frames, and one that comes when all is full loses them all.
const (
	maxFrames   = 32
	maxEvidence = 16 << 20 // bytes, what keeping a frame costs included
	frameCost   = 128
)

// Evidence keeps frames until their address turns out to be a finding, and
// writes those of findings as pcapng, with the finding's name beside every
// frame. Any goroutine may use it.
type Evidence struct {
	mu      sync.Mutex
	w       io.Writer
	links   int
	waiting map[netip.Addr][]Captured
	bytes   int
	lost    uint64
	buf     []byte
}

// NewEvidence writes the beginning of a capture with these links.
func NewEvidence(w io.Writer, links ...Link) (*Evidence, error) {
	if len(links) == 0 {
		return nil, fmt.Errorf("begin capture: no links")
	}
	// gopacket cannot write comments, so it only gets to write the beginning.
	var header bytes.Buffer
	interfaceOf := func(l Link) pcapgo.NgInterface { return pcapgo.NgInterface{Name: l.Name, LinkType: l.Type} }
	options := pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{Application: "memsweep"}}
	ng, err := pcapgo.NewNgWriterInterface(&header, interfaceOf(links[0]), options)
	for _, l := range links[1:] {
		if err == nil {
			_, err = ng.AddInterface(interfaceOf(l))
		}
	}
	if err == nil {
		err = ng.Flush()
	}
	if err == nil {
		_, err = w.Write(header.Bytes())
	}
	if err != nil {
		return nil, fmt.Errorf("begin capture: %w", err)
	}
	return &Evidence{w: w, links: len(links), waiting: map[netip.Addr][]Captured{}}, nil
}

// Add keeps a copy of a frame to or from an address, if there is room.
func (e *Evidence) Add(addr netip.Addr, c Captured) {
	e.mu.Lock()
	defer e.mu.Unlock()
	cost := len(c.Frame) + frameCost
	frames := e.waiting[addr]
	if len(frames) >= maxFrames || e.bytes+cost > maxEvidence || c.Link < 0 || c.Link >= e.links {
		e.lost++
		return
	}
	c.Frame = bytes.Clone(c.Frame)
	e.waiting[addr] = append(frames, c)
	e.bytes += cost
}

// Lost is how many frames there was no room for.
func (e *Evidence) Lost() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.lost
}

// Keep writes the frames of an address, in the order of their time; id names
// the finding.
func (e *Evidence) Keep(addr netip.Addr, id string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	frames := e.remove(addr)
	slices.SortStableFunc(frames, func(a, b Captured) int { return a.At.Compare(b.At) })
	e.buf = e.buf[:0]
	for _, c := range frames {
		comment := id
		if c.Rebuilt {
			comment += " (rebuilt as it was sent, with the time of the reply)"
		}
		e.buf = appendPacket(e.buf, c, comment)
	}
	if _, err := e.w.Write(e.buf); err != nil {
		return fmt.Errorf("write capture: %w", err)
	}
	return nil
}

func (e *Evidence) remove(addr netip.Addr) []Captured {
	frames := e.waiting[addr]
	for _, c := range frames {
		e.bytes -= len(c.Frame) + frameCost
	}
	delete(e.waiting, addr)
	return frames
}

// appendPacket appends an Enhanced Packet Block: draft-ietf-opsawg-pcapng,
// section 4.3; the time is in nanoseconds, as the interface block says.
func appendPacket(b []byte, c Captured, comment string) []byte {
	const enhancedPacket = 6
	start := len(b)
	ns := uint64(c.At.UnixNano())
	for _, field := range []uint32{
		enhancedPacket, 0, uint32(c.Link), uint32(ns >> 32), uint32(ns),
		uint32(len(c.Frame)), uint32(max(c.Wire, len(c.Frame))),
	} {
		b = binary.LittleEndian.AppendUint32(b, field)
	}
	b = appendPadded(b, c.Frame)
	b = appendComment(b, comment)
	length := uint32(len(b) - start + 4)
	binary.LittleEndian.PutUint32(b[start+4:], length)
	return binary.LittleEndian.AppendUint32(b, length)
}

// appendComment appends the options opt_comment and opt_endofopt:
// draft-ietf-opsawg-pcapng, section 3.5.
func appendComment(b []byte, comment string) []byte {
	const endOfOptions, commentOption = 0, 1
	if comment == "" {
		return b
	}
	comment = comment[:min(len(comment), 1<<16-1)]
	b = binary.LittleEndian.AppendUint16(b, commentOption)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(comment)))
	b = appendPadded(b, comment)
	return binary.LittleEndian.AppendUint32(b, endOfOptions)
}

// appendPadded appends data and what brings it to a multiple of 4 bytes.
func appendPadded[T string | []byte](b []byte, data T) []byte {
	b = append(b, data...)
	return append(b, make([]byte, -len(data)&3)...)
}
