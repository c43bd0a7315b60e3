package raw

import "encoding/binary"

// onesSum adds the 16-bit words of b, an odd last byte padded with zero: the
// sum that the Internet checksum is the complement of (RFC 1071, section 1).
// It is not folded; b is at most a frame long, so that nothing overflows.
func onesSum(b []byte) uint64 {
	var sum uint64
	for ; len(b) >= 2; b = b[2:] {
		sum += uint64(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint64(b[0]) << 8
	}
	return sum
}

// addrSum is onesSum of a 16-byte address, in fewer steps: words of any width
// may be added as long as the carries are folded back (RFC 1071, section 2).
func addrSum(b *[16]byte) uint64 {
	hi, lo := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	return hi>>32 + hi&0xffffffff + lo>>32 + lo&0xffffffff
}

// fold brings a sum down to 16 bits, carries added back in.
func fold(sum uint64) uint16 {
	sum = sum>>32 + sum&0xffffffff
	half := sum>>16 + sum&0xffff // at most 18 bits are left
	half = half>>16 + half&0xffff
	return uint16(half>>16 + half)
}
