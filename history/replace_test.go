package history_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/report"
)

func importing(t *testing.T, s *history.Store, x swept, format string) (history.Imported, error) {
	t.Helper()
	return s.Import(context.Background(), bytes.NewReader(x.document(t, format)), x.id, exposure.Vantage{}, "")
}

// TestOneSweepTwice: a finished report takes the place of an unfinished one, and
// nothing else does.
func TestOneSweepTwice(t *testing.T) {
	t.Parallel()
	s, path := newStore(t)
	open := what{state: exposure.Open, version: "1.6.18"}
	whole := swept{id: "s1", vantage: "inet", at: day(1), plan: planOf(29), tcp: map[int]what{1: open, 2: open, 3: open}}
	part := whole
	part.cut, part.tcp = true, map[int]what{1: open, 4: open}
	take(t, s, swept{id: "s0", vantage: "inet", at: day(0), plan: planOf(29), tcp: map[int]what{5: open}})
	take(t, s, part)
	clean(t, s)
	ids := eventIDs(t, path)
	got, err := importing(t, s, whole, "json")
	if err != nil || !got.Replaced || got.Again || got.Changes != 3 { // 2 and 3 are new, 5 is fixed
		t.Fatalf("%+v, %v", got, err)
	}
	clean(t, s)
	for key, id := range eventIDs(t, path) {
		if was, ok := ids[key]; ok && was != id {
			t.Errorf("%s was event %s, and is %s", key, was, id)
		}
	}
	if n := query(t, path, "SELECT count(*) FROM exposure WHERE ip = x'00000000000000000000FFFF7F010004'"); n[0] != "0" {
		t.Error("what only the report that was replaced saw is still there")
	}
	before := whatItKnows(t, path)
	if got, err := importing(t, s, part, "jsonl"); err != nil || !got.Again || got.Status == exposure.Complete || whatItKnows(t, path) != before {
		t.Errorf("the part after the whole: %+v, %v", got, err)
	}
	elsewhere, changed := whole, whole
	elsewhere.vantage = "dmz"
	changed.tcp = map[int]what{1: open}
	early := part
	early.id, early.at = "s2", day(2)
	take(t, s, early)
	earlier := early
	earlier.tcp = map[int]what{6: open}
	for name, tt := range map[string]struct {
		swept
		want string
	}{
		"elsewhere": {elsewhere, `from vantage "inet", and this report of it is from "dmz"`},
		"changed":   {changed, "complete, and this report of it says something else"},
		"cut again": {earlier, "ended no later"},
	} {
		if _, err := importing(t, s, tt.swept, "jsonl"); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	clean(t, s)
	if after := whatItKnows(t, path); !strings.Contains(after, "s2") || len(after) <= len(before) {
		t.Error("s2 is not there")
	}
}

// TestHeadersThatAreRefused have no place in a history.
func TestHeadersThatAreRefused(t *testing.T) {
	t.Parallel()
	s, path := newStore(t)
	x := swept{id: "s1", vantage: "inet", at: day(1), plan: planOf(30), tcp: map[int]what{1: {state: exposure.Open}}}
	for name, change := range map[string]func(*swept){
		"no time":       func(x *swept) { x.at = time.Time{} },
		"no vantage":    func(x *swept) { x.vantage = "" },
		"a long name":   func(x *swept) { x.vantage = strings.Repeat("x", 1000) },
		"a long ID":     func(x *swept) { x.id = strings.Repeat("x", 1000) },
		"not yet":       func(x *swept) { x.at = time.Now().Add(48 * time.Hour) },
		"before clocks": func(x *swept) { x.at = time.Date(1066, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		bad := x
		change(&bad)
		if _, err := importing(t, s, bad, "jsonl"); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if n := query(t, path, "SELECT count(*) FROM vantage"); n[0] != "0" {
		t.Error("something is left of it")
	}
	soon := x // clocks differ
	soon.id, soon.at = "soon", time.Now().Add(time.Hour)
	take(t, s, soon)
}

// TestForeignReports: what nmap and Shadowserver list is new, and nothing that
// they do not list is fixed.
func TestForeignReports(t *testing.T) {
	t.Parallel()
	s, path := newStore(t)
	x := swept{id: "s1", vantage: "x", at: day(1), plan: planOf(29), tcp: map[int]what{1: {state: exposure.Open}}, udp: map[int]what{2: {state: exposure.Open, baf: 20}}}
	later := x
	later.at, later.tcp, later.udp = day(2), map[int]what{3: {state: exposure.Open}}, nil
	for _, format := range []string{"nmap", "shadowserver"} {
		from := exposure.Vantage{Name: format, Trust: exposure.Untrusted}
		for i, y := range []swept{x, later, x} {
			doc := y.document(t, format)
			got, err := s.Import(context.Background(), bytes.NewReader(doc), format, from, "")
			if err != nil || got.Again != (i == 2) {
				t.Fatalf("%s %d: %+v, %v", format, i, got, err)
			}
		}
	}
	clean(t, s)
	if n := query(t, path, "SELECT count(*) FROM event WHERE kind = 'new'"); n[0] != "6" {
		t.Errorf("%s are new\n%s", n, strings.Join(told(t, s), "\n"))
	}
	if n := query(t, path, "SELECT count(*) FROM event WHERE kind = 'fixed'"); n[0] != "0" {
		t.Errorf("%s are fixed", n)
	}
}

// TestRecorderIsWhatImportIs: a sweep that is recorded as it runs is the report
// that it writes.
func TestRecorderIsWhatImportIs(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	x := swept{
		id: "s1", vantage: "inet", at: day(1).Add(123456789).In(time.FixedZone("", 3600)), plan: planOf(29),
		tcp: map[int]what{1: {state: exposure.Open, version: "1.6\xff\u202e.18"}}, udp: map[int]what{1: {state: exposure.Open, baf: 3.3}},
		names: map[int][]string{1: {"a.example"}},
	}
	rec, err := s.Record(context.Background(), "nightly")
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Close()
	if err := x.into(rec); err != nil {
		t.Fatal(err)
	}
	if got := rec.Imported(); got.Again || got.Findings != 1 || got.Changes != 2 {
		t.Errorf("%+v", got)
	}
	for _, format := range []string{"json", "jsonl"} {
		if got, err := importing(t, s, x, format); err != nil || !got.Again {
			t.Errorf("%s: %+v, %v", format, got, err)
		}
	}
	clean(t, s)
	if err := rec.Finding(exposure.Finding{}); err == nil {
		t.Error("a finding after the end")
	}
	if err := rec.End(report.Summary{}); err == nil {
		t.Error("a second end")
	}
}
