package main

import (
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/exposure/matrix"
	"github.com/memsweep/memsweep/report"
)

func compareCommand() *cli.Command {
	var names []string
	for _, f := range report.MatrixFormats() {
		names = append(names, f.Name)
	}
	return &cli.Command{
		Name:      "compare",
		Usage:     "lay reports from several vantages side by side",
		ArgsUsage: "REPORT...",
		Description: `Each REPORT is a stored report from a vantage of its own (memsweep scan --vantage
NAME --trust trusted|semi-trusted|untrusted), or - for stdin. The outcome has a row
for each endpoint of a host that somebody found something at, a column for each
vantage, and says what the pattern means: from where the endpoint can be reached,
what a filter leaks, whether one server answers or several.

What nmap (XML) and Shadowserver (CSV) wrote will do too; it does not say from where,
so that --vantage has to. What a vantage did not ask is never shown as closed. The exit code is 3 when a
vantage is unfinished (with --unfinished), saw so little that its own network is
suspect, or does not say of an endpoint what became of it.`,
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "vantage", Category: whereCategory, Usage: "also compare what another program wrote, as made from a place of that name and trust: `NAME:TRUST=FILE` (may be repeated)"},
			&cli.BoolFlag{Name: "partial", Category: whatCategory, Usage: "compare reports of different plans in what they share"},
			&cli.BoolFlag{Name: "unfinished", Category: whatCategory, Usage: "compare sweeps that were not finished too; their cells say so"},
			policyFlag(),
			&cli.StringFlag{Name: "format", Aliases: []string{"f"}, Category: outputCategory, Usage: "write the comparison as `FORMAT`: " + strings.Join(names, ", "), DefaultText: "text"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Category: outputCategory, Usage: "write to `FILE`, in the format of its ending or of --format"},
			&cli.StringSliceFlag{Name: "out", Category: outputCategory, Usage: "also write `FORMAT=FILE` (may be repeated)"},
			&cli.StringFlag{Name: "fail-on", Value: string(exposure.Low), Category: outputCategory, Usage: "exit 1 for endpoints of `SEVERITY` or worse: critical, high, medium, low, info, or never"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Category: outputCategory, Usage: "no table beside -o"},
			&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Category: outputCategory, Usage: "endpoints without an answer too, and what each row means, however many there are"},
			colorFlag(),
		},
		Action: compare,
	}
}

func compare(c *cli.Context) error {
	sources, err := readSources(c)
	if err != nil {
		return usage(err)
	}
	failOn := exposure.Severity("")
	if text := c.String("fail-on"); text != "never" {
		if failOn, err = exposure.ParseSeverity(text); err != nil {
			return usagef("--fail-on: %w, or never", err)
		}
	}
	list, err := destinationsAmong(matrixKinds(), c)
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
	views, err := readViews(c, sources, under)
	if err != nil {
		return usagef("compare: %w", err)
	}
	m, err := matrix.Compare(views, matrix.Options{Partial: c.Bool("partial"), Unfinished: c.Bool("unfinished")})
	if err != nil {
		return usage(err)
	}
	if err := writeMatrix(c, list, m); err != nil {
		return err
	}
	return verdictOn(c, m, failOn)
}

// verdictOn chooses the exit code, and says on stderr why it is 3.
func verdictOn(c *cli.Context, m matrix.Matrix, failOn exposure.Severity) error {
	unreliable := false
	for _, column := range m.Columns {
		switch {
		case column.Unfinished():
			say(c.App.ErrWriter, "the report in %s is %s", column.Source, column.Status)
		case column.Suspect:
			say(c.App.ErrWriter, "the report in %s saw so little that the network of %s is suspect", column.Source, column.Vantage.Name)
		case column.Uncertain:
			say(c.App.ErrWriter, "the report in %s leaves open what became of some endpoints: nothing is known of these from %s", column.Source, column.Vantage.Name)
		default:
			continue
		}
		unreliable = true
	}
	if unreliable {
		return &exit{code: exitIncomplete}
	}
	for _, r := range m.Rows {
		if failOn != "" && r.Severity != "" && r.Severity.AtLeast(failOn) {
			return &exit{code: exitFindings}
		}
	}
	return nil
}
