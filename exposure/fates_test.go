package exposure

import (
	"math/bits"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestLookSaysWhatUnpackDoes: the same bits, without the memory.
func TestLookSaysWhatUnpackDoes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Range(1, 1<<19).Draw(t, "n")
		set := make([]byte, (n+7)/8)
		for range rapid.IntRange(0, 20).Draw(t, "set") {
			set[rapid.IntRange(0, len(set)-1).Draw(t, "byte")] |= rapid.Byte().Draw(t, "bits")
		}
		var places []uint64
		for range rapid.IntRange(0, 20).Draw(t, "places") {
			places = append(places, rapid.Uint64Range(0, n-1).Draw(t, "place"))
		}
		slices.Sort(places)
		at, count, err := PackBits(set).Look(n, places)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range places {
			if want := set[p/8]>>(p%8)&1 == 1; at[i] != want {
				t.Fatalf("bit %d is %v, want %v", p, at[i], want)
			}
		}
		want := uint64(0)
		for i, b := range set {
			if left := n - 8*uint64(i); left < 8 {
				b &= 1<<left - 1
			}
			want += uint64(bits.OnesCount8(b))
		}
		if count != want {
			t.Fatalf("%d are set, want %d", count, want)
		}
	})
}

func FuzzLook(f *testing.F) {
	f.Add([]byte(PackBits([]byte{0x81, 0, 0xff})), uint16(20))
	f.Add([]byte(nil), uint16(9))
	f.Add([]byte{0xff}, uint16(8))
	f.Fuzz(func(t *testing.T, packed []byte, length uint16) {
		n := uint64(length) + 1
		set, bad := PackedBits(packed).Unpack(n)
		at, _, err := PackedBits(packed).Look(n, []uint64{0, n / 2, n - 1})
		if (bad == nil) != (err == nil) {
			t.Fatalf("Unpack says %v, Look %v", bad, err)
		}
		if err != nil {
			return
		}
		for i, p := range []uint64{0, n / 2, n - 1} {
			if at[i] != (set[p/8]>>(p%8)&1 == 1) {
				t.Errorf("bit %d is %v", p, at[i])
			}
		}
	})
}
