package history

import (
	"context"
	"time"
)

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
