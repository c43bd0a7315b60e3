// Package history remembers what sweeps saw: which endpoint was exposed since
// when, to which vantage, what changed, and what must still be told to whom. It
// is one SQLite file. Reports go in, whole or not at all; the life of each
// exposure is folded from them (package life) and can be folded again.
//
// What was not asked again is never called fixed.
package history

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"runtime"
	"time"

	"modernc.org/sqlite"
)

// applicationID marks a file as a memsweep history (SQLite file format, 1.3.18):
// "mswp".
const applicationID = 0x6d737770

//go:embed schema.sql
var schema1 string

//go:embed schema2.sql
var schema2 string

// migrations bring a file from version i to i+1; user_version counts them.
var migrations = []string{schema1, schema2}

// Store is an open history. Many may read; what writes takes its turn.
type Store struct {
	path  string
	file  os.FileInfo // what was at path when it was opened
	read  *sql.DB
	write *sql.DB // one connection; nil: read only
	kept  kept

	teller string // see Telling
}

// Mode says what Open may do.
type Mode int

// The modes.
const (
	ReadOnly Mode = iota // the file must be there, and of this version
	Existing             // the file must be there; it is brought to this version
	Create               // it is made when it is not there
)

// ErrNewer means that a newer memsweep wrote the file.
var ErrNewer = errors.New("it was written by a newer memsweep")

// ErrReplaced means that the file is not the one any more that was opened.
var ErrReplaced = errors.New("it was deleted, or another file was put in its place, while it was open: start again")

// Open opens the history at path. A file that is not one of ours, or that a newer
// version wrote, is refused and left as it is.
func Open(ctx context.Context, path string, mode Mode) (*Store, error) {
	s := &Store{path: path}
	if err := s.open(ctx, mode); err != nil {
		s.Close()
		return nil, fmt.Errorf("history %s: %w", path, err)
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, mode Mode) (err error) {
	if err := s.place(mode); err != nil {
		return err
	}
	if s.file, err = os.Stat(s.path); err != nil {
		return err
	}
	if mode != ReadOnly && onReadOnlyMedia(s.path) {
		return errors.New("nothing can be written where it is: copy it to another place")
	}
	if mode != ReadOnly {
		if s.write, err = connect(s.path, "rwc", 1); err != nil {
			return err
		}
		if err := migrate(ctx, s.write); err != nil {
			return advise(err)
		}
	}
	access := "ro"
	if mode == ReadOnly && onReadOnlyMedia(s.path) {
		if info, err := os.Stat(s.path + "-wal"); err == nil && info.Size() > 0 {
			return errors.New("it was not closed, and what was written last cannot be read from where nothing can be written: copy it, with the file ending in -wal, to another place")
		}
		access = immutable
	}
	if s.read, err = connect(s.path, access, 1+max(4, runtime.NumCPU())); err != nil {
		return err
	}
	version, err := identify(ctx, s.read)
	if err == nil && version < len(migrations) {
		err = fmt.Errorf("it is of schema %d, and this memsweep reads %d: run `memsweep history check` once, which brings it up to date", version, len(migrations))
	}
	return advise(err)
}

// connect opens a pool. The pragmas hold for each connection of it.
func connect(path, mode string, connections int) (*sql.DB, error) {
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}
	q := url.Values{
		"mode": {mode},
		"_pragma": {
			fmt.Sprintf("busy_timeout(%d)", patience.Milliseconds()), "foreign_keys(1)", "synchronous(FULL)", "cache_size(-32768)", "temp_store(MEMORY)",
			"trusted_schema(0)", "cell_size_check(1)", "journal_size_limit(67108864)",
		},
		"_txlock": {"immediate"},
	}
	if mode == immutable {
		q.Set("mode", "ro")
		q.Set("immutable", "1")
	}
	if mode != "rwc" {
		q.Set("_txlock", "deferred")
		q.Add("_pragma", "query_only(1)")
	}
	u.RawQuery = q.Encode()
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// begin begins a transaction in the file that is at path, and in no other: what is
// read from one that was replaced is old, and what is written there is lost.
func (s *Store) begin(ctx context.Context, db *sql.DB, o *sql.TxOptions) (*sql.Tx, error) {
	if err := s.present(); err != nil {
		return nil, err
	}
	return db.BeginTx(ctx, o)
}

// present says whether the file is where it was when it was opened.
func (s *Store) present() error {
	now, err := os.Stat(s.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(now, s.file) {
		return ErrReplaced
	}
	return nil
}

// identify says of which version the file is; 0: it is empty.
func identify(ctx context.Context, db *sql.DB) (version int, err error) {
	var id, tables int
	// In one statement: somebody else may be making the file in this moment.
	if err := db.QueryRowContext(ctx, `SELECT i.application_id, v.user_version, (SELECT count(*) FROM sqlite_schema)
		FROM pragma_application_id i, pragma_user_version v`).Scan(&id, &version, &tables); err != nil {
		return 0, err
	}
	switch {
	case id != applicationID && (id != 0 || tables > 0):
		return 0, errNotOurs
	case version > len(migrations):
		return 0, newer(version)
	}
	return version, nil
}

// migrate brings the file to this version, each step whole or not at all.
func migrate(ctx context.Context, db *sql.DB) error {
	version, err := identify(ctx, db)
	if err != nil || version == len(migrations) {
		return err
	}
	// The mark first, before the log: then the head of the file itself tells what it is.
	if _, err := db.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID)); err != nil {
		return err
	}
	if err := keepLog(ctx, db); err != nil {
		return err
	}
	for {
		done, err := step(ctx, db)
		if err != nil || done {
			return err
		}
	}
}

// patience is how long somebody else may keep a file busy.
const patience = time.Minute

// keepLog has the file keep a write-ahead log. For that SQLite does not wait by
// itself until others, who open it in the same moment, have looked at it.
func keepLog(ctx context.Context, db *sql.DB) error {
	for until := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		_, err := db.ExecContext(ctx, "PRAGMA journal_mode = WAL")
		var e *sqlite.Error
		if !errors.As(err, &e) || e.Code()&0xff != sqliteBusy || time.Now().After(until) {
			return err
		}
	}
}

// step makes one migration. Another process may have made it in the meantime.
func step(ctx context.Context, db *sql.DB) (done bool, err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer tx.Rollback() // without effect after Commit
	var version int
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return false, err
	}
	if version >= len(migrations) {
		return true, nil
	}
	script := migrations[version] + fmt.Sprintf("; PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, version+1)
	if _, err := tx.ExecContext(ctx, script); err != nil {
		return false, fmt.Errorf("migrate to schema %d: %w", version+1, err)
	}
	return false, tx.Commit()
}

// Close ends it. What was written stays.
func (s *Store) Close() error {
	var problems []error
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	if s.kept.watch != nil {
		problems = append(problems, s.kept.watch.Close())
	}
	for _, db := range []*sql.DB{s.read, s.write} {
		if db != nil {
			problems = append(problems, db.Close())
		}
	}
	return errors.Join(problems...)
}
