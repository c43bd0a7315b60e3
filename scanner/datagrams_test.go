package scanner

import (
	"net/netip"
	"testing"
	"time"

	"github.com/memsweep/memsweep/internal/memtest"
	"github.com/memsweep/memsweep/internal/memtest/realtest"
)

// What comes after the end of a reply is traffic too: of a reply that comes
// twice, the last duplicate is counted as well.
func TestDuplicatesBehindTheEndAreCounted(t *testing.T) {
	t.Parallel()
	at := realtest.Fake(t, memtest.Duplicated).Addr
	plan := testPlan(at.Port(), netip.PrefixFrom(at.Addr(), at.Addr().BitLen()).String())
	plan.Timeout = Duration(4 * time.Second) // a second to linger: only a stalled machine needs it
	hosts, _ := collect(t, plan, Options{})
	for _, o := range hosts[at.Addr()].Observations {
		a := o.Amplification
		if a == nil {
			continue
		}
		if !a.Complete || a.Datagrams != 2*a.DatagramsUnique || a.Duplicates != a.DatagramsUnique {
			t.Errorf("%d datagrams, %d unique, %d duplicates, complete %t", a.Datagrams, a.DatagramsUnique, a.Duplicates, a.Complete)
		}
		return
	}
	t.Error("nothing was measured")
}
