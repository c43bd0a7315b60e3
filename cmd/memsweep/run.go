package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/internal/schedule"
)

func runCommand() *cli.Command {
	return &cli.Command{
		Name:      "run",
		Usage:     "sweep again and again, as a file says, and remember what was seen",
		ArgsUsage: "CONFIG.yaml",
		Description: `CONFIG.yaml names jobs: what each sweeps, from where, and when (every: 24h, at: "03:10"
or cron: "10 3 * * 1-5"). It is read whole before anything starts, with all files that
it names; run --example prints one to fill in.

Each sweep is a process of its own, memsweep scan, whose report goes into the history.
No two runs of a job go on at once. A run that was missed, failed or is incomplete is
itself an event. SIGHUP reads the file again; a bad one changes nothing, and another
history, serve or metrics needs a new start. SIGTERM stops the sweeps with a
checkpoint, and the next start goes on with them; so it does after a crash.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "check", Usage: "say what is wrong with the file, or what is due when and which command it will be"},
			&cli.StringFlag{Name: "once", Usage: "make one run of job `NAME` now, tell of it, and end with the exit code of its sweep"},
			&cli.BoolFlag{Name: "example", Usage: "print a file to fill in"},
			&cli.StringFlag{Name: "log", Value: "text", Usage: "write the log, on stderr, as `FORM`: text or json"},
		},
		Action: runJobs,
	}
}

func runJobs(c *cli.Context) error {
	if c.Bool("example") {
		_, err := io.WriteString(c.App.Writer, schedule.Example)
		return written(err)
	}
	if c.NArg() != 1 {
		return usagef("run: write one configuration: `memsweep run CONFIG.yaml`; `memsweep run --example` prints one to fill in")
	}
	log, err := newLog(c.App.ErrWriter, c.String("log"))
	if err != nil {
		return usage(err)
	}
	read := func() (*schedule.Config, error) { return readConfig(c.Args().First(), c.Bool("check")) }
	config, err := read()
	if err != nil {
		return usage(err)
	}
	if c.Bool("check") {
		return checkConfig(c, config)
	}
	for _, w := range config.Warnings {
		log.Warn(w)
	}
	store, err := history.Open(c.Context, config.History, history.Create)
	if err != nil {
		return usage(err)
	}
	defer store.Close() // what was written stays
	path, err := filepath.Abs(config.Path)
	if err != nil {
		return usagef("run: %w", err)
	}
	store.Telling(path)
	program, err := os.Executable()
	if err != nil {
		return usagef("run: %w", err)
	}
	sweeper := schedule.Sweeper{Store: store, History: config.History, Program: program, Log: log, Now: time.Now, Pause: time.Second}
	if c.IsSet("once") {
		return runOnce(c, config, &sweeper, c.String("once"))
	}
	return runAlways(c, config, sweeper, read)
}

func readConfig(path string, only bool) (*schedule.Config, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "memsweep" // then all such hosts have the same share of the jitter
	}
	return schedule.Read(path, schedule.Reading{Now: time.Now(), Host: host, Only: only})
}

// newLog writes for people or for programs. What it quotes may be anybody's words.
func newLog(w io.Writer, form string) (*slog.Logger, error) {
	escape := func(_ []string, a slog.Attr) slog.Attr {
		switch v := a.Value.Any().(type) {
		case string:
			a.Value = slog.StringValue(exposure.Escape(v))
		case error:
			a.Value = slog.StringValue(exposure.Escape(v.Error()))
		}
		return a
	}
	switch o := (&slog.HandlerOptions{ReplaceAttr: escape}); form {
	case "text":
		return slog.New(slog.NewTextHandler(w, o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, o)), nil
	default:
		return nil, fmt.Errorf("--log %q: write text or json", form)
	}
}

// checkConfig says what a good file comes to.
func checkConfig(c *cli.Context, config *schedule.Config) error {
	if err := checkPage(config.Serve); err != nil {
		return usage(err)
	}
	for _, w := range config.Warnings {
		say(c.App.ErrWriter, "warning: %s", w)
	}
	for _, j := range config.Jobs {
		if err := checkJob(c.App.Writer, config, j); err != nil {
			return written(err)
		}
	}
	return nil
}

func checkJob(w io.Writer, config *schedule.Config, j schedule.Job) error {
	state := ""
	if !j.Enabled {
		state = ", not enabled"
	}
	lines := []string{fmt.Sprintf("%s: %s%s", j.Name, j.When, state)}
	due := time.Now()
	for range 3 {
		if due = j.When.Next(due); due.IsZero() {
			break
		}
		lines = append(lines, fmt.Sprintf("  due   %s  (%s)", due.In(j.When.Zone).Format("Mon 2006-01-02 15:04:05 MST"), due.Format(time.RFC3339)))
	}
	lines = append(lines, "  runs  "+schedule.CommandLine("memsweep", j.Command(config.History+".runs/RUN", j.When.Next(time.Now()))))
	for i, line := range lines {
		lines[i] = exposure.Escape(line)
	}
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}

// stopped is a context that ends with the first SIGINT or SIGTERM; the second one
// ends the program, and the sweeps find that nobody listens any more.
func stopped(parent context.Context) (ctx context.Context, caught func() os.Signal, release func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case s := <-signals:
			signal.Stop(signals)
			cancel(caughtSignal{s})
		case <-done:
		}
	}()
	caught = func() os.Signal {
		var s caughtSignal
		errors.As(context.Cause(ctx), &s)
		return s.Signal
	}
	return ctx, caught, func() { signal.Stop(signals); close(done); cancel(nil) }
}

// runOnce makes one run, with the same books.
func runOnce(c *cli.Context, config *schedule.Config, s *schedule.Sweeper, name string) error {
	i := slices.IndexFunc(config.Jobs, func(j schedule.Job) bool { return j.Name == name })
	if i < 0 {
		var names []string
		for _, j := range config.Jobs {
			names = append(names, j.Name)
		}
		return usagef("--once %q: there is no such job in %s: there is %s", name, config.Path, strings.Join(names, ", "))
	}
	ctx, caught, release := stopped(c.Context)
	defer release()
	if err := beginTelling(ctx, config, s); err != nil {
		return &exit{exitOutput, fmt.Errorf("run: %w", err)}
	}
	s.ByHand = true
	result, err := s.Make(ctx, config.Jobs[i], time.Now())
	for err == nil && !result.Until.IsZero() { // a blackout holds for everybody
		select {
		case <-ctx.Done():
			result.Suspended, result.Until = true, time.Time{}
		case <-time.After(time.Until(result.Until)):
			result, err = s.Make(ctx, config.Jobs[i], time.Now())
		}
	}
	tellOnce(ctx, config, s)
	switch {
	case errors.Is(err, schedule.ErrElsewhere), errors.Is(err, history.ErrRunning):
		return usage(err)
	case result.Suspended && caught() == syscall.SIGTERM:
		return &exit{code: exitSIGTERM}
	case result.Suspended:
		return &exit{code: exitSIGINT}
	case err != nil:
		return &exit{exitOutput, err}
	case result.Run.Outcome == history.Complete:
		return ended(result.Code)
	}
	say(c.App.ErrWriter, "job %s: %s: %s", name, result.Run.Outcome, result.Run.Problem)
	if result.Code < 0 || result.Code == exitOK || result.Code == exitFindings {
		return ended(exitIncomplete)
	}
	return ended(result.Code)
}

// ended is the error that makes a program end with a code.
func ended(code int) error {
	if code == exitOK {
		return nil
	}
	return &exit{code: code}
}

// runAlways makes the runs of all jobs until it is told to stop.
func runAlways(c *cli.Context, config *schedule.Config, s schedule.Sweeper, read func() (*schedule.Config, error)) error {
	alone, err := s.Alone()
	if err != nil {
		return usage(err)
	}
	defer alone.Close()
	ctx, _, release := stopped(c.Context)
	defer release()
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)

	beside, err := startServices(ctx, config, s.Store, s.Log)
	if err != nil {
		return usage(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	beside.watch(cancel)
	runner := schedule.Runner{
		Sweeper: s, Reload: reload, Read: read, Tell: schedule.ServiceManager(), Poll: time.Second,
		Loaded: beside.reload,
	}
	s.Log.Info("memsweep run", "version", versionText(), "configuration", config.Path, "history", config.History, "jobs", len(config.Jobs))
	err = runner.Run(ctx, config)
	cancel()
	if problem := beside.wait(); problem != nil {
		return &exit{exitOutput, problem}
	}
	if err != nil {
		return &exit{exitOutput, fmt.Errorf("run: %w", err)}
	}
	s.Log.Info("memsweep run ends")
	return nil
}
