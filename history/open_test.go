package history_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
)

func TestOpenMakesAPrivateFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a ?#%.db")
	if _, err := history.Open(context.Background(), path, history.Existing); err == nil {
		t.Fatal("a file that is not there was opened")
	}
	for range 2 { // made, and opened again
		s, err := history.Open(context.Background(), path, history.Create)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	s, err := history.Open(context.Background(), path, history.ReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	bad := filepath.Join(t.TempDir(), "notes.txt")
	os.WriteFile(bad, []byte("this is not a database, and it stays as it is"), 0o600)
	if _, err := history.Open(context.Background(), bad, history.Create); err == nil {
		t.Fatal("a text was opened as a database")
	}
}

// TestOpenRefuses: what is not ours, newer or damaged is refused in plain words,
// and stays as it is, byte for byte.
func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	foreign := func(path string) {
		raw(t, path, "PRAGMA journal_mode = WAL; CREATE TABLE notes (text); INSERT INTO notes VALUES ('mine')")
	}
	ours := func(change string) func(string) {
		return func(path string) {
			s, err := history.Open(context.Background(), path, history.Create)
			if err != nil {
				t.Fatal(err)
			}
			s.Close()
			raw(t, path, change)
		}
	}
	for name, tt := range map[string]struct {
		make func(path string)
		want string
	}{
		"a text":            {func(path string) { os.WriteFile(path, []byte(strings.Repeat("text ", 100)), 0o600) }, "it is no database"},
		"a short one":       {func(path string) { os.WriteFile(path, []byte("text"), 0o600) }, "it is no database"},
		"another's":         {foreign, "not a history of memsweep"},
		"a newer one":       {ours("PRAGMA user_version = 99; PRAGMA wal_checkpoint(TRUNCATE)"), "newer memsweep (schema 99"},
		"a folder":          {func(path string) { os.Mkdir(path, 0o700) }, "no regular file"},
		"a link to nothing": {func(path string) { os.Symlink(path+"-nothing", path) }, "symbolic link"},
		"anybody's":         {func(path string) { ours("")(path); os.Chmod(path, 0o666) }, "chmod 600"},
		"damaged": {func(path string) {
			ours("PRAGMA wal_checkpoint(TRUNCATE)")(path)
			f, _ := os.OpenFile(path, os.O_WRONLY, 0)
			f.WriteAt(bytes.Repeat([]byte{0x5a}, 3000), 100) // the schema
			f.Close()
		}, "it is damaged: put a backup"},
	} {
		for _, mode := range []history.Mode{history.ReadOnly, history.Existing, history.Create} {
			path := filepath.Join(t.TempDir(), "x.db")
			tt.make(path)
			before, _ := os.ReadFile(path)
			s, err := history.Open(context.Background(), path, mode)
			if err == nil {
				s.Close()
			}
			if name == "a link to nothing" && mode != history.Create {
				continue // there is none
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s, mode %d: %v, want %q", name, mode, err, tt.want)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Errorf("%s, mode %d: it was changed", name, mode)
			}
		}
	}
}

// TestOpenWhereNobodyMayWrite says what may not be written, and to whom it matters.
func TestOpenWhereNobodyMayWrite(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" || os.Getuid() == 0 {
		t.Skip("whoever runs this may write anywhere")
	}
	s, path := newStore(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(path), 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(filepath.Dir(path), 0o700)
	for _, mode := range []history.Mode{history.ReadOnly, history.Existing} {
		if _, err := history.Open(context.Background(), path, mode); err == nil || !strings.Contains(err.Error(), "or its folder") {
			t.Errorf("mode %d: %v", mode, err)
		}
	}
}

// raw changes a file past the package.
func raw(t *testing.T, path, script string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(script); err != nil {
		t.Fatal(err)
	}
}

// TestOpenAtOnce: many make the same file in the same moment, and all have it.
func TestOpenAtOnce(t *testing.T) {
	t.Parallel()
	for range 5 {
		path := filepath.Join(t.TempDir(), "x.db")
		errs := make(chan error)
		for i := range 6 {
			go func() {
				s, err := history.Open(context.Background(), path, history.Create)
				if err == nil {
					x := swept{id: fmt.Sprint("s", i), vantage: "inet", at: day(i), plan: planOf(30), tcp: map[int]what{i % 3: {state: exposure.Open}}}
					_, err = s.Import(context.Background(), bytes.NewReader(x.document(t, "jsonl")), x.id, exposure.Vantage{}, "")
					err = errors.Join(err, s.Close())
				}
				errs <- err
			}()
		}
		for range 6 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		s, err := history.Open(context.Background(), path, history.ReadOnly)
		if err != nil {
			t.Fatal(err)
		}
		clean(t, s)
		if n := query(t, path, "SELECT count(*) FROM sweep"); n[0] != "6" {
			t.Errorf("%s sweeps", n)
		}
		s.Close()
	}
}

// TestNobodyElseReads: neither the file nor what SQLite keeps beside it.
func TestNobodyElseReads(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("files have no mode there")
	}
	s, path := newStore(t)
	take(t, s, swept{id: "s1", vantage: "inet", at: day(1), plan: planOf(30), tcp: map[int]what{1: {state: exposure.Open}}})
	copied := path + ".backup"
	if err := s.Backup(context.Background(), copied); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(context.Background(), copied); err == nil || !strings.Contains(err.Error(), "there already") {
		t.Errorf("a backup over a backup: %v", err)
	}
	files, _ := filepath.Glob(filepath.Dir(path) + "/*")
	hidden, _ := filepath.Glob(filepath.Dir(path) + "/.*")
	if len(files) != 4 || len(hidden) != 0 {
		t.Errorf("files %v, %v: want the history, -wal, -shm and the backup", files, hidden)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f, info.Mode(), err)
		}
	}
	b, err := history.Open(context.Background(), copied, history.Existing)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	clean(t, b)
	if whatItKnows(t, path) != whatItKnows(t, copied) {
		t.Error("the backup knows something else")
	}
}

// TestMigrate: a file of an earlier schema is brought up to date, and knows what
// it would have known.
func TestMigrate(t *testing.T) {
	t.Parallel()
	s, path := newStore(t)
	open := map[int]what{1: {state: exposure.Open, version: "1.6.18"}, 2: {state: exposure.Mute}}
	for i := range 3 {
		take(t, s, swept{id: fmt.Sprintf("s%d", i), vantage: "inet", at: day(i), lasts: time.Hour, plan: planOf(30), tcp: open})
		delete(open, 2)
	}
	want := whatItKnows(t, path)
	s.Close()
	raw(t, path, "ALTER TABLE exposure DROP COLUMN seen_until; PRAGMA user_version = 1; PRAGMA wal_checkpoint(TRUNCATE)")

	if s, err := history.Open(context.Background(), path, history.ReadOnly); err == nil || !strings.Contains(err.Error(), "of schema 1, and this memsweep reads 2: run `memsweep history check` once") {
		t.Errorf("read only: %v, %v", s, err)
	}
	s, err := history.Open(context.Background(), path, history.Existing)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	clean(t, s)
	if got := whatItKnows(t, path); got != want {
		t.Errorf("(-before +after)\n%s", cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")))
	}
}
