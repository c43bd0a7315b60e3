package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// newID names a sweep: when it started, and enough chance to be alone.
func newID(now time.Time) string {
	var b [4]byte
	rand.Read(b[:]) // never fails
	return now.UTC().Format("20060102T150405Z-") + hex.EncodeToString(b[:])
}

// checkpointPath is where a sweep keeps its state: where it was resumed from,
// or beside its first report file, or in the current folder. The state of
// another, unfinished sweep is not overwritten.
func checkpointPath(resumed string, outputs []destination, id string) (string, error) {
	if resumed != "" {
		return resumed, nil
	}
	for _, o := range outputs {
		if o.Path == "" {
			continue
		}
		if info, err := os.Stat(o.Path); err == nil && !info.Mode().IsRegular() {
			continue // a device has no place beside it
		}
		path := o.Path + ".checkpoint"
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("%s is there, from a sweep that did not finish: go on with --resume %s, or remove it", path, path)
		}
		return path, nil
	}
	return "memsweep-" + id + ".checkpoint", nil
}
