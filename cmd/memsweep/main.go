// Command memsweep finds exposed memcached servers in the ranges that its user
// owns, and says how to close them.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/memsweep/memsweep/exposure"
)

// The exit codes, a contract with scripts.
const (
	exitOK         = 0
	exitFindings   = 1   // complete, and something at or above --fail-on
	exitUsage      = 2   // usage, configuration or scope refused: nothing was sent
	exitIncomplete = 3   // part of the plan was not scanned
	exitOutput     = 4   // results could not be written
	exitSIGINT     = 130 // interrupted; checkpoint written
	exitSIGTERM    = 143
)

// exit is an error that says which code the program ends with.
type exit struct {
	code int
	err  error // nil: everything was said already
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// usage marks an error as the user's to mend, unless it is marked already:
// nothing was sent.
func usage(err error) error {
	if e := (*exit)(nil); errors.As(err, &e) {
		return err
	}
	return &exit{exitUsage, err}
}

func usagef(format string, args ...any) error { return usage(fmt.Errorf(format, args...)) }

func main() {
	// A reader of stdout that goes away is an error of writing (exit 4), not
	// a reason to die with the checkpoint unwritten.
	signal.Ignore(syscall.SIGPIPE)
	os.Exit(run(os.Args, os.Stdin, os.Stdout, os.Stderr))
}

// run is the program: its arguments in, its exit code out.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	app := newApp(stdin, stdout, stderr)
	args, err := reorder(app, args)
	if err == nil {
		err = app.RunContext(context.Background(), args)
	}
	if err == nil {
		return exitOK
	}
	e := &exit{exitUsage, err}
	errors.As(err, &e)
	if e.err != nil {
		say(stderr, "%v", e.err)
	}
	return e.code
}

// say writes a message for people to stderr, each line of it marked as ours.
func say(stderr io.Writer, format string, args ...any) {
	for line := range strings.Lines(fmt.Sprintf(format, args...)) {
		fmt.Fprintf(stderr, "memsweep: %s\n", exposure.Escape(strings.TrimRight(line, "\n")))
	}
}
