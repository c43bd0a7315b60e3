package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/history/digest"
)

func historyPruneCommand() *cli.Command {
	return &cli.Command{
		Name:  "prune",
		Usage: "forget what is old: sweeps, and exposures that were fixed before",
		Description: `An exposure that is open is never forgotten, nor when it was first seen, nor what
somebody is still to be told. The file does not shrink: what comes later has its room.
--dry-run does it to a copy beside the file, and throws the copy away: it says exactly
what would go. memsweep history backup writes a smaller file.`,
		Flags: []cli.Flag{
			historyFlag(),
			&cli.StringFlag{Name: "older-than", Usage: "forget what is older than `TIME`: 365d, 52w, or a date"},
			&cli.BoolFlag{Name: "dry-run", Aliases: []string{"n"}, Usage: "say what would be forgotten, and forget nothing"},
		},
		Action: prune,
	}
}

func prune(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	text := c.String("older-than")
	if text == "" {
		return usagef("history prune: how much? Write --older-than 365d")
	}
	before, err := olderThan(text, time.Now())
	if err != nil {
		return usagef("--older-than: %w", err)
	}
	return unlessStopped(c, func() error { return forget(c, before) })
}

func forget(c *cli.Context, before time.Time) error {
	return withHistory(c, history.Existing, func(s *history.Store) error {
		forget, verb := s.Prune, "forgotten"
		if c.Bool("dry-run") {
			verb = "to be forgotten"
			copied, discard, err := scratch(c, s)
			defer discard()
			if err != nil {
				return err
			}
			forget = copied.Prune
		}
		p, err := forget(c.Context, before)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.App.Writer, "before %s, %s: %d sweeps with %d observations, %d fixed exposures, %d events, %d runs, %d messages\n",
			digest.Local(before), verb, p.Sweeps, p.Observations, p.Exposures, p.Events, p.Runs, p.Messages)
		if p.Untold > 0 {
			say(c.App.ErrWriter, "nothing from %s on: %d events since then are still to be told, which `memsweep run` does", digest.Local(p.Held), p.Untold)
		}
		return written(err)
	})
}

// unlessStopped lets SIGINT and SIGTERM end what a command asks of a history, so
// that no copy is left behind, as large as that.
func unlessStopped(c *cli.Context, do func() error) error {
	ctx, caught, release := stopped(c.Context)
	defer release()
	c.Context = ctx
	err := do()
	switch {
	case err == nil || ctx.Err() == nil:
		return err
	case caught() == syscall.SIGTERM:
		return &exit{code: exitSIGTERM}
	}
	return &exit{code: exitSIGINT}
}

func olderThan(text string, now time.Time) (time.Time, error) {
	if span, err := parseSpan(text); err == nil {
		return now.Add(-span), nil
	}
	date, err := parseDate(text)
	if err != nil {
		return date, fmt.Errorf("%w; or 365d or 52w, which is how long ago", err)
	}
	if date.After(now) {
		return date, fmt.Errorf("%q is not over yet", text)
	}
	return date, nil
}

// scratch is a copy of the history in a folder of its own, beside it: there is
// where there must be room.
func scratch(c *cli.Context, s *history.Store) (copied *history.Store, discard func(), err error) {
	folder, err := os.MkdirTemp(filepath.Dir(c.String("history")), ".memsweep-dry-run-*")
	discard = func() {
		if copied != nil {
			copied.Close()
		}
		if folder != "" {
			os.RemoveAll(folder)
		}
	}
	if err != nil {
		return nil, discard, err
	}
	path := filepath.Join(folder, "history.db")
	if err = s.Backup(c.Context, path); err == nil {
		copied, err = history.Open(c.Context, path, history.Existing)
	}
	return copied, discard, err
}

func historyCheckCommand() *cli.Command {
	return &cli.Command{
		Name:        "check",
		Usage:       "look for damage, and bring a history to the version of this memsweep",
		Description: "The exit status is 0 when all is well, else 2 with a line for each problem.",
		Flags:       []cli.Flag{historyFlag()},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return withHistory(c, history.Existing, func(s *history.Store) error {
				problems, err := s.Check(c.Context)
				if err != nil {
					return err
				}
				for _, p := range problems {
					say(c.App.ErrWriter, "%s", p)
				}
				if len(problems) > 0 {
					return usagef("%s is damaged: keep it as it is, and go back to a backup, or import the reports anew into another file", c.String("history"))
				}
				_, err = fmt.Fprintf(c.App.Writer, "%s: ok\n", exposure.Escape(c.String("history")))
				return written(err)
			})
		},
	}
}

func historyBackupCommand() *cli.Command {
	return &cli.Command{
		Name:        "backup",
		Usage:       "copy a history, whole and consistent, while others use it",
		ArgsUsage:   "FILE",
		Description: "FILE must not be there yet. It is compact, and only its owner can read it.",
		Flags:       []cli.Flag{historyFlag()},
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 || c.Args().First() == "" {
				return usagef("history backup: write one new file: `memsweep history backup copy.db --history FILE`")
			}
			return unlessStopped(c, func() error {
				return withHistory(c, history.Existing, func(s *history.Store) error {
					if err := s.Backup(c.Context, c.Args().First()); err != nil {
						return &exit{exitOutput, err}
					}
					return nil
				})
			})
		},
	}
}
