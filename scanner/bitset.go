package scanner

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"
	"sync/atomic"
)

// bitset holds one bit an address. Its methods may be called concurrently.
type bitset []uint64

func newBitset(n uint64) bitset { return make(bitset, (n+63)/64) }

func (b bitset) has(i uint64) bool {
	return atomic.LoadUint64(&b[i/64])&(1<<(i%64)) != 0
}

// set sets bit i and reports whether it was clear before.
func (b bitset) set(i uint64) bool {
	return atomic.OrUint64(&b[i/64], 1<<(i%64))&(1<<(i%64)) == 0
}

// clear clears bit i and reports whether it was set before.
func (b bitset) clear(i uint64) bool {
	return atomic.AndUint64(&b[i/64], ^uint64(1<<(i%64)))&(1<<(i%64)) != 0
}

// pack returns the bits in a compact form; most sets are nearly all zeros or
// all ones.
func (b bitset) pack() []byte {
	var out bytes.Buffer
	z, err := flate.NewWriter(&out, flate.BestSpeed)
	if err != nil {
		panic(err) // only an unknown level
	}
	var chunk [4096]byte
	for i := 0; i < len(b); {
		n := 0
		for ; i < len(b) && n < len(chunk); i, n = i+1, n+8 {
			binary.LittleEndian.PutUint64(chunk[n:], atomic.LoadUint64(&b[i]))
		}
		z.Write(chunk[:n]) // a bytes.Buffer does not fail
	}
	z.Close()
	return out.Bytes()
}

// unpackBitset reads what pack wrote for n bits. Anything else is an error,
// and costs no more memory than n bits.
func unpackBitset(packed []byte, n uint64) (bitset, error) {
	b := newBitset(n)
	z := flate.NewReader(bytes.NewReader(packed))
	var word [8]byte
	for i := range b {
		if _, err := io.ReadFull(z, word[:]); err != nil {
			return nil, fmt.Errorf("bits end at %d of %d: %w", i*64, n, err)
		}
		b[i] = binary.LittleEndian.Uint64(word[:])
	}
	if k, err := z.Read(word[:1]); k != 0 || err != io.EOF {
		return nil, fmt.Errorf("more than %d bits", n)
	}
	if n%64 != 0 && b[len(b)-1]>>(n%64) != 0 {
		return nil, fmt.Errorf("bits set beyond %d", n)
	}
	return b, nil
}

func (b bitset) any() bool {
	for i := range b {
		if atomic.LoadUint64(&b[i]) != 0 {
			return true
		}
	}
	return false
}
