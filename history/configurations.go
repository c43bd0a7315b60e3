package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// Telling names the configuration that the history is opened for: Forget takes
// leave of that one's targets alone.
func (s *Store) Telling(configuration string) { s.teller = configuration }

// targetsOf begins the name under which meta keeps the targets of a configuration.
const targetsOf = "targets of "

// Forget takes leave of the targets that are not among keep, nor among those of
// another configuration whose file is still there: one of that name that comes
// back begins anew, and is not told of years at once. Their messages that wait
// are given up, for why. It returns the names of those that it forgot, and how
// many messages those were.
func (s *Store) Forget(ctx context.Context, keep []string, why string) (forgotten []string, messages int, err error) {
	forgotten, messages, err = s.forget(ctx, keep, why)
	if err != nil {
		return nil, 0, fmt.Errorf("forget targets: %w", err)
	}
	return forgotten, messages, nil
}

func (s *Store) forget(ctx context.Context, keep []string, why string) (forgotten []string, messages int, err error) {
	tx, err := s.beginOutbox(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer tx.Rollback() // without effect after Commit
	known, err := (reading{tx}).texts(ctx, "SELECT target FROM told UNION SELECT target FROM outbox INDEXED BY outbox_due WHERE next IS NOT NULL ORDER BY target")
	if err != nil {
		return nil, 0, err
	}
	others, err := s.enlist(ctx, tx, keep)
	if err != nil {
		return nil, 0, err
	}
	for _, name := range known {
		if slices.Contains(keep, name) || slices.Contains(others, name) {
			continue
		}
		forgotten = append(forgotten, name)
		if _, err := tx.ExecContext(ctx, "DELETE FROM told WHERE target = ?", name); err != nil {
			return nil, 0, err
		}
		result, err := tx.ExecContext(ctx, "UPDATE outbox SET next = NULL, problem = ? WHERE next IS NOT NULL AND target = ?", why, name)
		if err != nil {
			return nil, 0, err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return nil, 0, err
		}
		messages += int(n)
	}
	return forgotten, messages, tx.Commit()
}

// enlist notes the targets of this configuration, and lists those of all others.
func (s *Store) enlist(ctx context.Context, tx *sql.Tx, targets []string) (others []string, err error) {
	lists, err := (reading{tx}).texts(ctx, "SELECT name FROM meta WHERE substr(name, 1, ?) = ?", len(targetsOf), targetsOf)
	if err != nil {
		return nil, err
	}
	for _, list := range lists {
		path := strings.TrimPrefix(list, targetsOf)
		if _, gone := os.Stat(path); path == s.teller || errors.Is(gone, fs.ErrNotExist) {
			if _, err := tx.ExecContext(ctx, "DELETE FROM meta WHERE name = ?", list); err != nil {
				return nil, err
			}
			continue
		}
		names, err := (reading{tx}).texts(ctx, "SELECT j.value FROM meta, json_each(meta.value) j WHERE meta.name = ?", list)
		if err != nil {
			return nil, err
		}
		others = append(others, names...)
	}
	if len(targets) == 0 || s.teller == "" {
		return others, nil
	}
	text, err := json.Marshal(targets)
	if err != nil {
		return nil, err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO meta (name, value) VALUES (?, ?)", targetsOf+s.teller, string(text))
	return others, err
}
