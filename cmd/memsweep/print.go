package main

import (
	_ "embed"
	"encoding/hex"
	"fmt"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/memsweep/memsweep/history/digest"
	"github.com/memsweep/memsweep/internal/notify"
	"github.com/memsweep/memsweep/probes"
	"github.com/memsweep/memsweep/report"
)

func probesCommand() *cli.Command {
	return &cli.Command{
		Name:   "probes",
		Usage:  "list what memsweep can ask, and the exact bytes",
		Action: listProbes,
	}
}

func listProbes(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	for _, p := range probes.All() {
		fmt.Fprintf(w, "%s (%s %d): %s\n", p.Name, p.Transport, p.Port, p.Summary)
		for _, u := range p.Utterances {
			fmt.Fprintf(w, "  %s\t%s\t%s\n", u.Name, hex.EncodeToString(u.Bytes), u.When)
		}
	}
	return written(w.Flush())
}

func schemaCommand() *cli.Command {
	return &cli.Command{
		Name:      "schema",
		Usage:     "print the JSON Schema of the json report, of a comparison, of diff and history, or of a notification",
		ArgsUsage: "[compare|history|message]",
		Action: func(c *cli.Context) error {
			text := report.Schema()
			switch what := c.Args().First(); {
			case c.NArg() > 1:
				return usagef("schema: unexpected argument %q", c.Args().Get(1))
			case what == "compare":
				text = report.MatrixSchema()
			case what == "history":
				text = digest.Schema()
			case what == "message":
				text = notify.Schema()
			case what != "":
				return usagef("schema: unknown document %q: write `memsweep schema` for the report, `memsweep schema compare` for a comparison, `memsweep schema history` for diff and history, `memsweep schema message` for a notification", what)
			}
			_, err := c.App.Writer.Write(text)
			return written(err)
		},
	}
}

var (
	//go:embed completion.bash
	bashCompletion string
	//go:embed completion.zsh
	zshCompletion string
)

func completionCommand() *cli.Command {
	return &cli.Command{
		Name:        "completion",
		Usage:       "print the completion script for bash, zsh or fish",
		ArgsUsage:   "SHELL",
		Description: "bash:  source <(memsweep completion bash)\nzsh:   source <(memsweep completion zsh)\nfish:  memsweep completion fish | source",
		Action: func(c *cli.Context) error {
			var text string
			var err error
			switch shell := c.Args().First(); shell {
			case "bash":
				text = bashCompletion
			case "zsh":
				text = zshCompletion
			case "fish":
				text, err = c.App.ToFishCompletion()
			default:
				return usagef("completion: unknown shell %q: write bash, zsh or fish", shell)
			}
			if err == nil {
				_, err = fmt.Fprint(c.App.Writer, text)
			}
			return written(err)
		},
	}
}

func manCommand() *cli.Command {
	return &cli.Command{
		Name:  "man",
		Usage: "print the manual page (memsweep man | man -l -)",
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			text, err := c.App.ToManWithSection(1)
			if err == nil {
				_, err = fmt.Fprint(c.App.Writer, text)
			}
			return written(err)
		},
	}
}

// written marks an error as one of writing results.
func written(err error) error {
	if err == nil {
		return nil
	}
	return &exit{exitOutput, fmt.Errorf("write: %w", err)}
}
