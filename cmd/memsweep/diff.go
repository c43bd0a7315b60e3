package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/history/digest"
	"github.com/memsweep/memsweep/history/life"
	"github.com/memsweep/memsweep/report"
)

func diffCommand() *cli.Command {
	return &cli.Command{
		Name:      "diff",
		Usage:     "say what changed from one report to another: new, fixed, worse, better, still, not rescanned",
		ArgsUsage: "A B [C...]",
		Description: `A and B are stored reports of one vantage (- is stdin), the earlier one first; with more
of them, those in between count too. What nmap (XML) and Shadowserver (CSV) wrote
needs --vantage. With --history, A and B are the IDs of two sweeps in that file, and
all sweeps of their vantage from A to B count.

Fixed means: definitively asked again in a complete sweep, and without an answer; over
UDP, where packets are lost, in two of them in a row (A B C). Anything else that does not
answer any more is not rescanned, with the reason. The exit code is 3 when the sweep of
the last report did not finish.

   memsweep diff monday.json tuesday.json
   memsweep diff monday.json tuesday.json wednesday.json --fail-on new:high,worse`,
		Flags: slices.Concat([]cli.Flag{
			historyFlag(),
			foreignFlag("also take"),
			&cli.BoolFlag{Name: "all", Category: pickCategory, Usage: "list what is still open as before too (csv and json always do)"},
		}, pickFlags(), sheetFlags(), []cli.Flag{failingFlag()}),
		Action: diff,
	}
}

func diff(c *cli.Context) error {
	on, err := parseFailing(c.StringSlice("fail-on"), life.Kinds())
	if err != nil {
		return usage(err)
	}
	vantages := c.StringSlice("vantage")
	f, err := picked(c)
	if err != nil {
		return usage(err)
	}
	f.Vantage = "" // the flag is for reports here
	list, err := destinationsAmong(sheetKinds(), c)
	if err != nil {
		return usage(err)
	}
	if c.String("history") == "" {
		return diffReports(c, f, list, on)
	}
	if c.NArg() != 2 || len(vantages) > 0 {
		return usagef("diff: with --history, write the IDs of two sweeps: `memsweep history sweeps` lists them")
	}
	return withHistory(c, history.ReadOnly, func(s *history.Store) error {
		var ends [2]history.Sweep
		for i, id := range c.Args().Slice() {
			if ends[i], err = s.Sweep(c.Context, id); errors.Is(err, history.ErrNotFound) {
				return fmt.Errorf("diff: there is no sweep %q in the history: `memsweep history sweeps` lists them; without --history, A and B are report files", id)
			} else if err != nil {
				return err
			}
		}
		if ends[0].Vantage.Name != ends[1].Vantage.Name {
			return fmt.Errorf("diff: %s is from %q and %s from %q: what two places see is compared by `memsweep compare`", ends[0].Scan, ends[0].Vantage.Name, ends[1].Scan, ends[1].Vantage.Name)
		}
		if ends[1].Started.Before(ends[0].Started) {
			return fmt.Errorf("diff: %s started before %s: write the earlier one first", ends[1].Scan, ends[0].Scan)
		}
		return writeDifference(c, s, f, list, on, ends[0], ends[1])
	})
}

// diffReports makes a history of the reports for as long as it takes to ask it:
// two files are told apart by the same rules as two weeks.
func diffReports(c *cli.Context, f history.Filter, list []destination, on failing) error {
	sources, err := foreignSources(c)
	if err != nil {
		return usage(err)
	}
	if len(sources) < 2 {
		return usagef("diff: write two reports or more of one vantage, the earlier one first: `memsweep diff monday.json tuesday.json`")
	}
	folder, err := os.MkdirTemp("", "memsweep-diff-*")
	if err != nil {
		return usagef("diff: %w", err)
	}
	defer os.RemoveAll(folder)
	s, err := history.Open(c.Context, filepath.Join(folder, "history.db"), history.Create)
	if err != nil {
		return usagef("diff: %w", err)
	}
	defer s.Close()
	reports, refused, release := stock(c, sources)
	defer release()
	if refused > 0 {
		return usagef("diff: %d of %d reports cannot be read", refused, len(sources))
	}
	for i, r := range reports {
		if r.source.path != sources[i].path && sources[i].path != "-" {
			say(c.App.ErrWriter, "the reports are taken in the order in which their sweeps started")
			break
		}
	}
	from, to, err := importEnds(c, s, reports)
	if err != nil {
		return usage(err)
	}
	return writeDifference(c, s, f, list, on, from, to)
}

// importEnds imports reports of one vantage, and says which sweeps are the first
// and the last.
func importEnds(c *cli.Context, s *history.Store, reports []stocked) (from, to history.Sweep, err error) {
	by := map[string]string{} // the sweep's ID → the report's name
	for i, r := range reports {
		done, err := r.take(c, s)
		if err != nil {
			return from, to, fmt.Errorf("diff: %s: %w", r.name, err)
		}
		if to, err = s.Sweep(c.Context, done.Scan); err != nil {
			return from, to, err
		}
		if done.Replaced || done.Status != to.Status { // or the whole came first
			return from, to, fmt.Errorf("diff: %s and %s are of one sweep, interrupted and resumed: nothing lies between them", by[done.Scan], r.name)
		}
		if i == 0 {
			from = to
		}
		if by[done.Scan] = r.name; to.Vantage.Name != from.Vantage.Name {
			return from, to, fmt.Errorf("diff: %s is from %q and %s from %q: what two places see is compared by `memsweep compare`",
				reports[0].name, from.Vantage.Name, r.name, to.Vantage.Name)
		}
	}
	return from, to, nil
}

func writeDifference(c *cli.Context, s *history.Store, f history.Filter, list []destination, on failing, from, to history.Sweep) error {
	f.Vantage = to.Vantage.Name
	span := digest.Span{From: from, To: to, Of: f}
	failed := false
	for d, err := range s.Differences(c.Context, from.Started, to.Started, f) {
		if err != nil {
			return usage(err)
		}
		span.Differences = append(span.Differences, d)
		failed = failed || on.fails(d.Kind, d.Severity)
	}
	digest.Order(span.Differences)
	sweeps := digest.All(func(p history.Page) ([]history.Sweep, string, error) { return s.Sweeps(c.Context, f.Vantage, "", p) })
	for sweep, err := range sweeps {
		if err != nil {
			return usage(err)
		}
		if !sweep.Started.Before(from.Started) && !sweep.Started.After(to.Started) {
			span.Sweeps++
		}
	}
	err := writeSheets(c, list, func(format string) report.Sheet {
		span := span
		span.Show = life.Kinds()
		if !c.Bool("all") && format != "csv" && format != "json" {
			span.Show = slices.DeleteFunc(span.Show, func(k life.Kind) bool { return k == life.Still })
		}
		return digest.Difference(span)
	})
	switch {
	case err != nil:
		return err
	case to.Status != exposure.Complete:
		say(c.App.ErrWriter, "the sweep %s is %s: what it did not see may be open still, and nothing is fixed by it", to.Scan, to.Status)
		return &exit{code: exitIncomplete}
	case failed:
		return &exit{code: exitFindings}
	}
	return nil
}
