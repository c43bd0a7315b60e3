package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

// maxShown bounds how many ranges of a plan are listed for a person.
const maxShown = 40

// dryRun prints the plan, and sends nothing. --format json prints it as the
// report would hold it.
func dryRun(c *cli.Context, r *request) error {
	var out bytes.Buffer
	switch format := c.String("format"); format {
	case "", "text":
		r.describe(&out)
	case "json":
		json.Indent(&out, r.plan.Document(), "", "  ") // it was just marshalled
		out.WriteByte('\n')
	default:
		return usagef("--dry-run prints a plan as text or json, not as %q", format)
	}
	if _, err := c.App.Writer.Write(out.Bytes()); err != nil {
		return &exit{exitOutput, fmt.Errorf("write the plan: %w", err)}
	}
	return nil
}

func (r *request) describe(w io.Writer) {
	p := r.plan
	left := r.set.Minus(r.narrow)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-11s %s\n", name, fmt.Sprintf(format, args...))
	}
	row("addresses", "%v (confirm with --count %[1]v)", left.Count())
	row("targets", "%s", listed(p.Targets))
	if len(p.Exclude) > 0 {
		row("exclude", "%s", listed(p.Exclude))
	}
	if n := r.narrow.Prefixes(); len(n) > 0 {
		row("and since", "%s", listed(n))
	}
	if len(p.Broadcast) > 0 {
		row("left out", "%s (broadcast address of a network of this machine, or with --engine raw its own)", strings.Join(prefixTexts(p.Broadcast), ", "))
	}
	for _, n := range p.Names {
		row("name", "%s = %s", n.Host, strings.Join(prefixTexts(n.Addrs), ", "))
	}
	row("probes", "%s, port %d", strings.Join(p.Probes, ", "), p.Port)
	part := p.Shard.Len(left.Len())
	if p.Shard.Count > 1 {
		row("shard", "%s: %d addresses", p.Shard, part)
	}
	questions := part * uint64(len(p.Probes))
	row("packets", "%d to %d, besides the conversations with those that answer", questions, questions*uint64(p.Tries))
	row("duration", "%s to %s at %v packets/s", estimate(questions, p.Rate), estimate(questions*uint64(p.Tries), p.Rate), p.Rate)
	if p.Bandwidth > 0 {
		row("bandwidth", "at most %d bits/s", p.Bandwidth)
	}
	row("engine", "%s, seed %d", p.Engine, p.Seed)
	if s := r.scope; s != nil {
		row("scope", "%s, authorised by %s, valid until %s", s.Path, s.AuthorisedBy, s.ValidUntil.Format(time.DateOnly))
	}
	if held := r.policy; held != nil {
		row("policy", "%s, expectations for %d ranges, %d justifications", held.Path, held.Ranges(), held.Justifications())
	}
	row("digest", "%s", p.Digest())
}

func listed(prefixes []netip.Prefix) string {
	texts := prefixTexts(prefixes[:min(len(prefixes), maxShown)])
	if more := len(prefixes) - len(texts); more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, ", ")
}

func estimate(packets uint64, rate float64) string {
	return rough(time.Duration(float64(packets) / rate * float64(time.Second)))
}
