package history

import (
	"context"
	"io"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/report"
)

// Imported says what came of an import.
type Imported struct {
	Scan     string
	Vantage  string
	Again    bool // it was in the history already, just so; nothing was done
	Replaced bool // it takes the place of an unfinished report of the same sweep
	Status   exposure.Status
	Findings int
	Changes  int // events that it brought
}

// Import reads a stored report, in any form that report.ReadAs reads, into the
// history: whole or not at all. The same report again changes nothing; another
// one of the same sweep is refused, unless the one that is there was unfinished.
func (s *Store) Import(ctx context.Context, r io.Reader, name string, from exposure.Vantage, job string) (Imported, error) {
	return Imported{}, errUnbuilt
}

// Recorder is a report.Writer into the history: findings are held back until End
// writes all in one step.
type Recorder struct{}

// Record makes a Recorder for one sweep, of a job ("": of none).
func (s *Store) Record(ctx context.Context, job string) (*Recorder, error) { return nil, errUnbuilt }

// Begin implements report.Writer.
func (r *Recorder) Begin(report.Header) error { return errUnbuilt }

// Finding implements report.Writer.
func (r *Recorder) Finding(exposure.Finding) error { return errUnbuilt }

// End implements report.Writer; afterwards Imported says what came of it.
func (r *Recorder) End(report.Summary) error { return errUnbuilt }

// Imported says what came of it, after End.
func (r *Recorder) Imported() Imported { return Imported{} }

// Close gives up what was not ended, and frees what was held.
func (r *Recorder) Close() error { return errUnbuilt }

// Prune forgets sweeps, observations, events, runs and messages from before a
// time, and exposures that were fixed before it. An exposure that is open is
// never dropped, nor when it was first seen.
func (s *Store) Prune(ctx context.Context, before time.Time) (Pruned, error) {
	return Pruned{}, errUnbuilt
}

// Pruned counts what was forgotten.
type Pruned struct {
	Sweeps, Observations, Exposures, Events, Runs, Messages int64
}

// Check looks for damage: SQLite's own integrity and foreign keys, and that each
// life is what its sweeps fold to. It yields one line a problem.
func (s *Store) Check(ctx context.Context) (problems []string, err error) { return nil, errUnbuilt }

// Backup writes a copy of the whole history to a new file (VACUUM INTO), 0600.
func (s *Store) Backup(ctx context.Context, path string) error { return errUnbuilt }
