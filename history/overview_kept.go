package history

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// kept is the Overview of a file that nobody has written since: each page needs
// it, and to make it every open exposure is counted.
type kept struct {
	mu       sync.Mutex
	watch    *sql.Conn // nil: it was not asked for yet
	version  int64     // of the file as watch sees it, before overview was made
	overview *Overview
}

// Overview is the present state in numbers.
func (s *Store) Overview(ctx context.Context) (Overview, error) {
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	version, err := s.version(ctx)
	if err != nil {
		return Overview{}, fmt.Errorf("history overview: %w", err)
	}
	if s.kept.overview == nil || s.kept.version != version {
		o, err := s.newOverview(ctx)
		if err != nil {
			return o, err
		}
		s.kept.overview, s.kept.version = &o, version
	}
	return s.kept.overview.clone(), nil
}

// version is another one after every step that anybody wrote
// (https://sqlite.org/pragma.html#pragma_data_version). It holds for one
// connection, so there is one for it, which is used for nothing else.
func (s *Store) version(ctx context.Context) (n int64, err error) {
	if err := s.present(); err != nil {
		return 0, err
	}
	if s.kept.watch == nil {
		if s.kept.watch, err = s.read.Conn(context.WithoutCancel(ctx)); err != nil {
			return 0, err
		}
	}
	err = s.kept.watch.QueryRowContext(ctx, "PRAGMA data_version").Scan(&n)
	if err != nil { // it may be broken, and another one counts otherwise
		s.kept.watch.Close()
		s.kept.watch, s.kept.overview = nil, nil
	}
	return n, err
}

// clone is a copy that may be changed, but for the sweeps and runs in it.
func (o *Overview) clone() Overview {
	c := *o
	c.Severities, c.Verdicts, c.Changed = maps.Clone(o.Severities), maps.Clone(o.Verdicts), maps.Clone(o.Changed)
	c.Vantages, c.Jobs = slices.Clone(o.Vantages), slices.Clone(o.Jobs)
	for i := range c.Vantages {
		c.Vantages[i].Severities = maps.Clone(c.Vantages[i].Severities)
	}
	return c
}
