package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/exposure/policy"
	"github.com/memsweep/memsweep/report"
)

func policyFlag() cli.Flag {
	return &cli.StringFlag{Name: "policy", Category: outputCategory, Usage: "hold the findings against `FILE`: what may be reached, who says so, until when"}
}

func policyCommand() *cli.Command {
	return &cli.Command{
		Name:  "policy",
		Usage: "work with policy files: what may be reached, who says so, and until when",
		Subcommands: []*cli.Command{
			{
				Name:      "check",
				Usage:     "say what is wrong with a policy, and what will expire soon",
				ArgsUsage: "FILE",
				Description: "The exit status is 0 when every justification holds, else 2. One that will have\n" +
					"expired in 30 days is a warning.",
				Flags:  []cli.Flag{&cli.StringFlag{Name: "on", DefaultText: "today, UTC", Usage: "check as if it were `DAY`, as 2027-01-31"}},
				Action: checkPolicy,
			},
			{
				Name:      "init",
				Usage:     "print a policy that allows what a report shows, to be filled in",
				ArgsUsage: "REPORT",
				Description: "REPORT is a json or jsonl report, or - for stdin. Owner and reason are TODO, which\n" +
					"check refuses: somebody has to answer for each, or close it.",
				Action: initPolicy,
			},
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return unknownCommand(c.Command.Subcommands, "memsweep policy", c.Args().First())
			}
			cli.ShowSubcommandHelp(c)
			return &exit{code: exitUsage}
		},
	}
}

func checkPolicy(c *cli.Context) error {
	if c.NArg() != 1 {
		return usagef("policy check: write one policy: `memsweep policy check policy.yaml`")
	}
	now := time.Now()
	if day := c.String("on"); c.IsSet("on") {
		var err error
		if now, err = time.Parse(time.DateOnly, day); err != nil {
			return usagef("--on %q: write a day, as 2027-01-31", day)
		}
	}
	p, err := policy.Read(c.Args().First())
	if err != nil {
		return usage(err)
	}
	warnings, err := p.Review(now)
	for _, w := range warnings {
		say(c.App.ErrWriter, "warning: %s", w)
	}
	if err != nil {
		return usage(err)
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s: expectations for %d ranges, %d justifications, all of which hold%s\n",
		exposure.Escape(p.Path), p.Ranges(), p.Justifications(), next(p, now))
	return written(err)
}

func next(p *policy.Policy, now time.Time) string {
	if day, source := p.Next(now); day != "" {
		return fmt.Sprintf("; the next to expire is %s, after %s", exposure.Escape(source), day)
	}
	return ""
}

func initPolicy(c *cli.Context) error {
	if c.NArg() != 1 {
		return usagef("policy init: write one report: `memsweep policy init sweep.json`")
	}
	name := c.Args().First()
	in, err := openStored(c, name)
	if err != nil {
		return usagef("policy init: %w", err)
	}
	defer in.Close()
	stored, err := report.Read(in, name)
	if err != nil {
		return usagef("policy init: %w", err)
	}
	sweep := stored.Header.Sweep
	text, err := policy.Draft(stored.Findings(), sweep.Vantage, sweep.Started, time.Now())
	if err != nil {
		return usagef("policy init: %w", err)
	}
	if _, err := fmt.Fprint(c.App.Writer, text); err != nil {
		return written(err)
	}
	if status := stored.Summary().Status; status != exposure.Complete {
		say(c.App.ErrWriter, "the report in %s is %s: what it did not ask is not in the policy, and so not allowed", name, status)
		return &exit{code: exitIncomplete}
	}
	return nil
}

// readPolicy reads the policy that findings are to be held against, nil for no
// path, and says what in it holds for nothing, or soon will.
func readPolicy(path string) (p *policy.Policy, warnings []string, err error) {
	if path == "" {
		return nil, nil, nil
	}
	if p, err = policy.Read(path); err != nil {
		return nil, nil, err
	}
	warnings, flaws := p.Review(time.Now())
	if flaws != nil {
		for line := range strings.SplitSeq(flaws.Error(), "\n") {
			warnings = append(warnings, "it justifies nothing: "+line)
		}
	}
	return p, warnings, nil
}

// bench holds findings against a policy, and counts those that it allows.
// Without a policy it takes back what has expired, and nothing else.
type bench struct {
	policy    *policy.Policy
	vantage   exposure.Vantage
	engine    string
	justified uint64
}

// judge is asked with the present time: what expires while a sweep runs has
// expired. A report from the future shows that this machine's clock is wrong.
func (b *bench) judge(f exposure.Finding, notBefore time.Time) []exposure.Finding {
	now := time.Now()
	if now.Before(notBefore) {
		now = notBefore
	}
	if b.engine != auditEngine {
		for o := range f.Observations() {
			o.Process = nil // nobody else looks into the machine
		}
	}
	judged := b.policy.Judge(f, b.vantage, now)
	for _, f := range judged {
		if f.Policy != nil && f.Policy.Justified {
			b.justified++
		}
	}
	return judged
}

// named is how the report's header names the policy.
func (b *bench) named() *report.Policy {
	if b.policy == nil {
		return nil
	}
	return &report.Policy{Name: b.policy.Path, SHA256: b.policy.SHA256}
}

// count is what the report's summary says; nil without a policy.
func (b *bench) count() *uint64 {
	if b.policy == nil {
		return nil
	}
	n := b.justified
	return &n
}

// convene readies the policy. A resumed sweep is held against the one that it
// began under unless another is given.
func (r *sweepRun) convene(c *cli.Context) error {
	began := r.setup.Policy
	if r.request.policy == nil && began != nil {
		p, warnings, err := readPolicy(began.Name)
		if err != nil {
			return fmt.Errorf("%w: the sweep began under it: give it, or another, with --policy FILE", err)
		}
		r.request.policy = p
		for _, w := range warnings {
			say(c.App.ErrWriter, "warning: %s", w)
		}
	}
	r.bench = bench{policy: r.request.policy, vantage: r.setup.Vantage}
	r.setup.Policy = r.bench.named()
	if now := r.setup.Policy; began != nil && began.SHA256 != now.SHA256 {
		say(c.App.ErrWriter, "warning: policy %s is another than the sweep began under; all findings are held against this one", now.Name)
	}
	return nil
}

// judged is a report.Writer that holds a stored report against a policy on its
// way to another, or without one against the days until which it was justified.
type judged struct {
	report.Writer
	bench   bench
	started time.Time
}

func (j *judged) Begin(h report.Header) error {
	if j.bench.policy != nil {
		h.Policy = j.bench.named()
	}
	j.bench.vantage, j.bench.engine, j.started = h.Sweep.Vantage, h.Sweep.Engine, h.Sweep.Started
	return j.Writer.Begin(h)
}

func (j *judged) Finding(f exposure.Finding) error {
	for _, f := range j.bench.judge(f, j.started) {
		if err := j.Writer.Finding(f); err != nil {
			return err
		}
	}
	return nil
}

func (j *judged) End(s report.Summary) error {
	if j.bench.policy != nil || s.Justified != nil {
		s.Justified = &j.bench.justified
	}
	return j.Writer.End(s)
}
