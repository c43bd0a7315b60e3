package main

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/targets"
)

const pickCategory = "Which"

// pickFlags pick exposures, as history.Filter does.
func pickFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "range", Category: pickCategory, Usage: "only in `RANGE`: a CIDR, an address or FROM-TO (may be repeated, or separated by commas)"},
		&cli.StringFlag{Name: "severity", Category: pickCategory, Usage: "only of `SEVERITY`: critical, high, medium, low or info"},
		&cli.StringFlag{Name: "at-least", Category: pickCategory, Usage: "only of `SEVERITY` or worse"},
		&cli.StringFlag{Name: "verdict", Category: pickCategory, Usage: "only with `VERDICT`: " + joined(exposure.Verdicts())},
		&cli.StringFlag{Name: "transport", Category: pickCategory, Usage: "only over `NAME`: tcp or udp"},
		&cli.StringFlag{Name: "owner", Category: pickCategory, Usage: "only what `NAME` answers for in the policy"},
	}
}

func pickVantageFlag() cli.Flag {
	return &cli.StringFlag{Name: "vantage", Category: pickCategory, Usage: "only as seen from the place called `NAME`"}
}

// picked reads them.
func picked(c *cli.Context) (f history.Filter, err error) {
	f = history.Filter{
		Vantage: c.String("vantage"), Owner: c.String("owner"), Verdict: exposure.Verdict(c.String("verdict")), Transport: exposure.Transport(c.String("transport")),
	}
	if f.Ranges, err = ranges(c.StringSlice("range")); err != nil {
		return f, fmt.Errorf("--range: %w", err)
	}
	for flag, severity := range map[string]*exposure.Severity{"severity": &f.Only, "at-least": &f.AtLeast} {
		if text := c.String(flag); text != "" {
			if *severity, err = exposure.ParseSeverity(text); err != nil {
				return f, fmt.Errorf("--%s: %w", flag, err)
			}
		}
	}
	if f.Verdict != "" && !slices.Contains(exposure.Verdicts(), f.Verdict) {
		return f, fmt.Errorf("--verdict %q: write one of %s", f.Verdict, joined(exposure.Verdicts()))
	}
	if f.Transport != "" && f.Transport != exposure.TCP && f.Transport != exposure.UDP {
		return f, fmt.Errorf("--transport %q: write tcp or udp", f.Transport)
	}
	return f, nil
}

// ranges reads ranges in the forms of an exclude, of any width; names are not
// looked up.
func ranges(list []string) (all []netip.Prefix, err error) {
	for _, text := range list {
		spec, err := targets.ParseExclude(text)
		if err != nil {
			return nil, err
		}
		if spec.Host != "" {
			return nil, fmt.Errorf("%q is a name: write addresses", text)
		}
		all = append(all, spec.Range.Prefixes()...)
	}
	return all, nil
}
