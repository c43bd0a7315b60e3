package main

import (
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/report"
)

func convertCommand() *cli.Command {
	return &cli.Command{
		Name:      "convert",
		Usage:     "write a stored report in another format",
		ArgsUsage: "REPORT",
		Description: `REPORT is a json or jsonl report, or - for stdin. A stream that was cut off is shown as
incomplete, and the exit code is 3.

REPORT may also be what another program wrote: nmap's XML (-oX), or Shadowserver's
CSV (scan_memcached). It is judged as if seen from --vantage. Shadowserver lists only
what it found, so that its reports are always incomplete; nmap's are, where nmap did
not ask everyone.`,
		Flags: []cli.Flag{
			formatFlag(),
			&cli.StringFlag{Name: "vantage", Category: whereCategory, DefaultText: "shadowserver for its CSV", Usage: "what another program wrote was made from the place called `NAME`"},
			&cli.StringFlag{Name: "trust", Category: whereCategory, DefaultText: "untrusted", Usage: "how far that place is trusted: `trusted`, semi-trusted or untrusted"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Category: outputCategory, Usage: "write to `FILE`, in the format of its ending or of --format"},
			&cli.StringSliceFlag{Name: "out", Category: outputCategory, Usage: "also write `FORMAT=FILE` (may be repeated)"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Value: true, Hidden: true},
			&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Category: outputCategory, Usage: "every reason and every fix"},
			policyFlag(),
			colorFlag(),
		},
		Action: convert,
	}
}

func convert(c *cli.Context) error {
	if c.NArg() != 1 {
		return usagef("convert: write one report: `memsweep convert REPORT --format csv`")
	}
	from, err := foreignVantage(c)
	if err != nil {
		return usage(err)
	}
	list, err := destinations(c)
	if err != nil {
		return usage(err)
	}
	under, warnings, err := readPolicy(c.String("policy"))
	if err != nil {
		return usage(err)
	}
	for _, w := range warnings {
		say(c.App.ErrWriter, "warning: %s", w)
	}
	name := c.Args().First()
	in, err := openStored(c, name)
	if err != nil {
		return usagef("convert: %w", err)
	}
	defer in.Close()
	doc, err := openOutputs(c, list)
	if err != nil {
		return usage(err)
	}
	defer doc.abort()
	var status exposure.Status
	w := &judged{Writer: tee{doc, &status}, bench: bench{policy: under}}
	err = report.Convert(in, name, from, w)
	switch lost := doc.failures(); {
	case lost != nil:
		return &exit{exitOutput, lost}
	case err != nil:
		return usagef("convert: %w", err)
	case status != exposure.Complete:
		say(c.App.ErrWriter, "the report in %s is %s", name, status)
		return &exit{code: exitIncomplete}
	}
	return nil
}

// openStored opens a stored report; "-" is stdin.
func openStored(c *cli.Context, name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(c.App.Reader), nil
	}
	return os.Open(name)
}

// foreignVantage is the place that a foreign report was made from; empty when
// nothing was said.
func foreignVantage(c *cli.Context) (v exposure.Vantage, err error) {
	v.Name = c.String("vantage")
	if text := c.String("trust"); text != "" {
		if v.Trust, err = exposure.ParseTrust(text); err != nil {
			return v, fmt.Errorf("--trust: %w", err)
		}
	}
	return v, nil
}

// tee is a report.Writer over several documents. Their own errors are asked
// for at the end.
type tee struct {
	*outputs
	status *exposure.Status
}

func (t tee) Begin(h report.Header) error      { t.begin(h); return nil }
func (t tee) Finding(f exposure.Finding) error { return t.finding(f) }
func (t tee) End(s report.Summary) error {
	*t.status = s.Status
	t.end(s)
	return nil
}
