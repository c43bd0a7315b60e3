package exposure

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
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
