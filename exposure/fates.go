package exposure

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"math/bits"
)

// Fates says what became of the endpoints of one probe that did not answer.
// Those that are in neither set, and of which there is no finding, were asked
// and stayed silent.
type Fates struct {
	Closed  PackedBits `json:"closed"`  // refused
	Unasked PackedBits `json:"unasked"` // local error, or not scanned: nothing is known
}

// PackedBits is a set of addresses, one bit each, by their place in the plan's
// set in ascending order: bit i is bit i%8 of byte i/8. The bytes are packed as
// raw DEFLATE (RFC 1951), since most of them are alike; encoding/json writes
// that as base64. Nil is the empty set.
type PackedBits []byte

// PackBits packs a set; nil when it is empty.
func PackBits(set []byte) PackedBits {
	if len(bytes.TrimRight(set, "\x00")) == 0 {
		return nil
	}
	var out bytes.Buffer
	z, err := flate.NewWriter(&out, flate.BestSpeed)
	if err != nil {
		panic(err) // only an unknown level
	}
	z.Write(set) // a bytes.Buffer does not fail
	z.Close()
	return out.Bytes()
}

// Unpack returns the bits of n addresses. Anything else than what PackBits
// makes of so many is an error, and costs no more memory than they do.
func (p PackedBits) Unpack(n uint64) ([]byte, error) {
	set := make([]byte, (n+7)/8)
	if len(p) == 0 {
		return set, nil
	}
	z := flate.NewReader(bytes.NewReader(p))
	if _, err := io.ReadFull(z, set); err != nil {
		return nil, fmt.Errorf("unpack %d bits: %w", n, err)
	}
	if k, err := z.Read(make([]byte, 1)); k != 0 || !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("unpack %d bits: there are more", n)
	}
	return set, nil
}

// Look reads the bits of n addresses at some places, which ascend and are below
// n, and counts all that are set. Unlike Unpack it keeps none of the others, so
// that it needs no memory for them, only the time to read n bits.
func (p PackedBits) Look(n uint64, places []uint64) (at []bool, set uint64, err error) {
	at = make([]bool, len(places))
	if len(p) == 0 {
		return at, 0, nil
	}
	z := flate.NewReader(bytes.NewReader(p))
	buf := make([]byte, 1<<15)
	next := 0
	for first, left := uint64(0), (n+7)/8; left > 0; {
		part := buf[:min(left, uint64(len(buf)))]
		if _, err := io.ReadFull(z, part); err != nil {
			return nil, 0, fmt.Errorf("read %d bits: %w", n, err)
		}
		if used := n - first; used < 8*uint64(len(part)) {
			part[len(part)-1] &= 1<<(used%8) - 1 // the rest of the last byte is nobody's
		}
		for _, b := range part {
			set += uint64(bits.OnesCount8(b))
		}
		end := first + 8*uint64(len(part))
		for ; next < len(places) && places[next] < end; next++ {
			i := places[next] - first
			at[next] = part[i/8]>>(i%8)&1 == 1
		}
		first, left = end, left-uint64(len(part))
	}
	if k, err := z.Read(buf[:1]); k != 0 || !errors.Is(err, io.EOF) {
		return nil, 0, fmt.Errorf("read %d bits: there are more", n)
	}
	return at, set, nil
}
