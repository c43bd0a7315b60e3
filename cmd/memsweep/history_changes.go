package main

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/history/digest"
	"github.com/memsweep/memsweep/history/life"
	"github.com/memsweep/memsweep/report"
)

func historyChangesCommand() *cli.Command {
	return &cli.Command{
		Name:  "changes",
		Usage: "list what changed in a stretch of time",
		Description: `TIME is how long ago (24h, 7d, 2w), a date (2026-11-21 is midnight where memsweep runs;
2026-11-21T08:00:00Z), or the ID of a sweep in the history: after that one.

Each change is listed with the sweep that saw it; what is still open as before, and
what was not rescanned, is counted, and listed with --all. The exit code is 3 when
a vantage was not swept in that time, its last sweep did not finish, or what it
showed was pruned. A change is of the time when the sweep that saw it started.`,
		Flags: slices.Concat([]cli.Flag{
			historyFlag(),
			&cli.StringFlag{Name: "since", Value: "24h", Category: pickCategory, Usage: "after `TIME`"},
			&cli.StringFlag{Name: "until", Category: pickCategory, DefaultText: "now", Usage: "up to `TIME`"},
			&cli.StringSliceFlag{Name: "kind", Category: pickCategory, Usage: "only changes of `KIND`: " + joined(digest.Events()) + " (may be repeated, or separated by commas)"},
			&cli.BoolFlag{Name: "all", Category: pickCategory, Usage: "list what is still open, and what was not rescanned, too"},
			pickVantageFlag(),
		}, pickFlags(), sheetFlags(), []cli.Flag{failingFlag()}),
		Action: listChanges,
	}
}

func failingFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "fail-on", Value: cli.NewStringSlice(defaultFailing()...), Category: outputCategory, Usage: "exit 1 for changes of `KIND:SEVERITY` or worse, as new:high,worse; or never"}
}

func listChanges(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	kinds := slices.Concat(digest.Events(), []life.Kind{life.Still, life.NotRescanned})
	on, err := parseFailing(c.StringSlice("fail-on"), kinds)
	if err != nil {
		return usage(err)
	}
	f, err := picked(c)
	if err != nil {
		return usage(err)
	}
	wanted, err := parseKinds(c.StringSlice("kind"))
	if err != nil {
		return usage(err)
	}
	list, err := destinationsAmong(sheetKinds(), c)
	if err != nil {
		return usage(err)
	}
	return withHistory(c, history.ReadOnly, func(s *history.Store) error {
		w := changing{cli: c, store: s, Window: digest.Window{Of: f, Kinds: wanted, Counts: map[life.Kind]int{}}}
		if err := w.read(on); err != nil {
			return err
		}
		if err := writeSheets(c, list, func(format string) report.Sheet { return digest.Changes(w.Window, format != "csv" && format != "json") }); err != nil {
			return err
		}
		for _, gap := range w.Gaps {
			say(c.App.ErrWriter, "%s", gap)
		}
		switch {
		case len(w.Gaps) > 0:
			return &exit{code: exitIncomplete}
		case w.failed:
			return &exit{code: exitFindings}
		}
		return nil
	})
}

func parseKinds(list []string) ([]life.Kind, error) {
	if len(list) == 0 {
		return digest.Events(), nil
	}
	var kinds []life.Kind
	for _, text := range list {
		if !slices.Contains(digest.Events(), life.Kind(text)) {
			return nil, fmt.Errorf("--kind %q: write one of %s; --all lists what did not change", text, joined(digest.Events()))
		}
		if !slices.Contains(kinds, life.Kind(text)) {
			kinds = append(kinds, life.Kind(text))
		}
	}
	return kinds, nil
}

// changing reads what changed.
type changing struct {
	digest.Window
	cli    *cli.Context
	store  *history.Store
	failed bool // something of --fail-on is among it
}

func (w *changing) read(on failing) error {
	ctx := w.cli.Context
	o, err := overview(w.cli, w.store, w.Of.Vantage)
	if err != nil {
		return err
	}
	if w.Since, w.Until, err = window(w.cli, w.store, time.Now()); err != nil {
		return err
	}
	if w.Gaps, err = w.gaps(o); err != nil {
		return err
	}
	w.Changes = func(k life.Kind) iter.Seq2[history.Change, error] {
		f := history.ChangeFilter{Since: w.Since.Add(time.Microsecond), Until: w.Until, Kinds: []life.Kind{k}, Of: w.Of}
		return digest.All(func(p history.Page) ([]history.Change, string, error) { return w.store.Changes(ctx, f, p) })
	}
	for _, k := range w.Kinds {
		for change, err := range w.Changes(k) {
			if err != nil {
				return err
			}
			w.Counts[k]++
			w.failed = w.failed || on.fails(k, change.Severity)
		}
	}
	for d, err := range w.differences() {
		if err != nil {
			return err
		}
		if unchanged(d.Kind) {
			w.Counts[d.Kind]++
			w.failed = w.failed || on.fails(d.Kind, d.Severity)
		}
	}
	if w.cli.Bool("all") {
		w.Unchanged = func(k life.Kind) iter.Seq2[history.Difference, error] {
			return func(yield func(history.Difference, error) bool) {
				for d, err := range w.differences() {
					if (err != nil || d.Kind == k) && !yield(d, err) {
						return
					}
				}
			}
		}
	}
	return nil
}

func unchanged(k life.Kind) bool { return k == life.Still || k == life.NotRescanned }

// farAway is after everything that a history can hold.
func farAway() time.Time { return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) }

func (w *changing) differences() iter.Seq2[history.Difference, error] {
	until := w.Until
	if until.IsZero() {
		until = farAway()
	}
	return w.store.Differences(w.cli.Context, w.Since, until, w.Of)
}

// gaps say of which vantage it is not known what changed.
func (w *changing) gaps(o history.Overview) (list []string, err error) {
	horizon, err := w.store.Horizon(w.cli.Context)
	if err != nil {
		return nil, err
	}
	if horizon.After(w.Since) {
		list = append(list, "What happened before "+digest.Clock(horizon)+" was pruned: what changed until then is not known any more.")
	}
	for _, v := range o.Vantages {
		name := v.Vantage.Name
		if v.Last == nil && v.Open == 0 || w.Of.Vantage != "" && name != w.Of.Vantage {
			continue // nobody sweeps from there any more
		}
		sweeps := digest.All(func(p history.Page) ([]history.Sweep, string, error) {
			return w.store.Sweeps(w.cli.Context, name, "", p)
		})
		var last *history.Sweep
		for s, err := range sweeps {
			if err != nil {
				return nil, err
			}
			if w.Until.IsZero() || !s.Started.After(w.Until) {
				last = &s
				break
			}
		}
		switch {
		case last == nil || !last.Started.After(w.Since):
			list = append(list, "No sweep from "+name+" since "+digest.Clock(w.Since)+": nothing is known of what changed there.")
		case last.Status != exposure.Complete:
			list = append(list, fmt.Sprintf("The last sweep from %s (%s) is %s: nothing is fixed by it, and new exposures may be missing.", name, digest.Clock(last.Started), last.Status))
		}
	}
	return list, nil
}

// window reads --since and --until. Until is zero when nothing was said.
func window(c *cli.Context, s *history.Store, now time.Time) (since, until time.Time, err error) {
	if since, err = moment(c, s, "since", now); err != nil {
		return since, until, err
	}
	if c.String("until") != "" {
		if until, err = moment(c, s, "until", now); err != nil {
			return since, until, err
		}
	}
	if !until.IsZero() && until.Before(since) {
		return since, until, fmt.Errorf("--until %s is before --since %s", digest.Local(until), digest.Local(since))
	}
	return since, until, nil
}

// moment reads how long ago, a date, or when a sweep of the history started.
func moment(c *cli.Context, s *history.Store, flag string, now time.Time) (time.Time, error) {
	text := c.String(flag)
	if span, err := parseSpan(text); err == nil {
		return now.Add(-span), nil
	}
	date, wrong := parseDate(text)
	if wrong == nil {
		return date, nil
	}
	sweep, err := s.Sweep(c.Context, text)
	switch {
	case errors.Is(err, history.ErrNotFound):
		return time.Time{}, fmt.Errorf("--%s: %w; 24h, 7d or 2w is how long ago; and there is no sweep of that ID in the history (`memsweep history sweeps`)", flag, wrong)
	case err != nil:
		return time.Time{}, err
	}
	return sweep.Started, nil
}
