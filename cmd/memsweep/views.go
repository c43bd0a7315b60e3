package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/exposure/matrix"
	"github.com/memsweep/memsweep/exposure/policy"
	"github.com/memsweep/memsweep/internal/asked"
	"github.com/memsweep/memsweep/report"
	"github.com/memsweep/memsweep/scanner"
)

// source is a file that a column is read from.
type source struct {
	path string
	from exposure.Vantage // of what another program wrote
}

func readSources(c *cli.Context) ([]source, error) {
	var list []source
	for _, path := range c.Args().Slice() {
		list = append(list, source{path: path})
	}
	for _, text := range c.StringSlice("vantage") {
		s, err := parseForeign(text)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	if len(list) == 0 {
		return nil, errors.New("compare: write one report or more: `memsweep compare inside.json outside.json`")
	}
	return list, distinct(list)
}

// stored is a report that was read, before it is known which addresses matter.
type stored struct {
	view  matrix.View
	asked *asked.Sweep
}

// readViews reads every report, and then what each says of the addresses that
// any of them found something at.
func readViews(c *cli.Context, sources []source, under *policy.Policy) ([]matrix.View, error) {
	var all []*stored
	var addrs []netip.Addr
	for _, from := range sources {
		s, err := readStored(c, from, under)
		if err != nil {
			return nil, err
		}
		for _, f := range s.view.Findings {
			addrs = append(addrs, f.IP.Unmap())
		}
		all = append(all, s)
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	addrs = slices.Compact(addrs)
	var views []matrix.View
	for _, s := range all {
		if s.asked != nil {
			var err error
			if s.view.Fate, err = s.asked.Fates(addrs); err != nil {
				s.doubt(err)
			}
		}
		views = append(views, s.view)
	}
	return views, nil
}

// distinct refuses one file under two names. (A copy of it is known by its
// sweep.)
func distinct(list []source) error {
	infos := make([]os.FileInfo, len(list))
	for i, s := range list {
		if s.path != "-" {
			var err error
			if infos[i], err = os.Stat(s.path); err != nil {
				return fmt.Errorf("compare: %w", err)
			}
		}
		for k, other := range list[:i] {
			if s.path == other.path || infos[i] != nil && infos[k] != nil && os.SameFile(infos[i], infos[k]) {
				return fmt.Errorf("compare: %s and %s are one file: name each report once", other.path, s.path)
			}
		}
	}
	return nil
}

// readStored reads one report, and holds its findings against a policy if there
// is one.
func readStored(c *cli.Context, from source, under *policy.Policy) (*stored, error) {
	in, err := openStored(c, from.path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	r, err := report.ReadAs(in, from.path, from.from)
	if err != nil {
		return nil, err
	}
	s := &stored{}
	count := asked.Tally{}
	var answers []asked.Answer
	judge := bench{policy: under, vantage: r.Header.Sweep.Vantage, engine: r.Header.Sweep.Engine}
	for f, err := range r.Findings() {
		if err != nil {
			return nil, err
		}
		count.Add(&f)
		answers = append(answers, asked.Answers(&f)...)
		for _, f := range judge.judge(f, r.Header.Sweep.Started) {
			s.view.Findings = append(s.view.Findings, light(f))
		}
	}
	if under != nil {
		r.Header.Policy = judge.named()
	}
	s.describe(from.path, r.Header, r.Summary())
	if s.asked != nil {
		s.asked.Answered(count, answers)
	}
	return s, nil
}

// light is a finding without what no matrix shows, and takes most of its space.
func light(f exposure.Finding) exposure.Finding {
	f.Reasons, f.Fix, f.Vulnerabilities = nil, nil, nil
	for o := range f.Observations() {
		o.Evidence = nil
	}
	return f
}

// describe fills in everything but the findings.
func (s *stored) describe(path string, h report.Header, end report.Summary) {
	v := &s.view
	v.Source, v.Vantage, v.Sweep, v.Engine = path, h.Sweep.Vantage, h.Sweep.ID, h.Sweep.Engine
	v.Started, v.Finished, v.Status, v.Problems = h.Sweep.Started, end.Finished, end.Status, end.Problems
	v.Scope = scopeDigest(h.Scope)
	if h.Policy != nil {
		v.Policy = &matrix.Policy{Name: h.Policy.Name, SHA256: h.Policy.SHA256}
	}
	if o := end.Coverage.Outcomes; o.Sum() > 0 {
		v.Outcomes = &o
	}
	v.RefusedBy = end.Coverage.RefusedBy
	var err error
	if s.asked, v.Plan, err = asked.Read(h.Sweep.Plan, end.Coverage); err != nil {
		s.doubt(err)
	}
	if s.asked == nil && err == nil && slices.Contains(scanner.Engines(), h.Sweep.Engine) {
		s.doubt(errors.New("plan: missing"))
	}
}

// doubt notes that what a report says of its own numbers cannot be relied on.
func (s *stored) doubt(err error) {
	s.view.Contradicts = true
	s.view.Problems = append(s.view.Problems, err.Error()+": what this report does not name is not known")
}

// scopeDigest is the digest of the authorisation in a header.
func scopeDigest(s *report.Scope) string {
	if s == nil {
		return ""
	}
	return s.SHA256
}
