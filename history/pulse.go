package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Pulse is what changes from one moment to the next.
type Pulse struct {
	Running []Run  // with their progress, by ID
	Scan    string // of the sweep that was imported last; "": none was
	Event   int64  // the newest one; 0: there is none

	sweep, imported int64
}

// ID is another one whenever something was imported, or became known.
func (p Pulse) ID() string { return fmt.Sprintf("%d-%d-%d", p.sweep, p.imported, p.Event) }

// Pulse asks what can be asked each second.
func (s *Store) Pulse(ctx context.Context) (p Pulse, err error) {
	err = s.view(ctx, "pulse", func(tx reading) error {
		if p.Running, err = tx.runRows(ctx, "INDEXED BY run_under_way WHERE run.outcome = 'running' ORDER BY run.id LIMIT ?", maxJobs); err != nil {
			return err
		}
		var event sql.NullInt64
		if err := tx.QueryRowContext(ctx, "SELECT max(id) FROM event").Scan(&event); err != nil {
			return err
		}
		p.Event = event.Int64
		err := tx.QueryRowContext(ctx, "SELECT id, scan, imported FROM sweep WHERE id = (SELECT max(id) FROM sweep)").Scan(&p.sweep, &p.Scan, &p.imported)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return p, err
}
