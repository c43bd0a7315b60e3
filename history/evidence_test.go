package history_test

import (
	"context"
	"testing"

	"github.com/memsweep/memsweep/exposure"
)

// TestEvidence: an exposure shows the finding of the sweep in which it last
// changed, or where that was dropped as reports came late, one that shows the
// same; and nothing else is kept.
func TestEvidence(t *testing.T) {
	t.Parallel()
	a, b := what{state: exposure.Open, version: "1.6.18"}, what{state: exposure.Open, version: "1.6.39"}
	var sweeps []swept
	for i, x := range []what{a, a, b, b, a, a} {
		sweeps = append(sweeps, swept{
			id: "s" + string(rune('0'+i)), vantage: "inet", at: day(i), plan: planOf(30),
			tcp: map[int]what{1: x}, udp: map[int]what{1: {state: exposure.Open, baf: 20}},
		})
	}
	for _, order := range [][]int{{0, 1, 2, 3, 4, 5}, {5, 4, 3, 2, 1, 0}, {0, 5, 2, 4, 1, 3}, {4, 0, 1, 5, 3, 2}} {
		s, path := newStore(t)
		for _, i := range order {
			take(t, s, sweeps[i])
			clean(t, s)
		}
		host, err := s.Host(context.Background(), lastByte(1))
		if err != nil || len(host.Exposures) != 2 {
			t.Fatal(host, err)
		}
		for _, x := range host.Exposures {
			if x.Finding == nil || x.Finding.IP != lastByte(1) || x.Finding.TCP == nil {
				t.Fatalf("order %v: %s: finding %+v of %s", order, x.Transport, x.Finding, x.Evidence)
			}
			if x.Transport == exposure.TCP && (*x.Finding.TCP.Version != a.version || order[0] == 0 && x.Evidence != "s4") {
				t.Errorf("order %v: the finding of %s shows %s", order, x.Evidence, *x.Finding.TCP.Version)
			}
		}
		if n := query(t, path, "SELECT count(*) <= 2 FROM finding"); n[0] != "1" {
			t.Errorf("order %v: findings are kept that nobody points to", order)
		}
		// A job that is told later is noted; nothing else changes.
		if _, err := importing(t, s, sweeps[0], "json"); err != nil {
			t.Fatal(err)
		}
	}
}
