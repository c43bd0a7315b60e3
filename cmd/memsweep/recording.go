package main

import (
	"fmt"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/memsweep/memsweep/history"
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
	release := func() {
		recorder.Close()
		store.Close() // what was written is there; what was not, is not
	}
	return &output{destination: destination{Format: historyFormat, Path: path}, writer: recorder, release: release}, nil
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
