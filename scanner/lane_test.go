package scanner

import (
	"bytes"
	"context"
	"io"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/targets"
)

func testLane(t interface{ Fatal(...any) }, addresses int, plan Plan) *lane {
	var prefixes []netip.Prefix
	for i := range addresses {
		a := netip.AddrFrom4([4]byte{127, 9, byte(i >> 8), byte(i)})
		prefixes = append(prefixes, netip.PrefixFrom(a, 32))
	}
	set, err := targets.SetOf(prefixes...)
	if err != nil {
		t.Fatal(err)
	}
	return newLane(0, Plan{Probes: []string{"memcached-udp"}, Port: 1}.probes()[0], set, targets.Set{}, plan)
}

// However often a lane is stopped and set back, in the end every address has
// been asked, and every one that did not settle exactly once a pass.
func TestLaneAsksEveryAddress(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 300).Draw(t, "addresses")
		count := rapid.Uint64Range(1, 4).Draw(t, "shards")
		plan := Plan{
			Seed: rapid.Uint64().Draw(t, "seed"), Tries: rapid.IntRange(1, 3).Draw(t, "tries"),
			Shard: targets.Shard{Index: rapid.Uint64Range(1, count).Draw(t, "shard"), Count: count},
		}
		l := testLane(t, n, plan)
		asked := map[netip.Addr]int{}
		settled := map[netip.Addr]bool{}
		for !l.done() {
			stop := rapid.IntRange(0, n).Draw(t, "stop after")
			for q := range l.questions(context.Background()) {
				if settled[q.Addr] {
					t.Fatalf("%s was asked after it had settled", q.Addr)
				}
				if stop == 0 {
					l.unask(q)
					break
				}
				stop--
				asked[q.Addr]++
				if rapid.Bool().Draw(t, "settles") {
					l.settle(q.Pos)
					settled[q.Addr] = true
				}
			}
			l.nextPass()
		}
		if len(asked) != int(l.positions()) {
			t.Fatalf("%d of %d addresses were asked", len(asked), l.positions())
		}
		for a, times := range asked {
			if !settled[a] && times != plan.Tries {
				t.Fatalf("%s was asked %d times in %d passes", a, times, plan.Tries)
			}
		}
		o, _ := l.outcomes(func(netip.Addr) bool { return true })
		want := exposure.Outcomes{Answered: uint64(len(settled)), Silent: l.positions() - uint64(len(settled))}
		if o != want {
			t.Fatalf("outcomes %+v, want %+v", o, want)
		}
	})
}

// What was not reached is not scanned, never silent or closed.
func TestLaneOutcomesWhenStopped(t *testing.T) {
	l := testLane(t, 100, Plan{Tries: 2, Shard: targets.Shard{Index: 1, Count: 1}})
	asked := 0
	for q := range l.questions(t.Context()) {
		switch asked++; asked {
		case 1:
			l.settle(q.Pos)
		case 2:
			l.failed.set(q.Pos)
		}
		if asked == 10 {
			break
		}
	}
	got, _ := l.outcomes(func(netip.Addr) bool { return false })
	if want := (exposure.Outcomes{Closed: 1, LocalError: 1, Silent: 8, NotScanned: 90}); got != want {
		t.Errorf("outcomes %+v, want %+v", got, want)
	}
}

// Whatever happened, and wherever it stopped: what is written of the endpoints
// that did not answer agrees with what the lane knows of each.
func TestLaneFates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 300).Draw(t, "addresses")
		count := rapid.Uint64Range(1, 3).Draw(t, "shards")
		plan := Plan{Seed: 7, Tries: rapid.IntRange(1, 2).Draw(t, "tries"), Shard: targets.Shard{Index: rapid.Uint64Range(1, count).Draw(t, "shard"), Count: count}}
		l := testLane(t, n, plan)
		if left := rapid.IntRange(0, 5).Draw(t, "left out"); left < n {
			l.skip, _ = targets.SetOf(netip.PrefixFrom(l.set.At(uint64(left)), 32))
		}
		want := map[netip.Addr]exposure.State{}
		for stop := rapid.IntRange(0, n).Draw(t, "stop after"); ; l.nextPass() {
			for q := range l.questions(context.Background()) {
				if stop--; stop < 0 {
					l.unask(q)
					break
				}
				switch rapid.IntRange(0, 5).Draw(t, "what happens") {
				case 0:
					l.settle(q.Pos)
					want[q.Addr] = exposure.Closed
				case 1:
					l.settle(q.Pos)
					want[q.Addr] = exposure.Open
				case 2:
					l.fail(q.Pos)
					want[q.Addr] = exposure.LocalError
				default:
					want[q.Addr] = exposure.Silent
				}
			}
			if stop < 0 || l.done() {
				break
			}
		}
		o, f := l.outcomes(func(a netip.Addr) bool { return want[a] == exposure.Open })
		closed, err := f.Closed.Unpack(l.set.Len())
		if err != nil {
			t.Fatal(err)
		}
		unasked, err := f.Unasked.Unpack(l.set.Len())
		if err != nil {
			t.Fatal(err)
		}
		has := func(set []byte, i uint64) bool { return set[i/8]&(1<<(i%8)) != 0 }
		for i := range l.set.Len() {
			state := want[l.set.At(i)]
			unknown := state == "" || state == exposure.LocalError
			if has(closed, i) != (state == exposure.Closed) || has(unasked, i) != unknown {
				t.Fatalf("%s is %q: closed %v, unasked %v", l.set.At(i), state, has(closed, i), has(unasked, i))
			}
		}
		if o.Sum() != l.addresses() {
			t.Fatalf("outcomes %+v of %d addresses", o, l.addresses())
		}
	})
}

// A lane is set back only to where everything had its time.
func TestLaneTick(t *testing.T) {
	l := testLane(t, 3000, Plan{Tries: 1, Shard: targets.Shard{Index: 1, Count: 1}})
	now := time.Now()
	if pos := l.tick(now, time.Second).pos; pos != 0 {
		t.Errorf("at the start: %d", pos)
	}
	for q := range l.questions(t.Context()) {
		if q.Pos == 1999 {
			break
		}
	}
	for step, want := range []uint64{0, 0, 2000 - MaxHeld} {
		now = now.Add(600 * time.Millisecond)
		if pos := l.tick(now, time.Second).pos; pos != want {
			t.Errorf("tick %d: position %d, want %d", step, pos, want)
		}
	}
}

// A lane that has begun to mend is set back to the pass before it as that was:
// one in which everything is asked.
func TestLaneTickBeforeMending(t *testing.T) {
	l := testLane(t, 10, Plan{Tries: 1, Shard: targets.Shard{Index: 1, Count: 1}})
	l.toMend = true
	for q := range l.questions(t.Context()) {
		l.fail(q.Pos)
	}
	now := time.Now()
	l.tick(now, time.Second)
	var keeper sync.WaitGroup
	keeper.Go(func() { l.tick(now, time.Second) }) // at any moment
	l.nextPass()
	keeper.Wait()
	if got := l.tick(now.Add(time.Millisecond), time.Second); !l.now().mending || got.mending || got.pass != 0 {
		t.Errorf("set back to %+v", got)
	}
}

// A candidate that is taken back after the next pass began must not make the
// lane believe that nothing is outstanding.
func TestLaneOutstanding(t *testing.T) {
	l := testLane(t, 2, Plan{Tries: 2, Shard: targets.Shard{Index: 1, Count: 1}})
	var asked []Question
	for q := range l.questions(t.Context()) {
		asked = append(asked, q)
	}
	l.settle(asked[0].Pos)
	l.nextPass()
	for range l.questions(t.Context()) {
	}
	l.unsettle(asked[0].Pos)
	if !l.outstanding() {
		t.Error("two silent addresses, and nothing outstanding")
	}
	l.settle(asked[0].Pos) // a late reply to the first pass
	if !l.outstanding() {
		t.Error("one silent address, and nothing outstanding")
	}
	l.settle(asked[1].Pos)
	if l.outstanding() {
		t.Error("all have answered, and something is outstanding")
	}
}

// A sweep that is resumed because this machine failed asks only those again.
func TestLaneMends(t *testing.T) {
	l := testLane(t, 100, Plan{Tries: 1, Shard: targets.Shard{Index: 1, Count: 1}})
	for q := range l.questions(t.Context()) {
		if q.Pos%10 == 0 {
			l.fail(q.Pos)
		}
	}
	l.nextPass()
	again := testLane(t, 100, Plan{Tries: 1, Shard: targets.Shard{Index: 1, Count: 1}})
	if err := again.restore(LaneState{Probe: l.probe.Name, Pass: 1, Settled: l.settled.pack(), Failed: l.failed.pack()}); err != nil {
		t.Fatal(err)
	}
	asked := 0
	for q := range again.questions(t.Context()) {
		if asked++; asked == 4 {
			again.unask(q)
			break
		}
	}
	if o, _ := again.outcomes(func(netip.Addr) bool { return false }); asked != 4 || o.LocalError != 7 || o.Silent != 93 {
		t.Errorf("asked %d: %+v", asked, o)
	}
}

// Whatever failed on this machine before is asked once more by a resumed sweep,
// wherever that was stopped.
func TestResumeMends(t *testing.T) {
	whole := Plan{Tries: 2, Shard: targets.Shard{Index: 1, Count: 1}}
	for _, stop := range []int{1, 50, 99, 100, 150, 200} {
		l := testLane(t, 100, whole)
		asked := 0
		for more := true; more && asked < stop; more = l.nextPass() {
			for q := range l.questions(t.Context()) {
				l.fail(q.Pos)
				if asked++; asked == stop {
					break
				}
			}
			if asked == stop {
				break
			}
		}
		again := testLane(t, 100, whole)
		state := LaneState{Probe: l.probe.Name, Pass: l.pass, Pos: l.pos, Settled: l.settled.pack(), Failed: l.failed.pack()}
		if err := again.restore(state); err != nil {
			t.Fatal(err)
		}
		for more := true; more; more = again.nextPass() {
			for range again.questions(t.Context()) {
			}
		}
		if o, _ := again.outcomes(func(netip.Addr) bool { return false }); o.Silent != 100 {
			t.Errorf("stopped after %d: %+v", stop, o)
		}
	}
}

func TestBitsetPack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Range(1, 20_000).Draw(t, "bits")
		b := newBitset(n)
		for range rapid.IntRange(0, 50).Draw(t, "set") {
			b.set(rapid.Uint64Range(0, n-1).Draw(t, "bit"))
		}
		got, err := unpackBitset(b.pack(), n)
		if err != nil {
			t.Fatal(err)
		}
		for i := range b {
			if got[i] != b[i] {
				t.Fatalf("word %d: %x, want %x", i, got[i], b[i])
			}
		}
		for _, wrong := range []uint64{n + 64, n/2 + 1} {
			if back, err := unpackBitset(b.pack(), wrong); err == nil && len(back) != len(b) {
				t.Fatalf("bits for %d were taken for %d", n, wrong)
			}
		}
	})
}

func FuzzUnpackBitset(f *testing.F) {
	f.Add(newBitset(100).pack(), uint64(100))
	f.Fuzz(func(t *testing.T, packed []byte, n uint64) {
		n %= 1 << 16
		b, err := unpackBitset(packed, n)
		if err != nil {
			return
		}
		again, err := unpackBitset(b.pack(), n)
		if err != nil || len(again) != len(b) {
			t.Fatalf("packing what was unpacked: %v", err)
		}
	})
}

// pendingCheckpoint is one in which an address waits to be interrogated.
func pendingCheckpoint(t testing.TB, addr string) []byte {
	s, err := New(testPlan(11211, "127.0.0.0/30"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.host(netip.MustParseAddr(addr)).sights[1] = &sight{}
	var saved bytes.Buffer
	if err := s.snapshot(0).write(&saved); err != nil {
		t.Fatal(err)
	}
	return saved.Bytes()
}

// TestCheckpointNamesTwice: an endpoint that waits twice would have two talkers
// at it, of which one may take back what the other has seen.
func TestCheckpointNamesTwice(t *testing.T) {
	lines := bytes.SplitAfter(pendingCheckpoint(t, "127.0.0.1"), []byte{'\n'})
	twice := bytes.Join([][]byte{lines[0], lines[1], lines[1], []byte(`{"hosts":2}`)}, nil)
	c, err := ReadCheckpoint(bytes.NewReader(twice))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(c.Plan, Options{Resume: c}); err == nil || !strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("taken, or refused for something else: %v", err)
	}
}

func FuzzReadCheckpoint(f *testing.F) {
	f.Add(pendingCheckpoint(f, "127.0.0.1"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ReadCheckpoint(bytes.NewReader(text))
		if err != nil {
			return
		}
		set, err := c.Plan.Set()
		if err != nil || set.Len() > 1<<16 {
			return
		}
		if s, err := New(c.Plan, Options{Resume: c}); err == nil {
			defer s.Close()
			for range s.Hosts() {
			}
			if err := s.snapshot(0).write(io.Discard); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func BenchmarkLaneQuestions(b *testing.B) {
	set, err := targets.SetOf(netip.MustParsePrefix("10.0.0.0/8"))
	if err != nil {
		b.Fatal(err)
	}
	l := newLane(0, Plan{Probes: []string{"memcached-udp"}, Port: 1}.probes()[0], set, targets.Set{}, Plan{Tries: 1 << 30, Shard: targets.Shard{Index: 1, Count: 1}})
	b.ReportAllocs()
	n := 0
	for n < b.N {
		for range l.questions(b.Context()) {
			if n++; n == b.N {
				return
			}
		}
		l.nextPass()
	}
}

func BenchmarkCookie(b *testing.B) {
	c, a := NewCookies(1), netip.MustParseAddr("10.1.2.3")
	b.ReportAllocs()
	for b.Loop() {
		c.Of(a, 11211)
	}
}
