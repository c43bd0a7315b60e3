package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/report"
)

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
		say(stderr, "nothing is lost; go on with: memsweep scan --resume %s%s", r.checkpoint, notKept(c))
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

// notKept are the flags that are to be given again, since no checkpoint holds them.
func notKept(c *cli.Context) string {
	var again strings.Builder
	for _, name := range []string{"scope", "sender", "interface", "source"} {
		if c.IsSet(name) {
			fmt.Fprintf(&again, " --%s %s", name, quoteForShell(c.String(name)))
		}
	}
	if c.IsSet("pcap") {
		again.WriteString(" --pcap ANOTHER") // what is in the first one stays
	}
	return again.String()
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
		for _, f := range r.judge(h) {
			if err := w.Finding(f); err != nil {
				return err
			}
		}
	}
	return w.End(s)
}
