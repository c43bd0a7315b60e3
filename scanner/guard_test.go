package scanner

import "testing"

// A machine that fails after long success is noticed within the window.
func TestFailingLately(t *testing.T) {
	var r recent
	for range 10_000 {
		r.add(1000, 0)
	}
	if r.failing() {
		t.Fatal("nothing has failed")
	}
	for looks := 1; ; looks++ {
		if r.add(1000, 1000); r.failing() {
			if looks > guardSamples {
				t.Errorf("noticed after %d looks", looks)
			}
			break
		}
	}
	for name, c := range map[string]struct {
		looks         int
		asked, failed int64
		want          bool
	}{
		"too early":    {guardSamples - 1, 1000, 1000, false},
		"too few":      {guardSamples, 9, 9, false},
		"half":         {guardSamples, 100, 50, false},
		"more":         {guardSamples, 100, 51, true},
		"nothing":      {guardSamples, 0, 0, false},
		"slow, failed": {guardSamples, 10, 10, true},
	} {
		var r recent
		for range c.looks {
			r.add(c.asked, c.failed)
		}
		if got := r.failing(); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// A lane begins to count anew with each pass.
func TestTalliesSince(t *testing.T) {
	seen, l := tallies{}, &lane{}
	for _, c := range [][4]int64{{100, 10, 100, 10}, {150, 10, 50, 0}, {20, 5, 20, 5}, {60, 5, 40, 0}} {
		if a, f := seen.since(l, c[0], c[1]); a != c[2] || f != c[3] {
			t.Errorf("%v: got %d and %d", c, a, f)
		}
	}
}
