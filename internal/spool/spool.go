// Package spool keeps many small documents out of memory: compressed, the
// first few megabytes in memory and the rest in a temporary file, so that a
// network in which everything answers costs disk, not memory.
package spool

import (
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/klauspost/compress/s2"
)

// inMemory is how many compressed bytes are kept before a file is used.
const inMemory = 8 << 20

// Spool is a set of documents. The zero value is empty and ready. Its methods
// may be called concurrently.
type Spool struct {
	mu      sync.Mutex
	packed  []byte   // the room in which documents are packed
	chunks  [][]byte // what is in memory
	held    int      // bytes in chunks
	file    *os.File // nil: not needed yet, or not to be had
	written int64
	noFile  bool
}

// Ref is where a document is.
type Ref struct {
	chunk  int // -1: in the file
	offset int64
	length int
}

// Put keeps a copy of a document. It cannot fail: where there is no temporary
// file to be had, memory has to do.
func (s *Spool) Put(document []byte) Ref {
	s.mu.Lock()
	defer s.mu.Unlock()
	packed := s.pack(document)
	if s.held >= inMemory && s.open() {
		if _, err := s.file.WriteAt(packed, s.written); err == nil {
			ref := Ref{chunk: -1, offset: s.written, length: len(packed)}
			s.written += int64(len(packed))
			return ref
		}
		s.noFile = true // full: what is there already stays readable
	}
	return s.hold(packed)
}

// hold keeps packed bytes in memory.
func (s *Spool) hold(packed []byte) Ref {
	const chunkSize = 256 << 10
	last := len(s.chunks) - 1
	if last < 0 || len(s.chunks[last])+len(packed) > cap(s.chunks[last]) {
		s.chunks = append(s.chunks, make([]byte, 0, max(chunkSize, len(packed))))
		last++
	}
	ref := Ref{chunk: last, offset: int64(len(s.chunks[last])), length: len(packed)}
	s.chunks[last] = append(s.chunks[last], packed...)
	s.held += len(packed)
	return ref
}

// open makes sure of the file. Where the system allows, it has no name from
// then on, so that nothing is left behind however the program ends.
func (s *Spool) open() bool {
	if s.file == nil && !s.noFile {
		f, err := os.CreateTemp("", "memsweep-*.spool") // mode 0600
		if err != nil {
			s.noFile = true
			return false
		}
		os.Remove(f.Name()) // fails on Windows; Close removes it there
		s.file = f
	}
	return !s.noFile
}

// pack compresses a document; the result is valid until the next call.
func (s *Spool) pack(document []byte) []byte {
	if need := s2.MaxEncodedLen(len(document)); need > cap(s.packed) {
		s.packed = make([]byte, need)
	}
	return s2.Encode(s.packed[:cap(s.packed)], document)
}

// Get returns the document at ref.
func (s *Spool) Get(ref Ref) ([]byte, error) { return s.Append(nil, ref) }

// Append appends the document at ref to b. Where it fails, b is as it was.
func (s *Spool) Append(b []byte, ref Ref) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	packed, err := s.read(ref)
	if err != nil {
		return b, err
	}
	size, err := s2.DecodedLen(packed)
	if err != nil {
		return b, fmt.Errorf("unpack a spooled document: %w", err)
	}
	longer := slices.Grow(b, size)
	if _, err := s2.Decode(longer[len(b):len(b)+size], packed); err != nil {
		return b, fmt.Errorf("unpack a spooled document: %w", err)
	}
	return longer[:len(b)+size], nil
}

// read returns what is packed at ref; it is valid until the next call.
func (s *Spool) read(ref Ref) ([]byte, error) {
	if ref.chunk >= 0 {
		return s.chunks[ref.chunk][ref.offset:][:ref.length], nil
	}
	s.packed = slices.Grow(s.packed[:0], ref.length)[:ref.length]
	if _, err := s.file.ReadAt(s.packed, ref.offset); err != nil {
		return nil, fmt.Errorf("read %s: %w", s.file.Name(), err)
	}
	return s.packed, nil
}

// Close drops everything.
func (s *Spool) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chunks = nil
	if s.file != nil {
		s.file.Close()
		os.Remove(s.file.Name()) // already gone, but on Windows
		s.file = nil
	}
}
