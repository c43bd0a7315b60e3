package scanner

import (
	"strings"
	"testing"

	"github.com/memsweep/memsweep/exposure"
)

// What this machine lost on the way out was not asked, unless it was asked
// again in a later pass.
func TestDropsMakeIncomplete(t *testing.T) {
	for _, c := range []struct {
		drops uint64
		tries int
		want  exposure.Status
	}{
		{0, 1, exposure.Complete}, {1, 1, exposure.Incomplete}, {3, 1, exposure.Incomplete},
		{3, 2, exposure.Complete}, {2000, 2, exposure.Incomplete}, {2000, 3, exposure.Complete}, {200_000, 9, exposure.Incomplete},
	} {
		r := Result{Status: exposure.Complete, Coverage: exposure.Coverage{
			Planned: 100_000, PacketsSent: 200_000, InterfaceDrops: c.drops, Outcomes: exposure.Outcomes{Silent: 100_000},
		}}
		r.judge(true, false, c.tries)
		if said := strings.Join(r.Problems, "; "); r.Status != c.want || (said != "") != (c.want == exposure.Incomplete) {
			t.Errorf("%d drops, %d tries: %s, %q", c.drops, c.tries, r.Status, said)
		}
	}
}

func TestLocalErrorsAreNamed(t *testing.T) {
	r := Result{Coverage: exposure.Coverage{
		Planned: 9, Outcomes: exposure.Outcomes{LocalError: 9},
		LocalErrors: map[string]uint64{"no route": 4, "network is unreachable": 12, "no buffer space available": 4},
	}}
	r.judge(true, false, 1)
	const want = "9 endpoints could not be asked because of errors on this machine: network is unreachable (12), no buffer space available (4), no route (4)"
	if said := strings.Join(r.Problems, "; "); said != want {
		t.Errorf("got %q, want %q", said, want)
	}
}
