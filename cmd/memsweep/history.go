package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/memsweep/memsweep/history"
)

const historyDescription = `A history is one file. Sweeps go into it as they end (memsweep scan --history FILE),
or later (memsweep history import REPORT... --history FILE); the same report twice
changes nothing. Each endpoint that answered has a life in it, as seen from one
vantage: since when it is exposed, what changed, and when it was fixed.

Fixed means: definitively asked again in a complete sweep from the same vantage, and
without an answer; over UDP, where packets are lost, in two of them in a row. What was
not asked again is not rescanned, and stays open.`

func historyFlag() cli.Flag {
	return &cli.StringFlag{Name: "history", Usage: "the history is `FILE`"}
}

func historyCommand() *cli.Command {
	return &cli.Command{
		Name:        "history",
		Usage:       "look at what sweeps saw over time: what is open, what changed, what was fixed",
		Description: historyDescription,
		Subcommands: []*cli.Command{
			historyImportCommand(), historyListCommand(), historyShowCommand(), historyChangesCommand(), historyTrendCommand(), historySweepsCommand(),
			historyPruneCommand(), historyCheckCommand(), historyBackupCommand(),
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return unknownCommand(c.Command.Subcommands, "memsweep history", c.Args().First())
			}
			cli.ShowSubcommandHelp(c)
			return &exit{code: exitUsage}
		},
	}
}

// openHistory opens the history that was named.
func openHistory(c *cli.Context, mode history.Mode) (*history.Store, error) {
	path := c.String("history")
	if path == "" {
		return nil, usagef("%s: which history? Write --history FILE", c.Command.Name)
	}
	s, err := history.Open(c.Context, path, mode)
	if errors.Is(err, history.ErrNewer) {
		err = fmt.Errorf("%w: read it with that version, or write to another file", err)
	}
	if err != nil {
		return nil, usage(err)
	}
	return s, nil
}

// withHistory opens it for as long as do takes. What cannot be read of it is an
// error of the file, exit 2: nothing was asked of the network.
func withHistory(c *cli.Context, mode history.Mode, do func(*history.Store) error) (err error) {
	s, err := openHistory(c, mode)
	if err != nil {
		return err
	}
	defer func() {
		if closed := s.Close(); err == nil && closed != nil {
			err = usage(closed)
		}
	}()
	if err := do(s); err != nil {
		return usage(err)
	}
	return nil
}
