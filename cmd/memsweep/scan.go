package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
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
		run.close()
		return usage(err)
	}
	defer run.close()
	return run.do(c)
}

// sweepRun is one sweep with its outputs.
type sweepRun struct {
	request    *request
	setup      setup
	names      map[string][]string // by address
	failOn     exposure.Severity   // "": never
	sweep      *scanner.Sweep
	outputs    *outputs
	checkpoint string
	bench      bench
	worst      bool         // a finding at or above failOn was seen
	progress   string       // a form of --progress
	from       scanner.From // of conversations
	pcap       *report.File // nil: not asked for
	pcapErr    error
}

// setup is what a report needs beside the plan. It is kept in the checkpoint,
// so that a resumed sweep writes the same report to the same place.
type setup struct {
	Vantage exposure.Vantage `json:"vantage"`
	Outputs []destination    `json:"outputs"`
	FailOn  string           `json:"fail_on"`
	Policy  *report.Policy   `json:"policy,omitempty"`  // nil: none
	History string           `json:"history,omitempty"` // "": none
}

// newRun prepares everything, so that what cannot work is known before
// anything is sent. What it returns with an error still has to be closed.
func newRun(c *cli.Context, r *request) (run *sweepRun, err error) {
	run = &sweepRun{request: r, names: namesByAddress(r.plan), outputs: &outputs{}}
	if run.progress, err = progressForm(c); err != nil {
		return run, err
	}
	if run.setup, err = readSetup(c, r.resume); err != nil {
		return run, err
	}
	if err := run.convene(c); err != nil {
		return run, err
	}
	if run.setup.FailOn != "never" {
		if run.failOn, err = exposure.ParseSeverity(run.setup.FailOn); err != nil {
			return run, fmt.Errorf("--fail-on: %w, or never", err)
		}
	}
	id := newID(time.Now())
	if r.resume != nil {
		id = r.resume.ID
	}
	if run.checkpoint, err = checkpointPath(c.String("resume"), run.setup.Outputs, id); err != nil {
		return run, err
	}
	extra, err := json.Marshal(run.setup)
	if err != nil {
		return run, err
	}
	engine, err := run.engine(c)
	if err != nil {
		return run, err
	}
	run.sweep, err = scanner.New(r.plan, scanner.Options{
		ID: id, Scope: r.scope, Resume: r.resume, Narrow: r.narrow,
		Emit: run.emit, Save: run.save, Extra: extra, From: run.from, Engine: engine,
		Guards: scanner.Guards{MinHitRate: c.Float64("min-hitrate"), MaxDuration: c.Duration("max-duration")},
	})
	if err != nil {
		return run, err
	}
	if r.plan.Engine == "raw" {
		if err := run.giveUpPrivileges(c); err != nil {
			return run, err
		}
	}
	outputs, err := openOutputs(c, run.setup.Outputs)
	if err != nil {
		return run, err
	}
	run.outputs = outputs
	if path := run.setup.History; path != "" {
		recorder, err := openRecorder(c, path)
		if err != nil {
			return run, fmt.Errorf("--history: %w", err)
		}
		run.outputs.list = append(run.outputs.list, recorder)
	}
	return run, nil
}

// close gives back what was opened, and drops documents that were not finished.
func (r *sweepRun) close() {
	if r.sweep != nil {
		r.sweep.Close() // what matters was reported
	}
	r.outputs.abort()
	if r.pcap != nil {
		r.pcap.Abort()
	}
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
	if resume == nil || c.IsSet("history") {
		s.History = c.String("history")
	}
	if err := s.checkHistory(); err != nil {
		return s, err
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
	s.Vantage.Clock = clock()
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
	beLean(r.request.plan)
	r.outputs.begin(r.header())

	if c.Bool("verbose") {
		for _, line := range r.sweep.Engine().Detail() {
			say(c.App.ErrWriter, "%s", line)
		}
	}
	soft, hard, caught, release := interrupts(c.Context)
	defer release()
	alone, orphaned := context.WithCancelCause(soft)
	defer orphaned(nil)
	watch := watchProgress(c.App.ErrWriter, r.sweep, r.progress, func() { orphaned(errOrphaned) })
	result, err := r.sweep.Run(alone, hard)
	watch.stop()

	summary := report.Summary{
		Status:       result.Status,
		Finished:     time.Now().UTC(),
		RateAchieved: result.Rate,
		Coverage:     result.Coverage,
		Problems:     result.Problems,
		Justified:    r.bench.count(),
	}
	r.outputs.end(summary)
	if pcapErr := r.endPcap(); pcapErr != nil {
		say(c.App.ErrWriter, "%v", pcapErr)
		defer func() { ended = &exit{code: exitOutput} }()
	}
	return r.conclude(c, summary, err, caught())
}

// slow is up to how many packets a second one processor is enough for.
const slow = 20_000

// beLean has the runtime do with less, where its user has not said otherwise. A
// sweep makes little garbage: to collect it twice as often cost nothing that could
// be measured, and saved 6 MiB of 62. And to wake a second processor for every
// handful of packets, and let it look for work, was a quarter of a slow sweep.
func beLean(p scanner.Plan) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
	if p.Engine == "raw" && p.Rate <= slow && os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(1)
	}
}

// errOrphaned: nobody reads the progress that a program asked for.
var errOrphaned = errors.New("whoever started the sweep is gone")

// header is the head of the report.
func (r *sweepRun) header() report.Header {
	p := r.request.plan
	h := report.Header{
		Tool:   report.Tool{Name: "memsweep", Version: versionText()},
		Policy: r.bench.named(),
		Sweep: report.Sweep{
			ID: r.sweep.ID, Started: r.sweep.Started, Vantage: r.setup.Vantage,
			Engine: p.Engine, Detail: r.sweep.Engine().Detail(), Seed: p.Seed, RateAsked: p.Rate, Plan: p.Document(),
		},
	}
	if s := r.request.scope; s != nil {
		h.Scope = &report.Scope{SHA256: s.SHA256, AuthorisedBy: s.AuthorisedBy, Reference: s.Reference, Contact: s.Contact}
	}
	return h
}

// emit judges a host and writes what was found.
func (r *sweepRun) emit(h exposure.Host) error {
	for _, f := range r.judge(h) {
		r.worst = r.worst || r.failOn != "" && f.Severity.AtLeast(r.failOn)
		if keeper, ok := r.sweep.Engine().(evidenceKeeper); ok && f.Verdict != exposure.Unfounded {
			if err := keeper.Keep(f.IP, f.ID); err != nil {
				r.pcapErr = errors.Join(r.pcapErr, err)
			}
		}
		if err := r.outputs.finding(f); err != nil {
			return err
		}
	}
	return nil
}

// judge is the finding on a host, and what the policy finds beside it.
func (r *sweepRun) judge(h exposure.Host) []exposure.Finding {
	f := exposure.Judge(h, r.setup.Vantage)
	f.Names = r.names[h.Addr.String()]
	return r.bench.judge(f, r.sweep.Started)
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
