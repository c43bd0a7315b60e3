package history_test

import (
	"context"
	"testing"

	"github.com/memsweep/memsweep/history"
)

// An Overview that is kept is of the file as it is, whoever wrote it.
func TestOverviewIsNeverOld(t *testing.T) {
	s, path := newStore(t)
	other, err := history.Open(context.Background(), path, history.ReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	k := keep(t, 20)
	for sweep := range 3 {
		record(t, s, sweep, k)
		for range 2 {
			for _, reader := range []*history.Store{s, other} {
				o, err := reader.Overview(context.Background())
				if err != nil || o.Vantages[0].Last.Started != day(sweep) {
					t.Fatalf("sweep %d: %+v, %v", sweep, o.Vantages, err)
				}
				o.Severities["low"] = 99 // nobody else's
			}
		}
	}
	if o, _ := s.Overview(context.Background()); o.Severities["low"] == 99 {
		t.Error("it was changed from outside")
	}
}
