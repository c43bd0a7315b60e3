package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/history/digest"
	"github.com/memsweep/memsweep/report"
)

func historyListCommand() *cli.Command {
	return &cli.Command{
		Name:  "list",
		Usage: "list exposures, what to fix first first",
		Flags: slices.Concat([]cli.Flag{
			historyFlag(),
			&cli.StringFlag{Name: "state", Value: string(history.OnlyOpen), Category: pickCategory, Usage: "only what is `STATE`: open, fixed or any"},
			pickVantageFlag(),
		}, pickFlags(), sheetFlags()),
		Action: listExposures,
	}
}

func listExposures(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	f, err := picked(c)
	if err != nil {
		return usage(err)
	}
	f.State = history.State(c.String("state"))
	if f.State != history.OnlyOpen && f.State != history.OnlyFixed && f.State != history.Any {
		return usagef("--state %q: write open, fixed or any", f.State)
	}
	list, err := destinationsAmong(sheetKinds(), c)
	if err != nil {
		return usage(err)
	}
	return withHistory(c, history.ReadOnly, func(s *history.Store) error {
		o, err := overview(c, s, f.Vantage)
		if err != nil {
			return err
		}
		n, err := s.Count(c.Context, f)
		if err != nil {
			return err
		}
		exposures := digest.All(func(p history.Page) ([]history.Exposure, string, error) { return s.Exposures(c.Context, f, p) })
		return writeSheets(c, list, func(string) report.Sheet { return digest.Exposures(f, o, n, exposures) })
	})
}

// overview is the present state; a vantage that was named must be in it.
func overview(c *cli.Context, s *history.Store, vantage string) (history.Overview, error) {
	o, err := s.Overview(c.Context)
	if err != nil || vantage == "" {
		return o, err
	}
	var names []string
	for _, v := range o.Vantages {
		if v.Vantage.Name == vantage {
			return o, nil
		}
		names = append(names, v.Vantage.Name)
	}
	return o, fmt.Errorf("--vantage %q: there is no such one in this history; there is %q", vantage, names)
}

func historyShowCommand() *cli.Command {
	return &cli.Command{
		Name:        "show",
		Usage:       "show one host's whole life, what proves it, and how to close it",
		ArgsUsage:   "IP",
		Description: "The findings are as the report had them that saw the exposure change last.",
		Flags:       append([]cli.Flag{historyFlag()}, sheetFlags()...),
		Action:      showHost,
	}
}

func showHost(c *cli.Context) error {
	if c.NArg() != 1 {
		return usagef("history show: write one address: `memsweep history show 192.0.2.7 --history FILE`")
	}
	ip, err := netip.ParseAddr(c.Args().First())
	if err != nil {
		return usagef("history show: %q is no address: write 192.0.2.7 or 2001:db8::7", c.Args().First())
	}
	list, err := destinationsAmong(sheetKinds(), c)
	if err != nil {
		return usage(err)
	}
	return withHistory(c, history.ReadOnly, func(s *history.Store) error {
		h, err := s.Host(c.Context, ip)
		if errors.Is(err, history.ErrNotFound) {
			return fmt.Errorf("%s never answered in this history; `memsweep history list --state any --history FILE` lists what did", ip)
		}
		if err != nil {
			return err
		}
		return writeSheets(c, list, func(string) report.Sheet { return digest.Host(h) })
	})
}

func historySweepsCommand() *cli.Command {
	return &cli.Command{
		Name:  "sweeps",
		Usage: "list the sweeps in a history, the newest first",
		Flags: append([]cli.Flag{
			historyFlag(), pickVantageFlag(),
			&cli.StringFlag{Name: "job", Category: pickCategory, Usage: "only runs of the scheduled job called `NAME`"},
		}, sheetFlags()...),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			list, err := destinationsAmong(sheetKinds(), c)
			if err != nil {
				return usage(err)
			}
			return withHistory(c, history.ReadOnly, func(s *history.Store) error {
				o, err := overview(c, s, c.String("vantage"))
				if err != nil {
					return err
				}
				sweeps := digest.All(func(p history.Page) ([]history.Sweep, string, error) {
					return s.Sweeps(c.Context, c.String("vantage"), c.String("job"), p)
				})
				return writeSheets(c, list, func(string) report.Sheet { return digest.Sweeps(o, sweeps) })
			})
		},
	}
}

func historyTrendCommand() *cli.Command {
	return &cli.Command{
		Name:  "trend",
		Usage: "say how many exposures were open over time",
		Flags: append([]cli.Flag{
			historyFlag(), pickVantageFlag(),
			&cli.StringFlag{Name: "since", Value: "30d", Category: pickCategory, Usage: "from `TIME` on: how long ago (24h, 7d, 2w), a date, or the ID of a sweep"},
			&cli.StringFlag{Name: "until", Category: pickCategory, DefaultText: "now", Usage: "up to `TIME`"},
			&cli.IntFlag{Name: "points", Value: 30, Category: pickCategory, Usage: "in at most `N` steps"},
		}, sheetFlags()...),
		Action: showTrend,
	}
}

// maxPoints is more than any screen has columns.
const maxPoints = 10_000

func showTrend(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	if n := c.Int("points"); n < 1 || n > maxPoints {
		return usagef("--points %d: write a number from 1 to %d", n, maxPoints)
	}
	list, err := destinationsAmong(sheetKinds(), c)
	if err != nil {
		return usage(err)
	}
	return withHistory(c, history.ReadOnly, func(s *history.Store) error {
		o, err := overview(c, s, c.String("vantage"))
		if err != nil {
			return err
		}
		since, until, err := window(c, s, time.Now())
		if err != nil {
			return err
		}
		if until.IsZero() {
			until = time.Now()
		}
		points, err := s.Trend(c.Context, c.String("vantage"), since, until, c.Int("points"))
		if err != nil {
			return err
		}
		return writeSheets(c, list, func(string) report.Sheet { return digest.Trend(c.String("vantage"), o, points) })
	})
}
