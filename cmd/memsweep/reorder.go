package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// reorder moves flags before positional arguments. The parser stops at the
// first positional, and would take `scan 10.0.0.0/24 --dry-run` for a sweep of
// 10.0.0.0/24 and of a host named --dry-run.
func reorder(app *cli.App, args []string) ([]string, error) {
	if len(args) == 0 || args[len(args)-1] == "--generate-bash-completion" {
		return args, nil
	}
	head, rest := args[:1:1], args[1:]
	flags, commands := app.Flags, app.Commands
	for len(rest) > 0 {
		i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.HasName(rest[0]) })
		if i < 0 {
			break
		}
		head, rest = append(head, rest[0]), rest[1:]
		flags, commands = slices.Concat(commands[i].Flags, []cli.Flag{cli.HelpFlag}), commands[i].Subcommands
	}
	if len(head) == 1 || len(commands) > 0 {
		return args, nil // before a command there are no positionals
	}
	var positional []string
	for len(rest) > 0 {
		arg := rest[0]
		rest = rest[1:]
		switch {
		case arg == "--":
			positional, rest = append(positional, rest...), nil
		case !strings.HasPrefix(arg, "-") || arg == "-":
			positional = append(positional, arg)
		default:
			head = append(head, arg)
			if takesValue(flags, arg) && len(rest) > 0 {
				head, rest = append(head, rest[0]), rest[1:]
			}
		}
	}
	if slices.Contains(head, "--help") || slices.Contains(head, "-h") {
		return head, nil // the help would take a positional for its topic
	}
	return append(append(head, "--"), positional...), nil
}

// takesValue reports whether the argument after a flag belongs to it. What is
// not known takes none: the parser is about to refuse it.
func takesValue(flags []cli.Flag, arg string) bool {
	name := strings.TrimLeft(arg, "-")
	if strings.Contains(name, "=") {
		return false
	}
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			doc, ok := f.(cli.DocGenerationFlag)
			return ok && doc.TakesValue()
		}
	}
	return false
}
