package targets

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// wantPermutation checks that visit yields each number below n once.
func wantPermutation(t interface{ Fatalf(string, ...any) }, n uint64, visit func(yield func(uint64))) {
	seen := make([]bool, n)
	var total uint64
	visit(func(x uint64) {
		if x >= n || seen[x] {
			t.Fatalf("%d of [0, %d) out of range or twice", x, n)
		}
		seen[x] = true
		total++
	})
	if total != n {
		t.Fatalf("%d of %d visited", total, n)
	}
}

func TestOrderIsAPermutation(t *testing.T) {
	for n := range uint64(300) {
		for seed := range uint64(5) {
			o := NewOrder(n, seed)
			wantPermutation(t, n, func(yield func(uint64)) {
				for pos := range n {
					yield(o.At(pos))
				}
			})
		}
	}
}

// Whatever the size, the number of shards and the point of restart, the
// shards together ask each address once.
// Where an element stands can be asked as well as what stands somewhere.
func TestOrderInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Range(1, 1<<33).Draw(t, "n")
		o := NewOrder(n, rapid.Uint64().Draw(t, "seed"))
		pos := rapid.Uint64Range(0, n-1).Draw(t, "pos")
		if back := o.PositionOf(o.At(pos)); back != pos {
			t.Fatalf("position %d holds %d, which stands at %d", pos, o.At(pos), back)
		}
		count := rapid.Uint64Range(1, 70).Draw(t, "shards")
		mine := 0
		for i := range count {
			s := Shard{Index: i + 1, Count: count}
			if k, ok := s.PlaceOf(pos); ok {
				mine++
				if s.Position(k) != pos || k >= s.Len(n) {
					t.Fatalf("shard %v: position %d is its own %d", s, pos, k)
				}
			}
		}
		if mine != 1 {
			t.Fatalf("position %d is in %d shards", pos, mine)
		}
	})
}

// TestOrderFill: a row is what At says one by one, whatever its length, and
// however little of the domain is used.
func TestOrderFill(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.OneOf(rapid.Uint64Range(1, 300), rapid.Uint64Range(1, 1<<40)).Draw(t, "n")
		o := NewOrder(n, rapid.Uint64().Draw(t, "seed"))
		step := rapid.Uint64Range(1, 9).Draw(t, "step")
		first := rapid.Uint64Range(0, n-1).Draw(t, "first")
		row := make([]uint64, rapid.Uint64Range(0, min(70, (n-1-first)/step+1)).Draw(t, "length"))
		o.Fill(row, first, step)
		for i, got := range row {
			if want := o.At(first + uint64(i)*step); got != want {
				t.Fatalf("position %d of %d from %d by %d: %d, want %d", i, len(row), first, step, got, want)
			}
		}
	})
}

func TestOrderShardedAndRestarted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Range(0, 5000).Draw(t, "n")
		seed := rapid.Uint64().Draw(t, "seed")
		count := rapid.Uint64Range(1, 70).Draw(t, "shards")
		wantPermutation(t, n, func(yield func(uint64)) {
			for index := uint64(1); index <= count; index++ {
				shard := Shard{Index: index, Count: count}
				stop := rapid.Uint64Range(0, shard.Len(n)).Draw(t, "stop")
				before := NewOrder(n, seed)
				for k := range stop {
					yield(before.At(shard.Position(k)))
				}
				after := NewOrder(n, seed)
				for k := stop; k < shard.Len(n); k++ {
					yield(after.At(shard.Position(k)))
				}
			}
		})
	})
}

// Any set, walked in any order, yields each of its addresses once.
func TestOrderOverSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := setOf(drawRanges(t, "set"))
		o := NewOrder(set.Len(), rapid.Uint64().Draw(t, "seed"))
		wantPermutation(t, set.Len(), func(yield func(uint64)) {
			for pos := range set.Len() {
				i, ok := set.Index(set.At(o.At(pos)))
				if !ok {
					t.Fatalf("position %d is not in the set", pos)
				}
				yield(i)
			}
		})
	})
}

func TestOrderOfHugeDomains(t *testing.T) {
	for _, n := range []uint64{1<<32 - 1, 1 << 32, 1<<32 + 1, 1<<61 + 3, 1 << 62, math.MaxUint64} {
		o := NewOrder(n, 42)
		seen := map[uint64]bool{}
		for i := range uint64(1000) {
			for _, pos := range []uint64{i, n/2 + i, n - 1 - i} {
				x := o.At(pos)
				if x >= n || seen[x] {
					t.Fatalf("n %d: At(%d) = %d, out of range or twice", n, pos, x)
				}
				seen[x] = true
			}
		}
	}
}

// A checkpoint of one version must mean the same in the next.
func TestOrderIsStable(t *testing.T) {
	for _, c := range []struct{ n, seed, pos, want uint64 }{
		{256, 1, 0, 155}, {1 << 24, 1, 12345, 7048887}, {1<<32 + 7, 99, 1 << 31, 2406441690},
	} {
		o := NewOrder(c.n, c.seed)
		if got := o.At(c.pos); got != c.want {
			t.Errorf("NewOrder(%d, %d).At(%d) = %d, want %d", c.n, c.seed, c.pos, got, c.want)
		}
	}
}

func TestOrderAtOutOfRangePanics(t *testing.T) {
	for _, n := range []uint64{0, 1, 5} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("At(%d) of %d did not panic", n, n)
				}
			}()
			o := NewOrder(n, 1)
			o.At(n)
		}()
	}
}

// Consecutive questions must not fall on one network: of 2^16 addresses in
// 256 networks of 256, a random order puts 1 step in 256 into the same
// network, 256 in all, and 2 steps in all between neighbours.
func TestOrderSpreadsConsecutivePositions(t *testing.T) {
	const n = 1 << 16
	for seed := range uint64(8) {
		o := NewOrder(n, seed)
		var sameNetwork, neighbours int
		var steps [16]int // by sixteenth of the address space, the direct correlation
		last := o.At(n - 1)
		for pos := range uint64(n) {
			x := o.At(pos)
			if x/256 == last/256 {
				sameNetwork++
			}
			if x-last+1 <= 2 {
				neighbours++
			}
			steps[(x-last)%n*16/n]++
			last = x
		}
		if sameNetwork < 150 || sameNetwork > 400 {
			t.Errorf("seed %d: %d steps stay in their network, about 256 expected", seed, sameNetwork)
		}
		if neighbours > 20 {
			t.Errorf("seed %d: %d steps go to a neighbour, about 2 expected", seed, neighbours)
		}
		for i, got := range steps {
			if got < 3700 || got > 4500 { // 4096 expected, standard deviation 62
				t.Errorf("seed %d: %d steps are %d/16 of the space long, about 4096 expected", seed, got, i)
			}
		}
	}
}

// Any short stretch of the order touches the whole space evenly: the first
// 4096 of 2^16 put about 16 questions into each of 256 networks.
func TestOrderStretchesAreEven(t *testing.T) {
	const n = 1 << 16
	for seed := range uint64(8) {
		o := NewOrder(n, seed)
		var networks [256]int
		for pos := range uint64(4096) {
			networks[o.At(pos)/256]++
		}
		var chi2 float64
		for _, got := range networks {
			chi2 += float64((got-16)*(got-16)) / 16
		}
		// 255 degrees of freedom: mean 255, standard deviation 22.6.
		if chi2 > 255+5*22.6 || chi2 < 255-5*22.6 {
			t.Errorf("seed %d: chi-squared %.0f, about 255 expected", seed, chi2)
		}
	}
}

// Two seeds agree in about one position of any n.
func TestOrderSeedsDiffer(t *testing.T) {
	const n = 10007
	for seed := range uint64(20) {
		a, b := NewOrder(n, seed), NewOrder(n, seed+1)
		var same int
		for pos := range uint64(n) {
			if a.At(pos) == b.At(pos) {
				same++
			}
		}
		if same > 12 {
			t.Errorf("seeds %d and %d agree in %d positions, about 1 expected", seed, seed+1, same)
		}
	}
}

func TestShardZeroValueIsTheWhole(t *testing.T) {
	var s Shard
	if s.Len(10) != 10 || s.Position(9) != 9 || s.String() != "1/1" {
		t.Errorf("Len %d, Position(9) %d, %s", s.Len(10), s.Position(9), s)
	}
}

func TestParseShard(t *testing.T) {
	for text, want := range map[string]Shard{"1/4": {1, 4}, "4/4": {4, 4}, "1/1": {1, 1}} {
		if got, err := ParseShard(text); err != nil || got != want || got.String() != text {
			t.Errorf("ParseShard(%q) = %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"":     `shard "": not of the form i/n: write 1/4 for the first of four`,
		"1":    `shard "1": not of the form i/n: write 1/4 for the first of four`,
		"a/b":  `shard "a/b": not of the form i/n: write 1/4 for the first of four`,
		"-1/4": `shard "-1/4": not of the form i/n: write 1/4 for the first of four`,
		"1/0":  `shard "1/0": no shards: write 1/1 for the whole`,
		"0/4":  `shard "0/4": no such shard: write 1/4 to 4/4`,
		"5/4":  `shard "5/4": no such shard: write 1/4 to 4/4`,
	} {
		if _, err := ParseShard(text); err == nil || err.Error() != want {
			t.Errorf("ParseShard(%q): %v, want %s", text, err, want)
		}
	}
}
