package scanner

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"

	"github.com/dchest/siphash"
)

// Cookies turns an endpoint into a number that nobody outside can foresee, and
// that is computed again when a reply comes: what was asked needs no table.
// It is SipHash-2-4 under a key that only the sweep's seed gives.
type Cookies struct{ k0, k1 uint64 }

// NewCookies returns the cookies of a sweep. Unless its user chose the seed,
// that is random, and not known to anybody before the report is written.
func NewCookies(seed uint64) Cookies {
	key := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("memsweep cookie/1 "), seed))
	return Cookies{binary.BigEndian.Uint64(key[:]), binary.BigEndian.Uint64(key[8:])}
}

// Of returns the cookie of an endpoint: 64 keyed bits. It does not allocate.
// IPv4 takes one block less: how long the input is, is part of the hash.
func (c Cookies) Of(addr netip.Addr, port uint16) uint64 {
	if addr.Is4() {
		a := addr.As4()
		return siphash.Hash(c.k0, c.k1, []byte{a[0], a[1], a[2], a[3], byte(port >> 8), byte(port)})
	}
	a := addr.As16()
	var b [18]byte
	copy(b[:], a[:])
	b[16], b[17] = byte(port>>8), byte(port)
	return siphash.Hash(c.k0, c.k1, b[:])
}
