package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"
)

const description = `memsweep asks the addresses that you own whether a memcached answers there, over
TCP and UDP, and says for each what can be reached, how much it amplifies, how
bad that is from where you stand, and how to close it. It sends only "version",
"stats" and "stats settings", and never reads or changes a cached item.

EXIT STATUS
   0    complete, nothing at or above --fail-on
   1    complete, at least one finding at or above --fail-on (default: low)
   2    usage, configuration or scope refused: nothing was sent
   3    incomplete: part of the plan was not scanned (wins over 1)
   4    results could not be written
   130  interrupted by SIGINT, 143 by SIGTERM; a checkpoint was written`

func newApp(stdin io.Reader, stdout, stderr io.Writer) *cli.App {
	cli.VersionFlag = &cli.BoolFlag{Name: "version", Aliases: []string{"V"}, Usage: "print the version"}
	app := &cli.App{
		Name:                 "memsweep",
		Usage:                "find exposed memcached servers in your own networks",
		Description:          description,
		Version:              versionText(),
		Reader:               stdin,
		Writer:               stdout,
		ErrWriter:            stderr,
		EnableBashCompletion: true,
		Suggest:              true,
		// Exit codes are run's business.
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   onUsageError,
		Action:         noCommand,
		Commands: []*cli.Command{
			scanCommand(), demoCommand(), convertCommand(), compareCommand(), diffCommand(), historyCommand(), auditCommand(), fixCommand(), scopeCommand(), policyCommand(),
			runCommand(), serveCommand(), notifyCommand(), doctorCommand(), probesCommand(), schemaCommand(), completionCommand(), manCommand(),
		},
	}
	for _, c := range app.Commands {
		prepare(c)
	}
	return app
}

func prepare(c *cli.Command) {
	c.OnUsageError = onUsageError
	for _, sub := range c.Subcommands {
		prepare(sub)
	}
}

func onUsageError(c *cli.Context, err error, _ bool) error {
	text := err.Error()
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: "); ok {
		return usagef("unknown flag %s: %s lists the flags", dashes(name), helpCommand(c))
	}
	return usagef("%s: see %s", text, helpCommand(c))
}

func helpCommand(c *cli.Context) string {
	if c.Command != nil && c.Command.Name != "" && c.Command.Name != c.App.Name {
		return fmt.Sprintf("`%s --help`", c.Command.HelpName)
	}
	return "`memsweep --help`"
}

// dashes writes a flag as it is usually given; the parser drops one dash.
func dashes(name string) string {
	if name = strings.TrimLeft(name, "-"); len(name) > 1 {
		return "--" + name
	}
	return "-" + name
}

// noCommand runs when no subcommand matched.
func noCommand(c *cli.Context) error {
	if !c.Args().Present() {
		cli.ShowAppHelp(c)
		return &exit{code: exitUsage}
	}
	return unknownCommand(c.App.Commands, "memsweep", c.Args().First())
}

func unknownCommand(commands []*cli.Command, parent, name string) error {
	var names []string
	for _, c := range commands {
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}
	return usagef("unknown command %q: %s There is %s %s", name, cli.SuggestCommand(commands, name), parent, strings.Join(names, ", "))
}

// noArguments refuses what a command would otherwise ignore.
func noArguments(c *cli.Context) error {
	if c.Args().Present() {
		return usagef("%s: unexpected argument %q", c.Command.Name, c.Args().First())
	}
	return nil
}
