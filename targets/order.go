package targets

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"github.com/memsweep/memsweep/internal/handwritten"
)

// feistelRounds is how often the halves are mixed. Four rounds of good mixing
// make a pseudo-random permutation (Luby and Rackoff, 1988); two more cost
// little and serve the tiny domains, where a half is only a bit or two.
const feistelRounds = 6

// Order is a seeded permutation of the positions 0 to n−1. It needs no table
// and no state: any position can be asked for at any time, so a sweep
// restarts, and is split, anywhere. The same n and seed give the same order
// in every version of memsweep: checkpoints rely on it.
//
// It spreads load over networks. It is no cipher: who sees enough of the
// order can work out the seed.
type Order struct {
	n    uint64
	half uint // bits in one half of the Feistel domain, which is 2^(2·half) ≥ n
	keys [feistelRounds]uint64
}

// NewOrder returns the permutation of [0, n) that belongs to seed.
func NewOrder(n, seed uint64) Order {
	o := Order{n: n, half: 1}
	if n > 1 {
		o.half = uint(bits.Len64(n-1)+1) / 2
	}
	for i := range o.keys {
		seed += 0x9e3779b97f4a7c15 // the increment of SplitMix64 (Steele, Lea, Flood, 2014)
		o.keys[i] = mix(seed)
	}
	return o
}

// Len returns n.
func (o *Order) Len() uint64 { return o.n }

// At returns the element at position pos, pos < n; a larger one panics.
func (o *Order) At(pos uint64) uint64 {
	if pos >= o.n {
		panic(fmt.Sprintf("targets: position %d of an order of %d", pos, o.n))
	}
	// Cycle-walking: the domain is less than four times n, and a permutation
	// of the domain, followed until it lands below n, is one of [0, n).
	x := o.encrypt(pos)
	for x >= o.n {
		x = o.encrypt(x)
	}
	return x
}

// Fill is At for a row of positions: every step-th from first on. Four side by
// side take two thirds of the time, since each round waits for the one before.
func (o *Order) Fill(row []uint64, first, step uint64) {
	i := 0
	for ; i+4 <= len(row); i += 4 {
		if pos := first + uint64(i)*step; pos+3*step < o.n {
			o.encryptFour((*[4]uint64)(row[i:]), pos, step)
		} else {
			break
		}
		for k, x := range row[i : i+4] {
			for x >= o.n {
				x = o.encrypt(x)
			}
			row[i+k] = x
		}
	}
	for ; i < len(row); i++ {
		row[i] = o.At(first + uint64(i)*step)
	}
}

// encryptFour is encrypt for four positions, step apart.
func (o *Order) encryptFour(to *[4]uint64, first, step uint64) {
	half, mask := o.half, uint64(1)<<o.half-1
	a, b, c, d := first, first+step, first+2*step, first+3*step
	al, bl, cl, dl := a>>half, b>>half, c>>half, d>>half
	ar, br, cr, dr := a&mask, b&mask, c&mask, d&mask
	for _, key := range &o.keys {
		al, ar = ar, al^mix(ar^key)&mask
		bl, br = br, bl^mix(br^key)&mask
		cl, cr = cr, cl^mix(cr^key)&mask
		dl, dr = dr, dl^mix(dr^key)&mask
	}
	*to = [4]uint64{al<<half | ar, bl<<half | br, cl<<half | cr, dl<<half | dr}
}

// PositionOf returns where an element, which is below n, stands: the inverse
// of At.
func (o *Order) PositionOf(element uint64) uint64 {
	if element >= o.n {
		panic(fmt.Sprintf("targets: element %d of an order of %d", element, o.n))
	}
	x := o.decrypt(element)
	for x >= o.n {
		x = o.decrypt(x)
	}
	return x
}

// encrypt is a balanced Feistel network over 2·half bits.
func (o *Order) encrypt(x uint64) uint64 {
	mask := uint64(1)<<o.half - 1
	left, right := x>>o.half, x&mask
	for _, key := range &o.keys {
		left, right = right, left^mix(right^key)&mask
	}
	return left<<o.half | right
}

// decrypt is the inverse of encrypt.
func (o *Order) decrypt(x uint64) uint64 {
	mask := uint64(1)<<o.half - 1
	left, right := x>>o.half, x&mask
	for i := range o.keys {
		left, right = right^mix(left^o.keys[feistelRounds-1-i])&mask, left
	}
	return left<<o.half | right
}

// mix is the 64-bit finaliser of MurmurHash3 (Appleby, public domain), in the
// constants of Stafford's variant 13.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Shard is one of Count parts of an order: every Count-th position. The zero
// value, like 1/1, is the whole.
type Shard struct {
	Index uint64 // 1 to Count
	Count uint64
}

// ParseShard reads "1/4", the first of four.
func ParseShard(text string) (Shard, error) {
	index, count, _ := strings.Cut(text, "/")
	i, errIndex := strconv.ParseUint(index, 10, 32)
	n, errCount := strconv.ParseUint(count, 10, 32)
	switch {
	case errIndex != nil || errCount != nil:
		return Shard{}, fmt.Errorf("shard %s: not of the form i/n: write 1/4 for the first of four", handwritten.Quote(text))
	case n == 0:
		return Shard{}, fmt.Errorf("shard %s: no shards: write 1/1 for the whole", handwritten.Quote(text))
	case i == 0 || i > n:
		return Shard{}, fmt.Errorf("shard %s: no such shard: write 1/%d to %d/%d", handwritten.Quote(text), n, n, n)
	}
	return Shard{Index: i, Count: n}, nil
}

// String returns the form that ParseShard reads.
func (s Shard) String() string {
	s = s.whole()
	return fmt.Sprintf("%d/%d", s.Index, s.Count)
}

// MarshalText writes the form that ParseShard reads.
func (s Shard) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is ParseShard.
func (s *Shard) UnmarshalText(text []byte) (err error) {
	*s, err = ParseShard(string(text))
	return err
}

// Len returns how many of n positions belong to the shard.
func (s Shard) Len(n uint64) uint64 {
	s = s.whole()
	if n < s.Index {
		return 0
	}
	return (n-s.Index)/s.Count + 1
}

// Position returns the k-th position of the shard in the whole order,
// k < Len(n).
func (s Shard) Position(k uint64) uint64 {
	s = s.whole()
	return k*s.Count + s.Index - 1
}

// PlaceOf returns which of the shard's own positions that position of the
// whole order is, the inverse of Position, and whether it is one of them.
func (s Shard) PlaceOf(position uint64) (k uint64, ok bool) {
	s = s.whole()
	k = position / s.Count
	return k, position%s.Count == s.Index-1
}

// whole gives the zero value its meaning.
func (s Shard) whole() Shard {
	if s == (Shard{}) {
		return Shard{Index: 1, Count: 1}
	}
	return s
}
