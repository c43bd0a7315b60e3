package main

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/memsweep/memsweep/targets"
)

func scopeCommand() *cli.Command {
	return &cli.Command{
		Name:  "scope",
		Usage: "work with scope files: the owner's word on what may be swept",
		Subcommands: []*cli.Command{
			{
				Name:      "init",
				Usage:     "print a scope file for ranges, to be filled in",
				ArgsUsage: "RANGE...",
				Action: func(c *cli.Context) error {
					text, err := targets.Template(c.Args().Slice(), time.Now())
					if err != nil {
						return usage(err)
					}
					_, err = fmt.Fprint(c.App.Writer, text)
					return written(err)
				},
			},
			{
				Name:      "systemd",
				Usage:     "print a scope as a drop-in for a systemd unit, so that the kernel keeps to it too",
				ArgsUsage: "SCOPE.yaml [RANGE...]",
				Description: `Each RANGE is allowed besides: private space that is swept and is not in the scope,
resolvers, whom notifications go to, who may look at the page. What the scope denies
stays denied.

  memsweep scope systemd scope.yaml 10.20.0.0/16 > \
      /etc/systemd/system/memsweep.service.d/scope.conf && systemctl daemon-reload

The kernel's filter sees the sockets of the socket engine. The raw engine's frames pass
it by: there, memsweep's own gate is the only lock.`,
				Action: filterScope,
			},
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return unknownCommand(c.Command.Subcommands, "memsweep scope", c.Args().First())
			}
			cli.ShowSubcommandHelp(c)
			return &exit{code: exitUsage}
		},
	}
}

func filterScope(c *cli.Context) error {
	if !c.Args().Present() {
		return usagef("scope systemd: write a scope: `memsweep scope systemd scope.yaml`")
	}
	scope, err := targets.ReadScope(c.Args().First())
	if err != nil {
		return usage(err)
	}
	text, err := scope.SystemdFilter(c.Args().Tail(), time.Now())
	if err != nil {
		return usagef("scope systemd: %w", err)
	}
	_, err = fmt.Fprint(c.App.Writer, text)
	return written(err)
}
