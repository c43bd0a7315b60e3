package history

import (
	"context"
	"errors"
	"net/netip"
	"time"
)

var errUnbuilt = errors.New("not built yet")

// Exposures lists what the filter picks, what to fix first first: by urgency,
// then the oldest. next is for Page.After, "" at the end.
func (s *Store) Exposures(ctx context.Context, f Filter, p Page) (list []Exposure, next string, err error) {
	return nil, "", errUnbuilt
}

// Count counts what the filter picks.
func (s *Store) Count(ctx context.Context, f Filter) (int, error) { return 0, errUnbuilt }

// Host is all that is known of an address. ErrNotFound: nothing.
func (s *Store) Host(ctx context.Context, ip netip.Addr) (Host, error) { return Host{}, errUnbuilt }

// Changes lists changes, the newest first.
func (s *Store) Changes(ctx context.Context, f ChangeFilter, p Page) (list []Change, next string, err error) {
	return nil, "", errUnbuilt
}

// Events lists what became known after the event of that ID, in order; at most
// limit.
func (s *Store) Events(ctx context.Context, after int64, limit int) ([]Event, error) {
	return nil, errUnbuilt
}

// Sweeps lists sweeps, the newest first, of one vantage and one job, "": of all.
func (s *Store) Sweeps(ctx context.Context, vantage, job string, p Page) (list []Sweep, next string, err error) {
	return nil, "", errUnbuilt
}

// Sweep is one of them, by its ID. ErrNotFound: it is not there.
func (s *Store) Sweep(ctx context.Context, scan string) (Sweep, error) { return Sweep{}, errUnbuilt }

// Trend says how many exposures were open over time, of one vantage ("": of all
// together, each as its latest sweep left it), in at most points steps.
func (s *Store) Trend(ctx context.Context, vantage string, since, until time.Time, points int) ([]Point, error) {
	return nil, errUnbuilt
}

// Matrix lists endpoints that the filter picks at one vantage at least, with what
// is known of each from every vantage. The filter's Vantage is not asked.
func (s *Store) Matrix(ctx context.Context, f Filter, p Page) (m Matrix, next string, err error) {
	return Matrix{}, "", errUnbuilt
}

// Overview is the present state in numbers.
func (s *Store) Overview(ctx context.Context) (Overview, error) { return Overview{}, errUnbuilt }

// Owners lists who answers for open exposures, in order.
func (s *Store) Owners(ctx context.Context) ([]string, error) { return nil, errUnbuilt }
