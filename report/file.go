package report

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// File is a document that appears whole or not at all: it is written beside
// its place and renamed there by Commit. Devices and pipes cannot be renamed
// over, so they are written straight.
type File struct {
	path   string
	file   *os.File
	buffer *bufio.Writer
	temp   bool // file is a temporary one beside path
	done   bool
}

// Create starts a document at path, readable by its owner alone. A symbolic
// link at path is replaced by Commit, not followed, unless it leads to a
// device or a pipe: what a link in a shared folder points to is left alone.
func Create(path string) (*File, error) {
	straight, err := writtenStraight(path)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	f := &File{path: path, temp: !straight}
	if straight {
		f.file, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	} else {
		f.file, err = os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp") // mode 0600
	}
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	f.buffer = bufio.NewWriterSize(f.file, 1<<16)
	return f, nil
}

// writtenStraight reports whether path is a place that must never be renamed
// over: a device, a pipe, or one of the system's names for an open file, such
// as /dev/stdout, which may well lead to a regular file.
func writtenStraight(path string) (bool, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return false, err
	}
	full = filepath.ToSlash(full)
	if strings.HasPrefix(full, "/proc/") ||
		strings.HasPrefix(full, "/dev/") && !strings.HasPrefix(full, "/dev/shm/") { // an ordinary file system
		return true, nil
	}
	info, err := os.Stat(full)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case info.IsDir():
		return false, errors.New("is a directory")
	}
	return !info.Mode().IsRegular(), nil
}

// Write implements [io.Writer].
func (f *File) Write(p []byte) (int, error) { return f.buffer.Write(p) }

// Flush hands what was written to the operating system, for whoever reads along.
// Beside its place nobody does.
func (f *File) Flush() error {
	if f.temp {
		return nil
	}
	return f.drain()
}

func (f *File) drain() error {
	if err := f.buffer.Flush(); err != nil {
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	return nil
}

// Commit puts the document into its place, durably. Whatever it returns, the
// file is closed and nothing half is left behind.
func (f *File) Commit() error {
	defer f.Abort()
	if err := f.drain(); err != nil {
		return err
	}
	if !f.temp {
		f.done = true
		if err := f.file.Close(); err != nil {
			return fmt.Errorf("write %s: %w", f.path, err)
		}
		return nil
	}
	if err := f.file.Sync(); err != nil {
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	if err := f.file.Close(); err != nil {
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	if err := os.Rename(f.file.Name(), f.path); err != nil {
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	f.done = true
	if err := syncFolder(filepath.Dir(f.path)); err != nil {
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	return nil
}

// Abort drops the document. After Commit it does nothing, so it can be deferred.
func (f *File) Abort() {
	if f.done {
		return
	}
	f.done = true
	f.file.Close() // its error says nothing about a file that is not wanted
	if f.temp {
		os.Remove(f.file.Name())
	}
}
