// Package pretend writes histories of sweeps that never were: as large as wanted,
// always the same ones, and in a minute. For tests and measurements only.
//
// It writes what an import would, straight into the tables; addresses are
// private or reserved for documentation.
package pretend

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"

	_ "modernc.org/sqlite" // the driver
)

// Size is what a history is to hold.
type Size struct {
	Exposures int
	Sweeps    int  // of each vantage, one a day
	Hostile   bool // servers, names and owners try to break what shows them
}

// Big is the size that pages are measured at: some 10 million observations.
var Big = Size{Exposures: 100_000, Sweeps: 135}

// Begin is when the first sweep of each history starts.
var Begin = time.Date(2026, 3, 1, 3, 10, 0, 0, time.UTC)

// Vantages are where the sweeps are from.
func Vantages() []exposure.Vantage {
	return []exposure.Vantage{
		{Name: "office", Trust: exposure.Trusted},
		{Name: "partner", Trust: exposure.SemiTrusted},
		{Name: "internet", Trust: exposure.Untrusted},
	}
}

// Hosts are an address of IPv4 and one of IPv6 that have exposures, if any has.
const (
	HostIPv4 = "10.0.0.1"
	HostIPv6 = "2001:db8::11"
)

// Write makes a history at path.
func Write(ctx context.Context, path string, size Size) error {
	s, err := history.Open(ctx, path, history.Create)
	if err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=synchronous(OFF)&_pragma=cache_size(-262144)&_txlock=immediate")
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // without effect after Commit
	w := &writer{ctx: ctx, tx: tx, size: size, random: rand.New(rand.NewPCG(1, 2))}
	for _, part := range []func() error{w.vantages, w.sweeps, w.details, w.exposures, w.observations, w.tallies, w.runs} {
		if err := part(); err != nil {
			return fmt.Errorf("write a pretended history: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	return err
}

// writer fills one file.
type writer struct {
	ctx      context.Context
	tx       *sql.Tx
	size     Size
	random   *rand.Rand
	rows     []detail // by ID-1
	open     [][]map[int]int
	prepared map[string]*sql.Stmt
}

// at is when a vantage's sweep of that number starts.
func (w *writer) at(vantage, sweep int) int64 {
	return Begin.AddDate(0, 0, sweep).Add(time.Duration(vantage) * 20 * time.Minute).UnixMicro()
}

// sweepID is its row.
func (w *writer) sweepID(vantage, sweep int) int { return sweep*len(Vantages()) + vantage + 1 }

// do executes a statement, which is prepared once.
func (w *writer) do(query string, args ...any) error {
	if w.prepared == nil {
		w.prepared = map[string]*sql.Stmt{}
	}
	s := w.prepared[query]
	if s == nil {
		var err error
		if s, err = w.tx.PrepareContext(w.ctx, query); err != nil {
			return fmt.Errorf("%s: %w", query, err)
		}
		w.prepared[query] = s
	}
	if _, err := s.ExecContext(w.ctx, args...); err != nil {
		return fmt.Errorf("%s: %w", query, err)
	}
	return nil
}

func (w *writer) vantages() error {
	for i, v := range Vantages() {
		if err := w.do("INSERT INTO vantage (id, name, trust) VALUES (?, ?, ?)", i+1, v.Name, string(v.Trust)); err != nil {
			return err
		}
	}
	return nil
}

// sweeps writes one a day and vantage. The last but one is incomplete.
func (w *writer) sweeps() error {
	bulk := make([]byte, 20_000) // fates are about so long
	packed := pack(struct{ Bulk []byte }{bulk})
	for day := range w.size.Sweeps {
		for v := range Vantages() {
			id, at := w.sweepID(v, day), w.at(v, day)
			status, problems := "complete", "[]"
			if day == w.size.Sweeps-2 && v == 2 {
				status, problems = "incomplete", `["the network was unreachable for 4 minutes"]`
			}
			seen := w.size.Exposures / 3
			if err := w.do(`INSERT INTO sweep (id, scan, digest, vantage, job, started, finished, status, engine, plan, planned, answered, closed, silent, local_error,
				not_scanned, rate_asked, rate_achieved, imported, problems, header, summary) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'socket', ?, ?, ?, ?, ?, 0, ?, 1000, 998.5, ?, ?, ?, ?)`,
				id, fmt.Sprintf("scan-%06d", id), fmt.Appendf(nil, "%032d", id), v+1, Vantages()[v].Name+"-daily", at, at+600_000_000, status,
				fmt.Sprintf("%064x", v), 131072, seen, 131072-seen, 0, 0, at+601_000_000, problems, packed, packed); err != nil {
				return err
			}
		}
	}
	return nil
}

// observations writes, for each sweep, what was open when it started.
func (w *writer) observations() error {
	for day := range w.size.Sweeps {
		for v := range Vantages() {
			if err := w.do(`INSERT INTO observation (sweep, exposure, detail, baf) SELECT ?, e.id, e.detail, e.baf FROM exposure e
				WHERE e.vantage = ? AND EXISTS (SELECT 1 FROM interval i WHERE i.exposure = e.id AND i.opened <= ? AND (i.fixed IS NULL OR i.fixed > ?)) ORDER BY e.id`,
				w.sweepID(v, day), v+1, w.at(v, day), w.at(v, day)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *writer) tallies() error {
	for v := range Vantages() {
		now := map[int]int{}
		for day := range w.size.Sweeps {
			for severity := 1; severity <= 5; severity++ {
				now[severity] += w.open[v][day][severity]
				if err := w.do("INSERT INTO tally (sweep, severity, open) VALUES (?, ?, ?)", w.sweepID(v, day), severity, now[severity]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// runs writes those of each job, a few of which went wrong.
func (w *writer) runs() error {
	id := 0
	for day := range w.size.Sweeps {
		for v := range Vantages() {
			id++
			outcome, problem, at := "complete", "", w.at(v, day)
			if id%40 == 0 {
				outcome, problem = "failed", "memsweep scan ended with exit code 2: no route to the targets"
			}
			if err := w.do(`INSERT INTO run (id, job, due, started, finished, outcome, scan, problem) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
				id, Vantages()[v].Name+"-daily", at, at, at+600_000_000, outcome, fmt.Sprintf("scan-%06d", w.sweepID(v, day)), problem); err != nil {
				return err
			}
			if outcome == "failed" {
				if err := w.do("INSERT INTO event (at, kind, run) VALUES (?, 'run-failed', ?)", at, id); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
