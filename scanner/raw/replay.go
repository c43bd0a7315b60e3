package raw

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// Replay reads a capture, pcap or pcapng, and yields the packets that can be
// answers, as a Ring does, but to whatever port: UDP questions look like
// answers too. Slices of a packet are valid until the next. An error ends it.
// The capture must be one that the user trusts: package pcapgo takes the
// lengths in it at their word.
func Replay(r io.Reader) iter.Seq2[Packet, error] {
	return func(yield func(Packet, error) bool) {
		c, err := openCapture(r)
		if err != nil {
			yield(Packet{}, fmt.Errorf("read capture: %w", err))
			return
		}
		for {
			p, ok, err := c.next()
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(Packet{}, fmt.Errorf("read capture: %w", err))
				return
			}
			if ok && !yield(p, nil) {
				return
			}
		}
	}
}

// capture is a file being read, with a decoder for each link type in it.
type capture struct {
	source   gopacket.ZeroCopyPacketDataSource
	link     layers.LinkType // 0: it comes with each packet
	decoders map[layers.LinkType]*Decoder
}

// sectionHeader begins every pcapng file: draft-ietf-opsawg-pcapng, section
// 4.1. It reads the same in both byte orders.
const sectionHeader = 0x0a0d0d0a

func openCapture(r io.Reader) (c *capture, err error) {
	defer asError(&err)
	buffered := bufio.NewReader(r)
	magic, err := buffered.Peek(4)
	if err != nil {
		return nil, err
	}
	c = &capture{decoders: map[layers.LinkType]*Decoder{}}
	if binary.LittleEndian.Uint32(magic) == sectionHeader {
		c.source, err = pcapgo.NewNgReader(buffered, pcapgo.NgReaderOptions{WantMixedLinkType: true, SkipUnknownVersion: true})
		return c, err
	}
	file, err := pcapgo.NewReader(buffered)
	if err != nil {
		return nil, err
	}
	c.source, c.link = file, file.LinkType()
	return c, nil
}

func (c *capture) next() (p Packet, ok bool, err error) {
	data, info, err := c.read()
	if err != nil {
		return p, false, err
	}
	link := c.link
	if len(info.AncillaryData) > 0 {
		link, _ = info.AncillaryData[0].(layers.LinkType)
	}
	d := c.decoders[link]
	if d == nil {
		if d, err = NewDecoder(link); err != nil {
			return p, false, err
		}
		c.decoders[link] = d
	}
	ok = d.Decode(data, info.Timestamp, &p)
	p.Wire = info.Length
	return p, ok, nil
}

// read returns io.EOF only between packets. Package pcapgo panics on some files
// that are malformed.
func (c *capture) read() (data []byte, info gopacket.CaptureInfo, err error) {
	defer asError(&err)
	data, info, err = c.source.ZeroCopyReadPacketData()
	if err == io.EOF && info.CaptureLength > 0 {
		err = io.ErrUnexpectedEOF
	}
	return data, info, err
}

var errMalformed = errors.New("the file is malformed")

func asError(err *error) {
	if reason := recover(); reason != nil {
		*err = fmt.Errorf("%w: %v", errMalformed, reason)
	}
}
