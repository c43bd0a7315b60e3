package lab_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/internal/lab"
)

// expected is how many of n hosts chance lets through, less four standard
// deviations: a question counts when neither it nor its answer is lost.
func expected(n int, loss float64, tries int) int {
	miss := math.Pow(1-(1-loss)*(1-loss), float64(tries))
	mean := float64(n) * (1 - miss)
	return int(mean - 4*math.Sqrt(float64(n)*miss*(1-miss)))
}

// TestLoss sweeps through a network that loses packets in both directions. At
// 10% and three tries, chance finds 99.3% of all hosts.
func TestLoss(t *testing.T) {
	losses, probes, hosts := []int{10}, []string{"udp"}, 300
	if full() {
		losses, probes, hosts = []int{1, 10, 30}, []string{"udp", "tcp"}, 1000
	}
	for _, loss := range losses {
		t.Run(fmt.Sprint(loss), func(t *testing.T) {
			engines(t, func(t *testing.T, e engine) {
				l := lab.New(t, lab.Options{Within: within(small), Answering: hosts, Loss: loss, Seed: uint64(loss)})
				for _, probe := range probes {
					s := sweep(t, l, e, quick(probe, small, "--tries", "3")...)
					s.found(t, l, expected(hosts, float64(loss)/100, 3))
					t.Logf("%s: found %d of %d; %+v, exit %d, %q", probe, len(s.findings), hosts, s.outcomes(), s.Code, s.summary.Problems)
				}
			})
		})
	}
}

// TestLossOfMany holds the mean of 99% against enough hosts for it to show.
func TestLossOfMany(t *testing.T) {
	if !full() {
		t.Skip("long: set LAB_FULL=1")
	}
	engines(t, func(t *testing.T, e engine) {
		const hosts = 10_000
		l := lab.New(t, lab.Options{Within: within("10.65.0.0/18"), Answering: hosts, Loss: 10})
		s := sweep(t, l, e, "10.65.0.0/18", "--probe", "udp", "--rate", "20000", "--tries", "3", "--timeout", "500ms")
		s.found(t, l, hosts*99/100)
	})
}

// TestOverflow sends more than the scanner's own queue takes. What never left
// this machine must not pass for an address that was asked and kept silent: it
// is sent again, or it is reported and the sweep is incomplete.
func TestOverflow(t *testing.T) {
	engines(t, func(t *testing.T, e engine) {
		l := lab.New(t, lab.Options{Within: within(small), Answering: few, Queue: "rate 2mbit burst 4kb limit 8kb"})
		s := sweep(t, l, e, quick("udp", small)...)
		o := s.outcomes()
		missed := few - len(s.findings)
		lost := o.LocalError + o.NotScanned
		if uint64(missed) > lost {
			t.Errorf("%d hosts were missed, and only %d addresses are reported as not asked: %+v", missed, lost, o)
		}
		if lost > 0 && (s.Code != 3 || s.summary.Status != exposure.Incomplete) {
			t.Errorf("%d addresses were not asked, and the sweep ends with %d as %s", lost, s.Code, s.summary.Status)
		}
		t.Logf("found %d; %+v; local errors %v; exit %d", len(s.findings), o, s.summary.Coverage.LocalErrors, s.Code)
	})
}
