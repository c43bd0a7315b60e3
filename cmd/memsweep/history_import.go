package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/report"
)

func foreignFlag(what string) cli.Flag {
	return &cli.StringSliceFlag{Name: "vantage", Category: whereCategory, Usage: what + " what another program wrote, as made from a place of that name and trust: `NAME:TRUST=FILE` (may be repeated)"}
}

func historyImportCommand() *cli.Command {
	return &cli.Command{
		Name:      "import",
		Usage:     "take stored reports into a history",
		ArgsUsage: "REPORT...",
		Description: `Each REPORT is a json or jsonl report, or - for stdin; what nmap (XML) and Shadowserver
(CSV) wrote needs --vantage. They go in in the order in which their sweeps started,
each whole or not at all; the same one again changes nothing. One that cannot be
taken in does not stop the others, and the exit code is 2.

A report of a sweep that was interrupted gives way to the one that it was resumed to,
whichever comes first; any other second report of a sweep is refused.`,
		Flags: []cli.Flag{
			historyFlag(),
			foreignFlag("also import"),
			&cli.StringFlag{Name: "job", Usage: "they are runs of the scheduled job called `NAME`"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Category: outputCategory, Usage: "say only what went wrong"},
		},
		Action: importReports,
	}
}

// stocked is a report that is about to be imported.
type stocked struct {
	source
	name    string // as it was given; path may be a copy of stdin
	started time.Time
}

func importReports(c *cli.Context) error {
	sources, err := foreignSources(c)
	if err != nil {
		return usage(err)
	}
	if len(sources) == 0 {
		return usagef("history import: write one report or more: `memsweep history import sweep.json --history FILE`")
	}
	return withHistory(c, history.Create, func(s *history.Store) error {
		list, refused, release := stock(c, sources)
		defer release()
		for _, r := range list {
			done, err := r.take(c, s)
			if err != nil {
				say(c.App.ErrWriter, "%s was not imported: %v", r.name, err)
				refused++
				continue
			}
			if c.Bool("quiet") {
				continue
			}
			if _, err := fmt.Fprintln(c.App.Writer, exposure.Escape(r.name)+": "+exposure.Escape(importedInWords(done))); err != nil {
				return written(err)
			}
		}
		if refused > 0 {
			return &exit{exitUsage, fmt.Errorf("%d of %d reports could not be imported", refused, len(sources))}
		}
		return nil
	})
}

func importedInWords(done history.Imported) string {
	text := fmt.Sprintf("sweep %s from %s, %s: ", done.Scan, done.Vantage, done.Status)
	if done.Again {
		return text + "it is in the history already"
	}
	text += fmt.Sprintf("%d findings, %d changes", done.Findings, done.Changes)
	if done.Replaced {
		text += "; in the place of the report of its unfinished part"
	}
	return text
}

// foreignSources are the reports that were named, memsweep's own first.
func foreignSources(c *cli.Context) (list []source, err error) {
	for _, path := range c.Args().Slice() {
		list = append(list, source{path: path})
	}
	for _, text := range c.StringSlice("vantage") {
		s, err := parseForeign(text)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	stdin := 0
	for _, s := range list {
		if s.path == "-" {
			stdin++
		}
	}
	if stdin > 1 {
		return nil, errors.New("stdin (-) can be read once")
	}
	return list, nil
}

// parseForeign reads NAME:TRUST=FILE.
func parseForeign(text string) (source, error) {
	place, path, _ := strings.Cut(text, "=")
	name, trust, _ := strings.Cut(place, ":")
	t, err := exposure.ParseTrust(trust)
	if name == "" || path == "" || err != nil {
		return source{}, fmt.Errorf("--vantage %q: write NAME:TRUST=FILE, for example dmz:semi-trusted=nmap.xml", text)
	}
	return source{path, exposure.Vantage{Name: name, Trust: t}}, nil
}

// stock looks at the head of each report and puts them into the order in which
// their sweeps started. Those that cannot be read are named, and counted in
// refused.
func stock(c *cli.Context, sources []source) (list []stocked, refused int, release func()) {
	var copies []string
	release = func() {
		for _, path := range copies {
			os.Remove(path)
		}
	}
	for _, from := range sources {
		r := stocked{source: from, name: from.path}
		if from.path == "-" {
			path, err := keep(c.App.Reader)
			if path != "" {
				copies = append(copies, path)
			}
			if err != nil {
				say(c.App.ErrWriter, "stdin was not imported: %v", err)
				refused++
				continue
			}
			r.name, r.path = "stdin", path
		}
		if err := r.look(); err != nil {
			say(c.App.ErrWriter, "%s was not imported: %v", r.name, err)
			refused++
			continue
		}
		list = append(list, r)
	}
	slices.SortStableFunc(list, func(a, b stocked) int { return cmp.Compare(a.started.UnixNano(), b.started.UnixNano()) })
	return list, refused, release
}

// keep copies a stream into a file of its own, so that it can be read twice.
func keep(r io.Reader) (path string, err error) {
	f, err := os.CreateTemp("", "memsweep-report-*")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, r)
	return f.Name(), errors.Join(err, f.Close())
}

// look reads when the sweep of a report started.
func (r *stocked) look() error {
	return r.open(func(f io.Reader) error {
		stored, err := report.ReadAs(f, r.name, r.from)
		if err == nil {
			r.started = stored.Header.Sweep.Started
		}
		return err
	})
}

func (r *stocked) take(c *cli.Context, s *history.Store) (done history.Imported, err error) {
	err = r.open(func(f io.Reader) error {
		done, err = s.Import(c.Context, f, r.name, r.from, c.String("job"))
		return err
	})
	return done, err
}

func (r *stocked) open(read func(io.Reader) error) error {
	f, err := os.Open(r.path)
	if err != nil {
		return err
	}
	defer f.Close()
	return read(f)
}
