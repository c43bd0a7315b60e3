package history_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/memsweep/memsweep/exposure"
)

// TestLivesOfAFleet follows some servers through seven sweeps: each change is
// told once, and nothing is fixed that was not asked again.
func TestLivesOfAFleet(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	open := what{state: exposure.Open, version: "1.6.18", baf: 0}
	udp := what{state: exposure.Open, version: "1.6.18", baf: 100}
	louder := udp
	louder.baf = 160
	newer := open
	newer.version = "1.6.39"
	locked := what{state: exposure.AuthRequired, version: "1.6.18"}
	steps := []struct {
		swept
		want []string
	}{
		{swept{tcp: map[int]what{1: open, 2: open, 3: open}, udp: map[int]what{1: udp, 4: udp}}, []string{
			"new critical udp 1", "new critical tcp 1", "new critical tcp 2", "new critical tcp 3", "new critical udp 4",
		}},
		{swept{tcp: map[int]what{1: newer, 2: locked}, udp: map[int]what{1: louder}}, []string{
			"worse critical udp 1", "changed critical tcp 1", "better critical tcp 2", "fixed critical tcp 3",
		}},
		// Half of it is asked, and the sweep is interrupted: nobody is fixed by that.
		{swept{status: exposure.Interrupted, tcp: map[int]what{5: open}}, []string{"new critical tcp 5"}},
		// Another part of the network: what is not in the plan stays.
		{swept{plan: planOf(31), tcp: map[int]what{1: newer}, udp: map[int]what{1: louder}}, nil},
		{swept{tcp: map[int]what{1: newer, 3: open, 2: locked}, udp: map[int]what{}}, []string{
			"new again critical tcp 3", "fixed critical udp 4", "fixed critical tcp 5",
		}},
		{swept{cut: true, udp: map[int]what{4: udp}}, []string{"new again critical udp 4"}},
		{swept{tcp: map[int]what{1: newer, 3: open, 2: locked}, udp: map[int]what{4: udp}}, []string{"fixed critical udp 1"}},
	}
	var want []string
	for i, step := range steps {
		step.id, step.vantage, step.at = "s"+string(rune('0'+i)), "inet", day(i)
		if step.plan.Targets == nil {
			step.plan = planOf(29)
		}
		if step.status == exposure.Interrupted {
			for k := range 8 {
				if _, ok := step.tcp[k]; !ok {
					step.tcp[k] = what{state: exposure.NotScanned}
				}
			}
		}
		got := take(t, s, step.swept)
		for _, w := range step.want {
			want = append(want, step.id+" "+w)
		}
		if got.Again || got.Replaced || got.Changes != len(step.want) {
			t.Errorf("%s: %+v", step.id, got)
		}
		if diff := cmp.Diff(sorted(want), sorted(told(t, s))); diff != "" {
			t.Fatalf("%s (-want +got)\n%s", step.id, diff)
		}
		clean(t, s)
		for _, format := range []string{"json", "jsonl"} { // the same again, in any form
			if step.cut && format == "json" {
				continue
			}
			again, err := s.Import(context.Background(), bytes.NewReader(step.document(t, format)), "again", exposure.Vantage{}, "")
			if err != nil || !again.Again || again.Changes != 0 {
				t.Fatalf("%s as %s again: %+v, %v", step.id, format, again, err)
			}
		}
	}
}
