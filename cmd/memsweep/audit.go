package main

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/internal/audit"
	"github.com/memsweep/memsweep/report"
	"github.com/memsweep/memsweep/scanner"
)

// auditEngine is how a report says that it looked into its own machine.
const auditEngine = "audit"

func auditCommand() *cli.Command {
	return &cli.Command{
		Name:  "audit",
		Usage: "look at the memcached of this machine from inside: processes, sockets, files",
		Description: `Reads /proc, the files that start memcached (units, /etc/memcached.conf,
/etc/sysconfig/memcached) and, as root, the firewall's rules. It changes nothing,
sends nothing, and says what it could not see: without root, the sockets of other
users' processes for one, and then the exit code is 3. A finding tells what is
reached from elsewhere; whether a firewall is in between, a scan from there tells.

With --root DIR it reads the files of a mounted image, and nothing outside of it.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "root", Category: whatCategory, Usage: "audit the image that is mounted at `DIR`, by its files alone"},
			&cli.StringFlag{Name: "vantage", Value: "local", Category: whereCategory, Usage: "call this place `NAME`"},
			&cli.StringFlag{Name: "trust", Value: string(exposure.Trusted), Category: whereCategory, Usage: "how far those are trusted who reach this machine: `trusted`, semi-trusted or untrusted; severity depends on it"},
			formatFlag(),
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Category: outputCategory, Usage: "write the report to `FILE`, in the format of its ending or of --format"},
			&cli.StringSliceFlag{Name: "out", Category: outputCategory, Usage: "also write `FORMAT=FILE` (may be repeated)"},
			&cli.StringFlag{Name: "fail-on", Value: string(exposure.Low), Category: outputCategory, Usage: "exit 1 for findings of `SEVERITY` or worse: critical, high, medium, low, info, or never"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Category: outputCategory, Usage: "no table beside -o"},
			&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Category: outputCategory, Usage: "every reason and every fix"},
			policyFlag(),
			colorFlag(),
		},
		Action: auditMachine,
	}
}

func auditMachine(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	header, failOn, err := auditHeader(c)
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
	judge := bench{policy: under, vantage: header.Sweep.Vantage, engine: auditEngine}
	header.Policy = judge.named()
	list, err := destinations(c)
	if err != nil {
		return usage(err)
	}
	seen, err := audit.Run(c.Context, audit.Options{Root: c.String("root")})
	if err != nil {
		return usage(err)
	}
	header.Sweep.Plan, header.Sweep.Detail = seen.Plan, seen.Detail
	doc, err := openOutputs(c, list)
	if err != nil {
		return usage(err)
	}
	defer doc.abort()

	worst := writeAudit(doc, header, seen, judge, failOn)
	return auditEnded(c, doc, seen, worst)
}

// writeAudit writes the whole report, and says whether a finding in it is at or
// above failOn.
func writeAudit(doc *outputs, header report.Header, seen audit.Report, judge bench, failOn exposure.Severity) (worst bool) {
	doc.begin(header)
	for _, h := range seen.Hosts {
		for _, f := range judge.judge(exposure.Judge(h, header.Sweep.Vantage), header.Sweep.Started) {
			worst = worst || failOn != "" && f.Severity.AtLeast(failOn)
			if doc.finding(f) != nil {
				return worst // nothing is left to write to, which failures tells
			}
		}
	}
	doc.end(report.Summary{
		Status: seen.Status, Finished: time.Now().UTC(), Coverage: seen.Coverage, Problems: seen.Problems, Justified: judge.count(),
	})
	return worst
}

// auditHeader is what is known before anything is read.
func auditHeader(c *cli.Context) (report.Header, exposure.Severity, error) {
	started := time.Now().UTC()
	h := report.Header{
		Tool:  report.Tool{Name: "memsweep", Version: versionText()},
		Sweep: report.Sweep{ID: newID(started), Started: started, Engine: auditEngine},
	}
	v := &h.Sweep.Vantage
	var err error
	if v.Trust, err = exposure.ParseTrust(c.String("trust")); err != nil {
		return h, "", fmt.Errorf("--trust: %w", err)
	}
	if v.Name = c.String("vantage"); v.Name == "" {
		return h, "", fmt.Errorf("--vantage: write a name")
	}
	if c.IsSet("root") && c.String("root") == "" {
		return h, "", fmt.Errorf("--root: write the folder that the image is mounted at")
	}
	v.Addresses = []netip.Addr{}
	if !c.IsSet("root") {
		v.Clock = clock()
		if v.Addresses, err = scanner.LocalAddrs(); err != nil {
			return h, "", err
		}
	}
	var failOn exposure.Severity
	if text := c.String("fail-on"); text != "never" {
		if failOn, err = exposure.ParseSeverity(text); err != nil {
			return h, "", fmt.Errorf("--fail-on: %w, or never", err)
		}
	}
	return h, failOn, nil
}

// auditEnded says on stderr what could not be seen, and chooses the exit code.
func auditEnded(c *cli.Context, doc *outputs, seen audit.Report, worst bool) error {
	for _, line := range seen.Problems {
		say(c.App.ErrWriter, "%s", line)
	}
	switch lost := doc.failures(); {
	case lost != nil:
		return &exit{exitOutput, lost}
	case doc.discarded(c):
		return &exit{exitOutput, fmt.Errorf("stdout is closed, or discards the report; -o FILE keeps it")}
	case seen.Status != exposure.Complete:
		return &exit{code: exitIncomplete}
	case worst:
		return &exit{code: exitFindings}
	}
	return nil
}
