// Command bench does the same sweep with memsweep, zmap and masscan, in turns,
// in a network of its own, and writes down what each needed for it.
//
//	go run ./internal/lab/bench -rounds 5 -o docs/benchmarks.md
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/memsweep/memsweep/internal/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := bench(ctx, os.Args[1:], os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	rounds   int
	target   netip.Prefix
	memsweep string // the program; "": build it
	only     *regexp.Regexp
	out      string // "": stdout
	sink     lab.Rest
}

// sinks are the places where packets to silent addresses can end.
var sinks = map[string]lab.Rest{"ingress": lab.Silent, "firewall": lab.Firewalled, "driver": lab.Vanishing}

// where says where that is.
func (o options) where() string {
	switch o.sink {
	case lab.Firewalled:
		return "by the target's firewall, after connection tracking"
	case lab.Vanishing:
		return "in the target's driver (XDP)"
	}
	return "as they enter the target (ingress)"
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.rounds, "rounds", 5, "how often each does each work")
	flags.StringVar(&o.memsweep, "memsweep", "", "the memsweep to measure; built from this tree if not given")
	flags.StringVar(&o.out, "o", "", "write the report to this file; stdout if not given")
	target := flags.String("range", lab.Range4, "the addresses to sweep")
	sink := flags.String("sink", "driver", "where packets to silent addresses end: "+strings.Join(slices.Sorted(maps.Keys(sinks)), ", "))
	only := flags.String("only", "", "only what matches, as in \"udp/zmap\"")
	if err = flags.Parse(args); err != nil {
		return o, err
	}
	if o.target, err = netip.ParsePrefix(*target); err != nil {
		return o, err
	}
	var known bool
	if o.sink, known = sinks[*sink]; !known {
		return o, fmt.Errorf("-sink: %q is not known", *sink)
	}
	if o.only, err = regexp.Compile(*only); err != nil {
		return o, fmt.Errorf("-only: %w", err)
	}
	if o.rounds < 1 || !o.target.Addr().Is4() || o.target.Bits() > 14 {
		return o, errors.New("at least one round over an IPv4 /14 or wider")
	}
	return o, nil
}

func bench(ctx context.Context, args []string, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if err := lab.Possible(); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	if o.memsweep == "" {
		if o.memsweep, err = build(ctx, scratch); err != nil {
			return err
		}
	}
	rivals, missing := contenders(ctx, o.memsweep)
	r := race{options: o, scratch: scratch, say: stderr}
	if err := r.run(ctx, rivals); err != nil {
		return err
	}
	text := document(r, rivals, missing, machine(ctx))
	if o.out == "" {
		_, err = os.Stdout.WriteString(text)
		return err
	}
	return os.WriteFile(o.out, []byte(text), 0o644)
}

func build(ctx context.Context, scratch string) (string, error) {
	path := filepath.Join(scratch, "memsweep")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", path, "github.com/memsweep/memsweep/cmd/memsweep")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build memsweep: %w\n%s", err, said)
	}
	return path, nil
}
