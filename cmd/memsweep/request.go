package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/memsweep/memsweep/exposure/policy"
	"github.com/memsweep/memsweep/probes"
	"github.com/memsweep/memsweep/scanner"
	"github.com/memsweep/memsweep/targets"
)

const (
	defaultTimeout  = time.Second
	defaultCooldown = 2 * time.Second
	// confirmAbove is how many addresses may be swept without saying so.
	confirmAbove = 1 << 20
)

// request is a sweep as the user asked for it: a plan and what belongs to it.
type request struct {
	plan     scanner.Plan
	set      targets.Set
	scope    *targets.Scope
	policy   *policy.Policy // nil: none was given
	resume   *scanner.Checkpoint
	from     io.Closer // what resume is read from
	narrow   targets.Set
	warnings []string
}

func readRequest(c *cli.Context) (*request, error) {
	p, warnings, err := readPolicy(c.String("policy"))
	if err != nil {
		return nil, err
	}
	read := newRequest
	if c.IsSet("resume") {
		read = resumeRequest
	}
	r, err := read(c)
	if err != nil {
		return nil, err
	}
	r.policy, r.warnings = p, append(r.warnings, warnings...)
	return r, nil
}

func (r *request) close() {
	if r.from != nil {
		r.from.Close()
	}
}

// newRequest reads flags, files and names into a plan. It sends nothing but
// the resolver's questions.
func newRequest(c *cli.Context) (*request, error) {
	r := &request{}
	if err := r.readScope(c.String("scope")); err != nil {
		return nil, err
	}
	sel, err := selectTargets(c)
	if err != nil {
		return nil, err
	}
	r.warnings = sel.Warnings
	if r.plan, err = planFromFlags(c); err != nil {
		return nil, err
	}
	r.plan.Targets, r.plan.Exclude, r.plan.Names = sel.Include, sel.Exclude, sel.Names
	if r.plan.Broadcast, err = scanner.Broadcasts(sel.Set); err != nil {
		return nil, err
	}
	if r.plan.Engine == "raw" {
		if err := r.leaveOutOwn(sel.Set); err != nil {
			return nil, err
		}
	}
	if err := r.limitRate(c.IsSet("rate")); err != nil {
		return nil, err
	}
	if err := r.plan.Validate(); err != nil {
		return nil, err
	}
	if err := r.scope.Check(sel.Set, time.Now()); err != nil {
		return nil, err
	}
	r.set, err = r.plan.Set()
	return r, err
}

// leaveOutOwn leaves out this machine's own addresses: packets to them take the
// loopback interface, which loses IPv4 frames, and takes none of an XDP program.
// When there is nothing else, the engine says so.
func (r *request) leaveOutOwn(set targets.Set) error {
	addrs, err := scanner.LocalAddrs()
	if err != nil {
		return err
	}
	var own []netip.Addr
	for _, a := range addrs {
		if !a.IsLoopback() && set.Contains(a) && !slices.Contains(r.plan.Broadcast, a) && !slices.Contains(own, a) {
			own = append(own, a)
		}
	}
	if uint64(len(own)) == set.Len() {
		return nil
	}
	for _, a := range own {
		r.warnings = append(r.warnings, fmt.Sprintf("%s is this machine itself, and left out: --engine socket can ask it", a))
	}
	r.plan.Broadcast = append(r.plan.Broadcast, own...)
	return nil
}

func (r *request) readScope(path string) (err error) {
	if path != "" {
		r.scope, err = targets.ReadScope(path)
	}
	return err
}

// limitRate holds the plan to the scope's max_rate. A rate that was asked for
// is refused, not changed.
func (r *request) limitRate(asked bool) error {
	if r.scope == nil || r.scope.MaxRate == 0 || r.plan.Rate <= float64(r.scope.MaxRate) {
		return nil
	}
	if asked {
		return fmt.Errorf("rate %v is above max_rate %d of scope %s: write --rate %d",
			r.plan.Rate, r.scope.MaxRate, r.scope.Path, r.scope.MaxRate)
	}
	r.plan.Rate = float64(r.scope.MaxRate)
	return nil
}

// selectTargets reads everything that says what to sweep and what to leave out.
func selectTargets(c *cli.Context) (targets.Selection, error) {
	include, err := targets.Arguments(c.Args().Slice())
	if err != nil {
		return targets.Selection{}, err
	}
	listed, err := readLists(c.App.Reader, c.StringSlice("list"), targets.ReadList)
	if err != nil {
		return targets.Selection{}, err
	}
	exclude, err := readExcludes(c)
	if err != nil {
		return targets.Selection{}, err
	}
	ctx, cancel := context.WithTimeout(c.Context, time.Minute)
	defer cancel()
	return targets.Build(ctx, append(include, listed...), exclude, net.DefaultResolver)
}

func readExcludes(c *cli.Context) ([]targets.Entry, error) {
	given, err := targets.ExcludeArguments(c.StringSlice("exclude"))
	if err != nil {
		return nil, err
	}
	listed, err := readLists(c.App.Reader, c.StringSlice("exclude-file"), targets.ReadExcludes)
	return append(given, listed...), err
}

func readLists(stdin io.Reader, paths []string, read func(io.Reader, string) ([]targets.Entry, error)) ([]targets.Entry, error) {
	var all []targets.Entry
	for _, path := range paths {
		entries, err := readListFile(stdin, path, read)
		if err != nil {
			return nil, err
		}
		all = append(all, entries...)
	}
	return all, nil
}

func readListFile(stdin io.Reader, path string, read func(io.Reader, string) ([]targets.Entry, error)) ([]targets.Entry, error) {
	if path == "-" {
		return read(stdin, "stdin")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read targets: %w", err)
	}
	defer f.Close()
	return read(f, path)
}

// planFromFlags reads everything but the addresses.
func planFromFlags(c *cli.Context) (scanner.Plan, error) {
	p := scanner.Plan{
		Engine:   c.String("engine"),
		Rate:     c.Float64("rate"),
		Tries:    c.Int("tries"),
		Timeout:  scanner.Duration(c.Duration("timeout")),
		Cooldown: scanner.Duration(c.Duration("cooldown")),
		Workers:  c.Int("workers"),
		Seed:     c.Uint64("seed"),
	}
	if c.Uint("port") == 0 || c.Uint("port") > math.MaxUint16 {
		return p, fmt.Errorf("port %d: write a number from 1 to 65535", c.Uint("port"))
	}
	p.Port = uint16(c.Uint("port"))
	if !c.IsSet("seed") {
		var b [8]byte
		rand.Read(b[:]) // never fails
		p.Seed = binary.BigEndian.Uint64(b[:])
	}
	var err error
	if p.Bandwidth, err = parseBits(c.String("bandwidth")); err != nil {
		return p, err
	}
	if p.Shard, err = targets.ParseShard(c.String("shard")); err != nil {
		return p, err
	}
	p.Probes, err = probeNames(c.StringSlice("probe"))
	return p, err
}

// probeNames completes short names: "udp" is every probe that ends in -udp.
func probeNames(given []string) ([]string, error) {
	var names []string
	for _, p := range probes.All() {
		wanted := len(given) == 0
		for _, g := range given {
			wanted = wanted || g == p.Name || strings.HasSuffix(p.Name, "-"+g)
		}
		if wanted {
			names = append(names, p.Name)
		}
	}
	for _, g := range given {
		known := false
		for _, n := range names {
			known = known || g == n || strings.HasSuffix(n, "-"+g)
		}
		if !known {
			return nil, fmt.Errorf("unknown probe %q: `memsweep probes` lists them", g)
		}
	}
	return names, nil
}

// confirm demands that whoever starts a large sweep knows how large it is.
func (r *request) confirm(c *cli.Context) error {
	n := r.set.Minus(r.narrow).Len()
	switch {
	case c.IsSet("count") && c.Uint64("count") != n:
		return fmt.Errorf("--count %d, but the plan has %d addresses: look at --dry-run, then write --count %d", c.Uint64("count"), n, n)
	case n > confirmAbove && !c.IsSet("count"):
		return fmt.Errorf("the plan has %d addresses, more than %d: if that is what you want, write --count %d", n, confirmAbove, n)
	}
	return nil
}
