package scanner

import (
	"hash/maphash"
	"net/netip"
)

// cookies turns an endpoint into a number that nobody outside can foresee, and
// that is computed again when a reply comes: what was asked needs no table.
type cookies struct{ seed maphash.Seed }

func newCookies() cookies { return cookies{seed: maphash.MakeSeed()} }

// of returns the cookie of an endpoint: 64 keyed bits.
func (c cookies) of(addr netip.Addr, port uint16) uint64 {
	a := addr.As16()
	var b [18]byte
	copy(b[:], a[:])
	b[16], b[17] = byte(port>>8), byte(port)
	return maphash.Bytes(c.seed, b[:])
}
