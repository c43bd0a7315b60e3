package schedule

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
)

// conclude imports the report and ends the run.
func (r *running) conclude(ctx context.Context, how ending) (Result, error) {
	imported, err := r.imported(ctx, reportName)
	if err == nil && imported == nil && how.code == codeUnwritten { // then the findings went there
		imported, err = r.imported(ctx, stdoutName)
	}
	if err != nil {
		return Result{Code: how.code}, r.unread(ctx, err)
	}
	if imported == nil {
		return Result{Code: how.code}, r.fail(ctx, explain(how))
	}
	return r.settle(ctx, *imported, how)
}

// settle ends a run whose report is in the history.
func (r *running) settle(ctx context.Context, imported history.Imported, how ending) (Result, error) {
	r.scan = imported.Scan
	outcome, problem := history.Complete, ""
	switch {
	case imported.Status != exposure.Complete:
		outcome, problem = history.Incomplete, explain(how)
	case how.code == codeUnwritten: // what was found is known; a document is missing
		outcome, problem = history.Incomplete, explain(how)
	}
	return Result{Code: how.code}, r.end(ctx, outcome, problem)
}

// unread ends a run whose report could not be imported. The report stays where it
// is: the next start tries again.
func (r *running) unread(ctx context.Context, problem error) error {
	return r.book(ctx, history.Failed, fmt.Sprintf("%v; the report is kept in %s", problem, r.folder))
}

// end books the end, and removes what is not needed any more.
func (r *running) end(ctx context.Context, outcome history.Outcome, problem string) error {
	if err := r.book(ctx, outcome, problem); err != nil {
		return err
	}
	return os.RemoveAll(r.folder)
}

func (r *running) book(ctx context.Context, outcome history.Outcome, problem string) error {
	now := r.Now()
	if err := r.Store.EndRun(context.WithoutCancel(ctx), r.run.ID, now, outcome, r.scan, problem); err != nil {
		return err
	}
	r.run.Outcome, r.run.Problem, r.run.Scan, r.run.Finished = outcome, problem, r.scan, &now
	level := slog.LevelInfo
	if outcome != history.Complete {
		level = slog.LevelWarn
	}
	r.log.Log(ctx, level, "run ended", "outcome", string(outcome), "scan", r.scan, "problem", problem)
	return nil
}

func (r *running) fail(ctx context.Context, problem string) error {
	return r.end(ctx, history.Failed, problem)
}

// imported imports the report that a sweep left, if it left one.
func (r *running) imported(ctx context.Context, name string) (*history.Imported, error) {
	f, err := os.Open(filepath.Join(r.folder, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read: its error says nothing
	if info, err := f.Stat(); err == nil && info.Size() == 0 {
		return nil, nil
	}
	imported, err := r.Store.Import(context.WithoutCancel(ctx), f, f.Name(), exposure.Vantage{}, r.run.Job)
	if err != nil {
		return nil, fmt.Errorf("import the report: %w", err)
	}
	r.log.Info("report imported", "scan", imported.Scan, "status", string(imported.Status), "findings", imported.Findings, "changes", imported.Changes, "again", imported.Again)
	return &imported, nil
}

// codeOf is the exit code that a sweep of that status ends with, whatever it found.
func codeOf(status exposure.Status) int {
	if status == exposure.Complete {
		return 0
	}
	return 3
}

// codeUnwritten is the exit code of a sweep that could not write a report.
const codeUnwritten = 4

// explain says in words how a sweep ended.
func explain(how ending) string {
	var text string
	switch how.code {
	case 0, 1:
		text = "the sweep left no report"
	case 2:
		text = "the sweep was refused"
	case 3:
		text = "part of the plan was not scanned"
	case codeUnwritten:
		text = "a report could not be written"
	case 130, 143:
		text = "somebody stopped the sweep"
	case -1:
		text = "the sweep was killed"
	default:
		text = fmt.Sprintf("the sweep ended with exit code %d", how.code)
	}
	if len(how.said) > 0 {
		text += ": " + strings.Join(how.said, "; ")
	}
	return text
}
