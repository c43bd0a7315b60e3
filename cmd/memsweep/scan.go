package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/report"
	"github.com/memsweep/memsweep/scanner"
)

func scanCommand() *cli.Command {
	return &cli.Command{
		Name:      "scan",
		Usage:     "sweep addresses that you own, and report what is exposed",
		ArgsUsage: "[TARGET...]",
		Description: `A TARGET is a CIDR (10.20.0.0/16), an address (192.0.2.7, 2001:db8::7), a range
(10.0.0.5-10.0.0.90) or a host name. Loopback, RFC 1918, link-local and unique
local addresses may be swept freely; anything else needs --scope.

The report goes to stdout as a table, or as --format says. With -o it goes to a
file, whole or not at all, and the table is shown beside it. Ctrl-C finishes what
is under way, writes a report marked interrupted and a checkpoint to --resume.`,
		Flags:  scanFlags(),
		Action: scan,
	}
}

func scan(c *cli.Context) error {
	r, err := readRequest(c)
	if err != nil {
		return usage(err)
	}
	defer r.close()
	for _, w := range r.warnings {
		say(c.App.ErrWriter, "warning: %s", w)
	}
	if c.Bool("dry-run") {
		return dryRun(c, r)
	}
	if r.resume == nil {
		if err := r.confirm(c); err != nil {
			return usage(err)
		}
	}
	run, err := newRun(c, r)
	if err != nil {
		return usage(err)
	}
	return run.do(c)
}

// run is one sweep with its outputs.
type sweepRun struct {
	request    *request
	setup      setup
	names      map[string][]string // by address
	failOn     exposure.Severity   // "": never
	sweep      *scanner.Sweep
	outputs    *outputs
	checkpoint string
	worst      bool // a finding at or above failOn was seen
	quiet      bool
	pcap       *report.File // nil: not asked for
	pcapErr    error
}

// setup is what a report needs beside the plan. It is kept in the checkpoint,
// so that a resumed sweep writes the same report to the same place.
type setup struct {
	Vantage exposure.Vantage `json:"vantage"`
	Outputs []destination    `json:"outputs"`
	FailOn  string           `json:"fail_on"`
}

func newRun(c *cli.Context, r *request) (*sweepRun, error) {
	run := &sweepRun{request: r, names: namesByAddress(r.plan), quiet: c.Bool("quiet")}
	var err error
	if run.setup, err = readSetup(c, r.resume); err != nil {
		return nil, err
	}
	if run.setup.FailOn != "never" {
		if run.failOn, err = exposure.ParseSeverity(run.setup.FailOn); err != nil {
			return nil, fmt.Errorf("--fail-on: %w, or never", err)
		}
	}
	id := newID(time.Now())
	if r.resume != nil {
		id = r.resume.ID
	}
	if run.checkpoint, err = checkpointPath(c.String("resume"), run.setup.Outputs, id); err != nil {
		return nil, err
	}
	extra, err := json.Marshal(run.setup)
	if err != nil {
		return nil, err
	}
	engine, err := run.engine(c)
	if err != nil {
		return nil, err
	}
	run.sweep, err = scanner.New(r.plan, scanner.Options{
		ID: id, Scope: r.scope, Resume: r.resume, Narrow: r.narrow,
		Emit: run.emit, Save: run.save, Extra: extra, Engine: engine,
		Guards: scanner.Guards{MinHitRate: c.Float64("min-hitrate"), MaxDuration: c.Duration("max-duration")},
	})
	if err != nil {
		return nil, err
	}
	if r.plan.Engine == "raw" {
		if err := run.giveUpPrivileges(c); err != nil {
			return nil, errors.Join(err, run.sweep.Close())
		}
	}
	if run.outputs, err = openOutputs(c, run.setup.Outputs); err != nil {
		return nil, errors.Join(err, run.sweep.Close())
	}
	return run, nil
}

// readSetup takes each part from its flag if that is given, else from the
// checkpoint, else from the flag's default.
func readSetup(c *cli.Context, resume *scanner.Checkpoint) (setup, error) {
	var s setup
	if resume != nil {
		if err := json.Unmarshal(resume.Extra, &s); err != nil {
			return s, fmt.Errorf("checkpoint: setup: %w", err)
		}
	}
	var err error
	switch stored := len(s.Outputs) > 0; {
	case !stored || c.IsSet("output") || c.IsSet("out") || c.IsSet("format") && !anyFile(s.Outputs):
		if s.Outputs, err = destinations(c); err != nil {
			return s, err
		}
	case c.Bool("quiet") && anyFile(s.Outputs):
		s.Outputs = slices.DeleteFunc(s.Outputs, func(d destination) bool { return d.Path == "" })
	}
	if resume == nil || c.IsSet("fail-on") {
		s.FailOn = c.String("fail-on")
	}
	if resume == nil || c.IsSet("trust") {
		if s.Vantage.Trust, err = exposure.ParseTrust(c.String("trust")); err != nil {
			return s, fmt.Errorf("--trust: %w", err)
		}
	}
	if resume == nil || c.IsSet("vantage") {
		if s.Vantage.Name = c.String("vantage"); s.Vantage.Name == "" {
			s.Vantage.Name, _ = os.Hostname() // a name is a courtesy
		}
	}
	s.Vantage.Addresses, err = scanner.LocalAddrs()
	return s, err
}

func namesByAddress(p scanner.Plan) map[string][]string {
	names := map[string][]string{}
	for _, n := range p.Names {
		for _, a := range n.Addrs {
			names[a.String()] = append(names[a.String()], n.Host)
		}
	}
	return names
}

// do sweeps, writes the reports, and says how it ended.
func (r *sweepRun) do(c *cli.Context) (ended error) {
	defer r.sweep.Close()
	defer r.outputs.abort()
	r.outputs.begin(r.header())

	if c.Bool("verbose") {
		for _, line := range r.sweep.Engine().Detail() {
			say(c.App.ErrWriter, "%s", line)
		}
	}
	soft, hard, caught, release := interrupts(c.Context)
	defer release()
	watch := watchProgress(c.App.ErrWriter, r.sweep, r.quiet)
	result, err := r.sweep.Run(soft, hard)
	watch.stop()

	summary := report.Summary{
		Status:       result.Status,
		Finished:     time.Now().UTC(),
		RateAchieved: result.Rate,
		Coverage:     result.Coverage,
		Problems:     result.Problems,
	}
	r.outputs.end(summary)
	if pcapErr := r.endPcap(); pcapErr != nil {
		say(c.App.ErrWriter, "%v", pcapErr)
		defer func() { ended = &exit{code: exitOutput} }()
	}
	return r.conclude(c, summary, err, caught())
}

// header is the head of the report.
func (r *sweepRun) header() report.Header {
	p := r.request.plan
	h := report.Header{
		Tool: report.Tool{Name: "memsweep", Version: versionText()},
		Sweep: report.Sweep{
			ID: r.sweep.ID, Started: r.sweep.Started, Vantage: r.setup.Vantage,
			Engine: p.Engine, Detail: r.sweep.Engine().Detail(), Seed: p.Seed, RateAsked: p.Rate, Plan: planJSON(p),
		},
	}
	if s := r.request.scope; s != nil {
		h.Scope = &report.Scope{SHA256: s.SHA256, AuthorisedBy: s.AuthorisedBy, Reference: s.Reference, Contact: s.Contact}
	}
	return h
}

func planJSON(p scanner.Plan) json.RawMessage {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // plain data
	}
	return fmt.Appendf(b[:len(b)-1], `,"sha256":%q}`, p.Digest())
}

// emit judges a host and writes the finding.
func (r *sweepRun) emit(h exposure.Host) error {
	f := r.judge(h)
	r.worst = r.worst || r.failOn != "" && f.Severity.AtLeast(r.failOn)
	if keeper, ok := r.sweep.Engine().(evidenceKeeper); ok {
		if err := keeper.Keep(f.IP, f.ID); err != nil {
			r.pcapErr = errors.Join(r.pcapErr, err)
		}
	}
	return r.outputs.finding(f)
}

func (r *sweepRun) judge(h exposure.Host) exposure.Finding {
	f := exposure.Judge(h, r.setup.Vantage)
	f.Names = r.names[h.Addr.String()]
	return f
}

// save writes the checkpoint.
func (r *sweepRun) save(write func(io.Writer) error) error {
	f, err := report.Create(r.checkpoint)
	if err != nil {
		return err
	}
	defer f.Abort()
	if err := write(f); err != nil {
		return err
	}
	return f.Commit()
}

// conclude says on stderr what the report cannot say, and chooses the exit
// code. The checkpoint is removed only when everything is written.
func (r *sweepRun) conclude(c *cli.Context, s report.Summary, err error, signal os.Signal) error {
	for _, p := range s.Problems {
		say(c.App.ErrWriter, "%s", p)
	}
	lost := r.outputs.failures()
	switch {
	case s.Status == exposure.Complete && lost == nil && r.outputs.discarded(c):
		say(c.App.ErrWriter, "stdout is closed, or discards the report; -o FILE keeps it")
		r.rescue(c, s, nil)
	case s.Status == exposure.Complete && lost == nil:
		os.Remove(r.checkpoint) // most sweeps never wrote one
	default:
		if lost != nil {
			err = lost // the reason why the sweep was stopped, if it was
		}
		r.rescue(c, s, err)
	}
	switch {
	case lost != nil:
		return &exit{code: exitOutput}
	case s.Status == exposure.Interrupted && signal == syscall.SIGTERM:
		return &exit{code: exitSIGTERM}
	case s.Status == exposure.Interrupted:
		return &exit{code: exitSIGINT}
	case s.Status == exposure.Incomplete:
		return &exit{code: exitIncomplete}
	case r.worst:
		return &exit{code: exitFindings}
	}
	return nil
}

// rescue sees to it that nothing is lost: it keeps a checkpoint and says how to
// go on from it. Where not even that can be written, the findings go to stdout.
func (r *sweepRun) rescue(c *cli.Context, s report.Summary, trouble error) {
	stderr := c.App.ErrWriter
	if trouble != nil {
		say(stderr, "%v", trouble)
	}
	err := r.sweep.Save()
	if err == nil {
		say(stderr, "nothing is lost; go on with: memsweep scan --resume %s", r.checkpoint)
		return
	}
	say(stderr, "no checkpoint could be written: %v", err)
	if r.outputs.machineReadable() {
		return
	}
	say(stderr, "the findings go to stdout instead, as jsonl")
	if err := r.print(c, s); err != nil {
		say(stderr, "the findings are lost: %v", err)
	}
}

// print writes the whole report to stdout as a stream.
func (r *sweepRun) print(c *cli.Context, s report.Summary) error {
	format, err := report.ByName("jsonl")
	if err != nil {
		return err
	}
	w := format.New(c.App.Writer, report.Options{})
	if err := w.Begin(r.header()); err != nil {
		return err
	}
	for h, err := range r.sweep.Hosts() {
		if err != nil {
			return err
		}
		if err := w.Finding(r.judge(h)); err != nil {
			return err
		}
	}
	return w.End(s)
}

// interrupts returns a context that ends with the first SIGINT or SIGTERM, and
// one that ends with the second. caught tells which signal came first.
func interrupts(parent context.Context) (soft, hard context.Context, caught func() os.Signal, release func()) {
	hard, cancelHard := context.WithCancel(parent)
	soft, cancelSoft := context.WithCancelCause(hard)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case s := <-signals:
				if n > 0 {
					cancelHard()
				}
				cancelSoft(caughtSignal{s})
			case <-done:
				return
			}
		}
	}()
	caught = func() os.Signal {
		var s caughtSignal
		errors.As(context.Cause(soft), &s)
		return s.Signal
	}
	release = func() {
		signal.Stop(signals)
		close(done)
		cancelHard()
	}
	return soft, hard, caught, release
}

type caughtSignal struct{ os.Signal }

func (s caughtSignal) Error() string { return "caught " + s.String() }
