package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/memsweep/memsweep/internal/privilege"
	"github.com/memsweep/memsweep/report"
	"github.com/memsweep/memsweep/scanner"
	"github.com/memsweep/memsweep/scanner/raw"
)

// evidenceKeeper is an engine that can write down the packets of a finding.
type evidenceKeeper interface {
	Keep(addr netip.Addr, finding string) error
	Unkept() uint64 // frames that there was no room for
}

// engine is how the plan's engine is made.
func (r *sweepRun) engine(c *cli.Context) (func(scanner.Setup) (scanner.Engine, error), error) {
	if r.request.plan.Engine != "raw" {
		for _, f := range rawFlags() {
			if name := f.Names()[0]; c.IsSet(name) {
				return nil, fmt.Errorf("--%s is for --engine raw", name)
			}
		}
		return scanner.NewSocket, nil
	}
	o := raw.Options{Interface: c.String("interface"), Sender: c.String("sender")}
	if text := c.String("source"); text != "" {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return nil, fmt.Errorf("--source %q: write an address of this machine", text)
		}
		o.Source = addr
	}
	r.from = scanner.From{Source: o.Source, Interface: o.Interface}
	if path := c.String("pcap"); path != "" {
		if err := r.checkPcap(path); err != nil {
			return nil, err
		}
		f, err := report.Create(path)
		if err != nil {
			return nil, err
		}
		r.pcap, o.Pcap = f, f
	}
	return func(s scanner.Setup) (scanner.Engine, error) {
		e, err := raw.New(s, o)
		if err != nil {
			return nil, err // not a nil *raw.Engine in an interface
		}
		return e, nil
	}, nil
}

// checkPcap refuses a name under which something would be lost.
func (r *sweepRun) checkPcap(path string) error {
	for _, d := range r.setup.Outputs {
		if d.Path != "" && filepath.Clean(d.Path) == filepath.Clean(path) {
			return fmt.Errorf("--pcap %s: the report goes there: write another name", path)
		}
	}
	if _, err := os.Stat(path); err == nil && r.request.resume != nil {
		return fmt.Errorf("--pcap %s: it may hold what was captured before the sweep was stopped: write another name", path)
	}
	return nil
}

// giveUpPrivileges drops all capabilities, now that the engine has opened what
// needs them, and confines what may be written to the folders of the reports.
// Old kernels confine less, or nothing: doctor says what this one does.
func (r *sweepRun) giveUpPrivileges(c *cli.Context) error {
	if err := privilege.Drop(); err != nil {
		return fmt.Errorf("give up capabilities: %w", err)
	}
	write := []string{os.TempDir(), filepath.Dir(r.checkpoint)}
	for _, d := range r.setup.Outputs {
		if d.Path != "" {
			write = append(write, filepath.Dir(d.Path))
		}
	}
	for _, path := range []string{c.String("pcap"), r.setup.History} {
		if path != "" {
			write = append(write, filepath.Dir(path)) // SQLite's -wal and -shm stand beside a history
		}
	}
	level, err := privilege.Confine(nil, write)
	if err != nil {
		return fmt.Errorf("confine files: %w", err)
	}
	if c.Bool("verbose") {
		say(c.App.ErrWriter, "capabilities are given up; files are confined: %s", level)
	}
	return nil
}

// endPcap puts the capture into its place, and says whether it is whole.
func (r *sweepRun) endPcap() error {
	if r.pcap == nil {
		return nil
	}
	if r.pcapErr == nil {
		r.pcapErr = r.pcap.Commit()
	}
	if r.pcapErr != nil {
		return fmt.Errorf("the packets of the findings were not written: %w", r.pcapErr)
	}
	if keeper, ok := r.sweep.Engine().(evidenceKeeper); ok && keeper.Unkept() > 0 {
		return fmt.Errorf("the capture lacks %d frames: more answered than there is room for", keeper.Unkept())
	}
	return nil
}
