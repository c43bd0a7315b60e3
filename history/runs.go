package history

import (
	"context"
	"time"
)

// BeginRun notes that a run of a job begins. One that is running already, of the
// same job, is an error: no two runs of a job at once.
func (s *Store) BeginRun(ctx context.Context, job string, due, now time.Time) (Run, error) {
	return Run{}, errUnbuilt
}

// NoteProgress notes how far a running one has come, and its sweep's ID.
func (s *Store) NoteProgress(ctx context.Context, run int64, scan string, p Progress) error {
	return errUnbuilt
}

// EndRun notes how a run ended. Other outcomes than Complete become an event.
func (s *Store) EndRun(ctx context.Context, run int64, now time.Time, outcome Outcome, scan, problem string) error {
	return errUnbuilt
}

// NoteMissed notes a run that was due and did not happen, once, as an event too.
func (s *Store) NoteMissed(ctx context.Context, job string, due time.Time, problem string) error {
	return errUnbuilt
}

// Runs lists runs, the newest first, of one job, "": of all.
func (s *Store) Runs(ctx context.Context, job string, p Page) (list []Run, next string, err error) {
	return nil, "", errUnbuilt
}
