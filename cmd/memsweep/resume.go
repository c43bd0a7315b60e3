package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/memsweep/memsweep/scanner"
	"github.com/memsweep/memsweep/targets"
)

// resumeRequest reads a checkpoint. Of the plan, nothing may change but that
// more is left out.
func resumeRequest(c *cli.Context) (*request, error) {
	for _, f := range planFlags() {
		if c.IsSet(f.Names()[0]) {
			return nil, fmt.Errorf("--%s cannot be given with --resume: it belongs to the plan, which the checkpoint holds; only --exclude may be added", f.Names()[0])
		}
	}
	if c.Args().Present() {
		return nil, errors.New("targets cannot be given with --resume: the checkpoint holds them; only --exclude may be added")
	}
	path := c.String("resume")
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("resume: %w", err)
	}
	r := &request{from: f}
	if err := r.readCheckpoint(c, f); err != nil {
		f.Close()
		return nil, fmt.Errorf("resume %s: %w", path, err)
	}
	return r, nil
}

func (r *request) readCheckpoint(c *cli.Context, f io.Reader) (err error) {
	if r.resume, err = scanner.ReadCheckpoint(f); err != nil {
		return err
	}
	r.plan = r.resume.Plan
	if r.set, err = r.plan.Set(); err != nil {
		return err
	}
	if err := r.narrowBy(c); err != nil {
		return err
	}
	if err := r.readScope(c.String("scope")); err != nil {
		return err
	}
	if was := r.resume.Scope; r.scope != nil && was != "" && was != r.scope.SHA256 {
		r.warnings = append(r.warnings, fmt.Sprintf("scope %s is another than the sweep began under; what is left is held to this one", r.scope.Path))
	}
	if err := r.limitRate(true); err != nil {
		return err
	}
	return r.scope.Check(r.set.Minus(r.narrow), time.Now())
}

// narrowBy leaves out what was left out before and what --exclude adds.
func (r *request) narrowBy(c *cli.Context) error {
	before, err := r.resume.Narrowed()
	if err != nil {
		return err
	}
	exclude, err := readExcludes(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context, time.Minute)
	defer cancel()
	include, err := targets.Arguments(prefixTexts(r.resume.Plan.Targets))
	if err != nil {
		return err
	}
	sel, err := targets.Build(ctx, include, exclude, net.DefaultResolver)
	if err != nil {
		return err
	}
	now, err := targets.SetOf(sel.Exclude...)
	r.narrow = before.Union(now)
	r.warnings = sel.Warnings
	return err
}

func prefixTexts[T fmt.Stringer](list []T) []string {
	texts := make([]string, len(list))
	for i, p := range list {
		texts[i] = p.String()
	}
	return texts
}
