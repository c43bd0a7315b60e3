package history

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"syscall"

	"modernc.org/sqlite"
)

// immutable is how a file is opened where nothing can be written.
const immutable = "immutable"

// place sees that the file is there, or may be made, that it is one of ours, and
// that nobody else can write it. A file that is refused is only read.
func (s *Store) place(mode Mode) error {
	info, err := os.Stat(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		if mode != Create {
			return errors.New("there is none: `memsweep scan --history FILE` or `memsweep history import` makes one")
		}
		f, err := os.OpenFile(s.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			return f.Close()
		}
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		info, err = os.Stat(s.path) // somebody else made it in this moment
		if errors.Is(err, fs.ErrNotExist) {
			return errors.New("it is a symbolic link to a file that is not there: name that file")
		}
		if err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	switch {
	case !info.Mode().IsRegular():
		return errors.New("it is no regular file")
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("others than its owner can write it (mode %04o), and what it says could be anybody's: chmod 600 it", info.Mode().Perm())
	}
	return recognise(s.path)
}

// recognise refuses what is no history, or that of a newer version, by its first
// bytes (SQLite file format, 1.3). SQLite itself would write beside it.
func recognise(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, 100)
	switch n, err := io.ReadFull(f, head); {
	case n == 0 && errors.Is(err, io.EOF):
		return nil // it is to become one
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it is no database")
	case err != nil:
		return err
	}
	version := int(binary.BigEndian.Uint32(head[60:]))
	switch {
	case string(head[:16]) != "SQLite format 3\x00":
		return errors.New("it is no database")
	case binary.BigEndian.Uint32(head[68:]) != applicationID:
		return errNotOurs
	case version > len(migrations):
		return newer(version)
	}
	return nil
}

var errNotOurs = errors.New("it is a database, and not a history of memsweep")

func newer(version int) error {
	return fmt.Errorf("%w (schema %d; this one knows %d): use that one, or the backup from before", ErrNewer, version, len(migrations))
}

// onReadOnlyMedia reports whether a file is where nobody can write.
func onReadOnlyMedia(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err == nil {
		f.Close()
	}
	return errors.Is(err, syscall.EROFS)
}

// The results of SQLite that somebody can do something about
// (https://sqlite.org/rescode.html).
const (
	sqliteBusy     = 5
	sqliteReadOnly = 8
	sqliteCorrupt  = 11
	sqliteNotADB   = 26
)

// advise says what to do about a file that is damaged, or that may not be written.
func advise(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff {
	case sqliteReadOnly:
		return fmt.Errorf("you may not write it, the files beside it that end in -wal and -shm, or its folder (also who only reads it must): be its owner, or read a copy: %w", err)
	case sqliteCorrupt, sqliteNotADB:
		return fmt.Errorf("it is damaged: put a backup into its place (`memsweep history backup` makes them), or import the reports into a new file: %w", err)
	}
	return err
}
