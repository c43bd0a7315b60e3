package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/report"
)

// openRecorder opens a history for what the sweep will find, and sees that it can
// be written, before anything is sent.
func openRecorder(c *cli.Context, path string) (*output, error) {
	store, err := history.Open(c.Context, path, history.Create)
	if err != nil {
		return nil, err
	}
	recorder, err := store.Record(c.Context, "")
	if err != nil {
		store.Close()
		return nil, err
	}
	opened, err := os.Stat(path)
	if err != nil {
		store.Close()
		return nil, err
	}
	release := func() {
		recorder.Close()
		store.Close() // what was written is there; what was not, is not
	}
	return &output{destination: destination{Format: historyFormat, Path: path}, writer: recording{recorder, path, opened}, release: release}, nil
}

// recording is a Recorder into a file that has to be the same one at the end.
// SQLite goes on writing to one that was removed or replaced meanwhile.
type recording struct {
	report.Writer
	path   string
	opened os.FileInfo
}

func (r recording) End(s report.Summary) error {
	if err := r.Writer.End(s); err != nil {
		return err
	}
	now, err := os.Stat(r.path)
	switch {
	case err != nil:
		return fmt.Errorf("it is gone: %w", err)
	case !os.SameFile(r.opened, now):
		return errors.New("somebody put another file into its place while the sweep ran")
	}
	return nil
}

// historyFormat stands in messages where a report has its format.
const historyFormat = "history"

// unrecorded says that a history lacks the sweep, and what mends it.
func (o *output) unrecorded() error {
	return fmt.Errorf("the history %s was not written: %w; once it can be, `memsweep history import REPORT --history FILE` takes the json report of this sweep in", o.Path, o.err)
}

// checkHistory refuses a name under which something would be lost.
func (s *setup) checkHistory() error {
	for _, d := range s.Outputs {
		if s.History != "" && d.Path != "" && filepath.Clean(d.Path) == filepath.Clean(s.History) {
			return fmt.Errorf("--history %s: the report goes there: write another name", s.History)
		}
	}
	return nil
}
