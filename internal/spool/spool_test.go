package spool

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// noise does not compress, so that the file is reached soon.
func noise(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	r.Read(b)
	return b
}

func TestSpool(t *testing.T) {
	for _, place := range []string{"a file", "memory only"} {
		t.Run(place, func(t *testing.T) {
			if place == "memory only" {
				t.Setenv("TMPDIR", t.TempDir()+"/missing")
				t.Setenv("TMP", t.TempDir()+"/missing")
			}
			var s Spool
			defer s.Close()
			body := noise(100 << 10)
			var refs []Ref
			const documents = 200
			for i := range documents {
				refs = append(refs, s.Put(fmt.Appendf(nil, "%d %s", i, body)))
			}
			if inFile := refs[documents-1].chunk < 0; inFile != (place == "a file") {
				t.Errorf("the last document is in the file: %v", inFile)
			}
			for i := documents - 1; i >= 0; i-- {
				got, err := s.Get(refs[i])
				if err != nil || !bytes.Equal(got, fmt.Appendf(nil, "%d %s", i, body)) {
					t.Fatalf("document %d came back as %d bytes, %v", i, len(got), err)
				}
			}
		})
	}
}

func TestSpoolEmptyDocument(t *testing.T) {
	var s Spool
	defer s.Close()
	if got, err := s.Get(s.Put(nil)); err != nil || len(got) != 0 {
		t.Errorf("%q, %v", got, err)
	}
}

func BenchmarkPut(b *testing.B) {
	var s Spool
	defer s.Close()
	document := bytes.Repeat([]byte(`"reasons":["one of many"],`), 300)
	b.SetBytes(int64(len(document)))
	b.ReportAllocs()
	for b.Loop() {
		s.Put(document)
	}
}
