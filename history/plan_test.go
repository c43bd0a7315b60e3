package history

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"modernc.org/sqlite"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history/life"
)

// overheard is a driver that keeps what is asked of it.
type overheard struct {
	path string
	mu   sync.Mutex
	all  map[string][]driver.NamedValue // by query, with the first arguments
}

func (o *overheard) Driver() driver.Driver { return nil }

func (o *overheard) Connect(context.Context) (driver.Conn, error) {
	c, err := (&sqlite.Driver{}).Open("file:" + o.path)
	return &heardConn{c, o}, err
}

type heardConn struct {
	driver.Conn
	by *overheard
}

func (c *heardConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, driver.TxOptions{})
}

func (c *heardConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.by.mu.Lock()
	c.by.all[query] = args
	c.by.mu.Unlock()
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

// TestNoPageReadsAllOfATable asks everything that pages ask, and has SQLite say
// how it goes about each statement: by an index, never through the whole of a
// table that grows, and never sorting more than what was picked one by one.
func TestNoPageReadsAllOfATable(t *testing.T) {
	t.Parallel()
	ctx, path := context.Background(), t.TempDir()+"/history.db"
	made, err := Open(ctx, path, Create)
	if err != nil {
		t.Fatal(err)
	}
	defer made.Close()
	fill(t, made.write)
	heard := &overheard{path: path, all: map[string][]driver.NamedValue{}}
	db := sql.OpenDB(heard)
	defer db.Close()
	ask(t, &Store{path: path, file: made.file, read: db})
	if len(heard.all) < 30 {
		t.Fatalf("only %d statements were heard", len(heard.all))
	}
	for query, named := range heard.all {
		var args []any
		for _, a := range named {
			args = append(args, a.Value)
		}
		plan := explain(t, made.write, query, args)
		if wrong := slow(plan); wrong != "" {
			t.Errorf("%s:\n%s\n%s", wrong, query, strings.Join(plan, "\n"))
		}
	}
	for _, known := range []string{"SELECT count(*) FROM observation", "SELECT names FROM exposure WHERE misses = 3", "SELECT id FROM event ORDER BY severity"} {
		if slow(explain(t, made.write, known, nil)) == "" {
			t.Errorf("it was not seen that this is slow: %s", known)
		}
	}
}

// fill puts one of everything in, so that each question leads to all that it can.
func fill(t *testing.T, db *sql.DB) {
	t.Helper()
	for _, statement := range []string{
		`INSERT INTO vantage VALUES (1, 'a', 'trusted'), (2, 'b', 'untrusted')`,
		`INSERT INTO sweep (id, scan, digest, vantage, job, started, finished, status, engine, plan, planned, answered, closed, silent, local_error, not_scanned, rate_asked, rate_achieved, imported, header, summary)
			VALUES (1, 's1', x'', 1, 'j', 1, 2, 'complete', 'socket', '', 1, 1, 0, 0, 0, 0, 1, 1, 3, x'', x''), (2, 's2', x'', 1, 'j', 5, 6, 'incomplete', 'socket', '', 1, 1, 0, 0, 0, 0, 1, 1, 7, x'', x'')`,
		`INSERT INTO detail VALUES (1, x'01', 'open', 'open', 5, 'none', 0, 'memcached', '', '1', 0, 0, 'o')`,
		`INSERT INTO tally VALUES (1, 5, 1)`,
		`INSERT INTO run VALUES (1, 'j', 1, 1, NULL, 'running', NULL, '', NULL)`,
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.Exec("BEGIN"); err != nil { // there is one connection
		t.Fatal(err)
	}
	for id := 1; id <= few+10; id++ { // more than few, so that lists are walked
		key := addressKey(netip.AddrFrom4([4]byte{10, 0, byte(id >> 8), byte(id)}))
		if _, err := db.Exec(`INSERT INTO exposure (id, vantage, ip, transport, port, names, open, misses, first_seen, last_seen, last_asked, since, urgency, severity, verdict, owner, detail)
			VALUES (?, 1, ?, 'tcp', 11211, '[]', ?, 0, 1, 1, 1, 1, 5000000, 5, 'open', 'o', 1)`, id, key, id%2); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.Exec(`INSERT INTO event (at, kind, exposure, sweep, severity, now) SELECT 1, 'new', id, 1, 5, 1 FROM exposure; INSERT INTO event (at, kind, run) VALUES (1, 'run-failed', 1); COMMIT`); err != nil {
		t.Fatal(err)
	}
}

// ask asks all that pages ask, of few and of many, of the first part and of the
// next.
func ask(t *testing.T, s *Store) {
	t.Helper()
	ctx := context.Background()
	narrow, wide := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/30")}, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}
	var problems []error
	try := func(err error) { problems = append(problems, err) }
	for _, f := range []Filter{{}, {State: Any}, {Ranges: narrow}, {Ranges: wide}, {Owner: "o"}, {Owner: "p"}, {Vantage: "a"}, {Verdict: "open", Transport: "tcp", AtLeast: exposure.High, State: OnlyFixed}} {
		for _, p := range []Page{{Limit: 1}, {Limit: 1, After: place{5_000_000, 1, 3}.cursor(listExposures)}} {
			_, _, err := s.Exposures(ctx, f, p)
			try(err)
			_, _, err = s.Matrix(ctx, f, p)
			try(err)
		}
		_, err := s.Count(ctx, f)
		try(err)
		for _, p := range []Page{{Limit: 1}, {Limit: 1, After: place{1, 3}.cursor(listChanges)}} {
			_, _, err = s.Changes(ctx, ChangeFilter{Of: f}, p)
			try(err)
			_, _, err = s.Changes(ctx, ChangeFilter{Of: f, Since: time.UnixMicro(1), Until: time.UnixMicro(9), Kinds: []life.Kind{life.New, life.Worse}}, p)
			try(err)
		}
	}
	_, err := s.Host(ctx, netip.MustParseAddr("10.0.0.1"))
	try(err)
	_, err = s.Events(ctx, 0, 1000)
	try(err)
	_, err = s.Overview(ctx)
	try(err)
	_, err = s.Owners(ctx)
	try(err)
	_, err = s.Pulse(ctx)
	try(err)
	for _, p := range []Page{{Limit: 1}, {Limit: 1, After: place{1, 1}.cursor(listSweeps)}} {
		_, _, err = s.Sweeps(ctx, "a", "j", p)
		try(err)
		_, _, err = s.Sweeps(ctx, "", "", p)
		try(err)
	}
	for _, p := range []Page{{Limit: 1}, {Limit: 1, After: place{1, 1}.cursor(listRuns)}} {
		_, _, err = s.Runs(ctx, "j", p)
		try(err)
		_, _, err = s.Runs(ctx, "", p)
		try(err)
	}
	_, err = s.Sweep(ctx, "s1")
	try(err)
	_, err = s.Trend(ctx, "", time.Time{}, time.Time{}, 2)
	try(err)
	_, err = s.Trend(ctx, "a", time.UnixMicro(1), time.UnixMicro(9), 50)
	try(err)
	for _, err := range problems {
		if err != nil {
			t.Error(err)
		}
	}
}

func explain(t *testing.T, db *sql.DB, query string, args []any) (plan []string) {
	t.Helper()
	rows, err := db.Query("EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatalf("%v: %s", err, query)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, detail)
	}
	return plan
}

// slow says what in a plan costs more the more there is; "": nothing. Vantages
// are few, as are the values of json_each and of a recursion.
func slow(plan []string) string {
	picked := false
	for _, step := range plan {
		picked = picked || strings.Contains(step, "VIRTUAL TABLE") || strings.Contains(step, "SCAN vantage")
	}
	for _, step := range plan {
		name, scan := strings.CutPrefix(step, "SCAN ")
		small := strings.Contains(step, "VIRTUAL TABLE") || name == "vantage" || name == "v" || name == "j" || name == "o" || strings.HasPrefix(name, "(") || strings.Contains(name, "CONSTANT ROW")
		switch {
		case strings.Contains(step, "observation"):
			return "it reads observations"
		case scan && !small && !strings.Contains(step, "INDEX"):
			return "it reads all of a table: " + step
		case strings.Contains(step, "TEMP B-TREE FOR ORDER BY") && !picked:
			return fmt.Sprintf("it sorts all that it finds: %s", step)
		}
	}
	return ""
}
