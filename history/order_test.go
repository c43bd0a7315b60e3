package history_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/history/life"
	"github.com/memsweep/memsweep/targets"
)

// query reads rows of a history as lines, past the package.
func query(t testing.TB, path, text string, args ...any) (lines []string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(text, args...)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.TrimSpace(fmt.Sprintln(values...)))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

// whatItKnows is a history without the numbers of its rows and the times of imports.
func whatItKnows(t testing.TB, path string) string {
	t.Helper()
	var all []string
	for _, text := range []string{
		"SELECT v.name, v.trust FROM vantage v ORDER BY v.name",
		"SELECT s.scan, hex(s.digest), s.started, s.status, s.tally FROM sweep s ORDER BY s.scan",
		`SELECT v.name, hex(e.ip), e.transport, e.port, e.names, e.open, e.misses, e.first_seen, e.last_seen, e.last_asked, e.seen_until, e.since, e.fixed, e.urgency,
			e.severity, e.verdict, e.owner, hex(d.digest), e.baf, hex(told.digest), e.told_baf
			FROM exposure e JOIN vantage v ON v.id = e.vantage JOIN detail d ON d.id = e.detail JOIN detail told ON told.id = e.told ORDER BY 1, 2, 3, 4`,
		`SELECT v.name, hex(e.ip), e.transport, i.opened, i.fixed FROM interval i JOIN exposure e ON e.id = i.exposure JOIN vantage v ON v.id = e.vantage ORDER BY 1, 2, 3, 4`,
		eventKeys + " ORDER BY 1, 2, 3, 4, 5, 6",
		`SELECT s.scan, o.exposure IS NULL, hex(d.digest), o.baf, hex(e.ip), e.transport FROM observation o JOIN sweep s ON s.id = o.sweep JOIN exposure e ON e.id = o.exposure JOIN detail d ON d.id = o.detail ORDER BY 1, 5, 6`,
		`SELECT s.scan, t.severity, t.open FROM tally t JOIN sweep s ON s.id = t.sweep ORDER BY 1, 2`,
	} {
		all = append(all, query(t, path, text)...)
	}
	return strings.Join(all, "\n")
}

const eventKeys = `SELECT v.name, hex(e.ip), e.transport, x.at, x.kind, s.scan, x.again, x.severity, hex(was.digest), hex(now.digest), x.was_baf, x.now_baf
	FROM event x JOIN exposure e ON e.id = x.exposure JOIN vantage v ON v.id = e.vantage JOIN sweep s ON s.id = x.sweep
	LEFT JOIN detail was ON was.id = x.was LEFT JOIN detail now ON now.id = x.now`

// eventIDs are the IDs of events by what makes them the same.
func eventIDs(t testing.TB, path string) map[string]string {
	ids := map[string]string{}
	for _, line := range query(t, path, `SELECT x.id, v.name, hex(e.ip), e.transport, x.kind, s.scan
		FROM event x JOIN exposure e ON e.id = x.exposure JOIN vantage v ON v.id = e.vantage JOIN sweep s ON s.id = x.sweep`) {
		id, key, _ := strings.Cut(line, " ")
		ids[key] = id
	}
	return ids
}

var someStates = []what{
	{state: exposure.Open, version: "1.6.18"}, {state: exposure.Open, version: "1.6.39"}, {state: exposure.Open},
	{state: exposure.AuthRequired, version: "1.6.18"}, {state: exposure.Mute}, {state: exposure.Open, version: "1.6.18", owner: "Ada"},
	{state: exposure.Open, version: "1.6.18", baf: 10}, {state: exposure.Open, version: "1.6.18", baf: 11}, {state: exposure.Open, version: "1.6.18", baf: 16},
	{state: exposure.LocalError}, {state: exposure.NotScanned}, {state: exposure.Silent}, {state: exposure.Closed},
}

// drawSweeps draws sweeps of some vantages: with loss, unfinished, cut off, of
// parts of the network, of shards, some at the same time.
func drawSweeps(t *rapid.T) (list []swept) {
	hosts := 4
	truth := map[int]what{}
	for i := range rapid.IntRange(1, 8).Draw(t, "sweeps") {
		x := swept{id: fmt.Sprintf("s%d", i), vantage: rapid.SampledFrom([]string{"inet", "inet", "inet", "dmz"}).Draw(t, "vantage"), tcp: map[int]what{}, udp: map[int]what{}}
		x.at = dayOne.Add(time.Duration(rapid.IntRange(0, 12).Draw(t, "hour")) * time.Hour)
		x.lasts = time.Duration(rapid.SampledFrom([]int{0, 0, 0, 1, 90, 300}).Draw(t, "minutes")) * time.Minute
		x.plan = planOf(rapid.SampledFrom([]int{30, 30, 30, 31, 32}).Draw(t, "bits"))
		if rapid.IntRange(0, 4).Draw(t, "sharded") == 0 {
			x.plan.Shard = targets.Shard{Index: uint64(rapid.IntRange(1, 2).Draw(t, "shard")), Count: 2}
		}
		for k := range 2 * hosts {
			if rapid.IntRange(0, 2).Draw(t, "changes") == 0 {
				truth[k] = rapid.SampledFrom(someStates).Draw(t, "state")
				if rapid.IntRange(0, 2).Draw(t, "gone") == 0 {
					delete(truth, k)
				}
			}
			if w, ok := truth[k]; ok && rapid.IntRange(0, 9).Draw(t, "lost") > 0 {
				if k < hosts {
					x.tcp[k] = w
				} else {
					x.udp[k-hosts] = w
				}
			}
		}
		x.status = exposure.Complete
		for _, m := range []map[int]what{x.tcp, x.udp} {
			for _, w := range m {
				if w.state == exposure.LocalError || w.state == exposure.NotScanned {
					x.status = exposure.Incomplete
				}
			}
		}
		if rapid.IntRange(0, 5).Draw(t, "stopped") == 0 {
			x.status = exposure.Interrupted
		}
		x.cut = rapid.IntRange(0, 6).Draw(t, "cut") == 0
		list = append(list, x)
	}
	return list
}

// TestInPartForGood: a server that tells its version no more, sweep after sweep,
// has the life that its sweeps fold to.
func TestInPartForGood(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	for i, version := range []string{"1.6.18", "", "", "", ""} {
		take(t, s, swept{id: fmt.Sprintf("s%d", i), vantage: "inet", at: day(i), plan: planOf(30), tcp: map[int]what{1: {state: exposure.Open, version: version}}})
		clean(t, s)
	}
}

// TestSweepsAtTheSameTime: where a sweep saw an exposure and another one missed
// it before the first had ended, it is not known which of them asked last, and
// nothing is fixed.
func TestSweepsAtTheSameTime(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	open := map[int]what{1: {state: exposure.Open, version: "1.6.18"}}
	first := swept{id: "first", vantage: "inet", at: day(0), plan: planOf(29), tcp: open}
	long := swept{id: "long", vantage: "inet", at: day(1), lasts: 10 * time.Hour, plan: planOf(28), tcp: open}
	short := swept{id: "short", vantage: "inet", at: day(1).Add(3 * time.Hour), plan: planOf(29)}
	again := swept{id: "again", vantage: "inet", at: day(1).Add(5 * time.Hour), plan: planOf(29)}
	after := swept{id: "after", vantage: "inet", at: day(1).Add(10 * time.Hour), plan: planOf(29)}
	for name, order := range map[string][]swept{"as they began": {first, long, short}, "as they ended": {first, short, long}} {
		s, path := newStore(t)
		for _, x := range order {
			take(t, s, x)
		}
		clean(t, s)
		if n := query(t, path, "SELECT count(*) FROM exposure WHERE open"); n[0] != "1" {
			t.Errorf("%s: %s are open\n%s", name, n, strings.Join(told(t, s), "\n"))
		}
		for d, err := range s.Differences(ctx, first.at, short.at, history.Filter{}) {
			if err != nil || d.Kind != life.Still {
				t.Errorf("%s: %s, %v", name, d.Kind, err)
			}
		}
		for d, err := range s.Differences(ctx, long.at, short.at, history.Filter{}) {
			if err != nil || d.Kind != life.NotRescanned || d.Why != "closed, but a sweep that had not ended yet saw it: which asked last is not known" {
				t.Errorf("%s: %s, %q, %v", name, d.Kind, d.Why, err)
			}
		}
		if _, err := s.Prune(ctx, long.at.Add(time.Hour)); err != nil { // what the long one saw still counts
			t.Fatal(err)
		}
		clean(t, s)
		take(t, s, again)
		clean(t, s)
		if n := query(t, path, "SELECT count(*) FROM exposure WHERE open"); n[0] != "1" {
			t.Errorf("%s, pruned: %s are open", name, n)
		}
		take(t, s, after)
		clean(t, s)
		if n := query(t, path, "SELECT count(*) FROM exposure WHERE open"); n[0] != "0" {
			t.Errorf("%s: %s are open after all ended", name, n)
		}
	}
}

// TestAnyOrderIsTheRightOrder: reports may come as they like, in the end the
// history knows the same, and what was told keeps its number on the way.
func TestAnyOrderIsTheRightOrder(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	count := 0
	fresh := func(rt *rapid.T) (*history.Store, string) {
		count++
		path := filepath.Join(folder, fmt.Sprintf("%d.db", count))
		s, err := history.Open(context.Background(), path, history.Create)
		if err != nil {
			rt.Fatal(err)
		}
		return s, path
	}
	add := func(rt *rapid.T, s *history.Store, x swept) {
		if _, err := s.Import(context.Background(), bytes.NewReader(x.document(t, "jsonl")), x.id, exposure.Vantage{}, ""); err != nil {
			rt.Fatalf("import %s: %v", x.id, err)
		}
		if problems, err := s.Check(context.Background()); err != nil || len(problems) > 0 {
			rt.Fatalf("after %s: %v\n%s", x.id, err, strings.Join(problems, "\n"))
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		sweeps := drawSweeps(rt)
		right, rightPath := fresh(rt)
		defer right.Close()
		any, anyPath := fresh(rt)
		defer any.Close()
		inOrder := slices.Clone(sweeps)
		slices.SortStableFunc(inOrder, func(a, b swept) int { return a.at.Compare(b.at) })
		for _, x := range inOrder {
			add(rt, right, x)
		}
		shuffled := rapid.Permutation(sweeps).Draw(rt, "order")
		before := map[string]string{}
		for _, x := range shuffled {
			if !x.cut && rapid.IntRange(0, 3).Draw(rt, "part first") == 0 { // of a sweep that is resumed
				part := x
				part.cut = true
				if rapid.Bool().Draw(rt, "less") {
					part.udp = nil
				}
				add(rt, any, part)
			}
			add(rt, any, x)
			after := eventIDs(t, anyPath)
			for key, id := range before {
				if now, ok := after[key]; ok && now != id {
					rt.Fatalf("after %s, event %s has become %s: %s", x.id, id, now, key)
				}
			}
			before = after
		}
		if diff := cmp.Diff(strings.Split(whatItKnows(t, rightPath), "\n"), strings.Split(whatItKnows(t, anyPath), "\n")); diff != "" {
			rt.Fatalf("(-in order +in any order)\n%s", diff)
		}
	})
}
