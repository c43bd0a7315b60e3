package scanner

import (
	"strings"
	"testing"

	"github.com/memsweep/memsweep/exposure"
)

// What this machine lost on the way out was not asked.
func TestDropsMakeIncomplete(t *testing.T) {
	r := Result{Status: exposure.Complete}
	r.judge(true, false)
	if r.Status != exposure.Complete || len(r.Problems) != 0 {
		t.Errorf("nothing was lost: %s, %q", r.Status, r.Problems)
	}
	r.Coverage.InterfaceDrops = 3
	r.judge(true, false)
	if r.Status != exposure.Incomplete || !strings.Contains(strings.Join(r.Problems, "; "), "3 packets that an interface") {
		t.Errorf("%s, %q", r.Status, r.Problems)
	}
}
