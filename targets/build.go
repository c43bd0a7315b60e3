package targets

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"go4.org/netipx"

	"github.com/memsweep/memsweep/internal/handwritten"
)

// Resolver looks up host names. *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Selection is what a sweep will ask.
type Selection struct {
	Set   Set    // every address once
	Names []Name // the host names among the targets, in the order given

	// Include and Exclude are what was asked for, normalised: the fewest
	// prefixes, ascending, names resolved. Set is the one less the other.
	Include []netip.Prefix
	Exclude []netip.Prefix

	Warnings []string // what is likely a mistake, in plain words
}

// Name is a host name and those of its addresses that are in the Set.
type Name struct {
	Host  string
	Addrs []netip.Addr // ascending; empty when all are excluded
}

// Build makes a Selection of include less exclude. Names are resolved, one
// after the other, for IPv4 and IPv6; one that does not resolve is an error,
// also among the excludes: to go on would touch what was to be left out.
func Build(ctx context.Context, include, exclude []Entry, resolver Resolver) (Selection, error) {
	n := names{resolver: resolver, known: map[string][]netip.Addr{}}
	if err := n.resolve(ctx, include, exclude); err != nil {
		return Selection{}, err
	}
	if err := n.checkTargets(include); err != nil {
		return Selection{}, err
	}
	wanted, unwanted := n.set(include), n.set(exclude)
	sel := Selection{
		Set:     wanted.Minus(unwanted),
		Include: wanted.Prefixes(),
		Exclude: unwanted.Prefixes(),
	}
	if err := checkEmpty(wanted, sel); err != nil {
		return Selection{}, err
	}
	sel.Names = n.selected(include, sel.Set)
	sel.Warnings = n.warnings(wanted, exclude, sel.Names)
	return sel, nil
}

func checkEmpty(wanted Set, sel Selection) error {
	switch {
	case wanted.Len() == 0:
		return errors.New("targets: nothing was given: write a CIDR, an address, a range or a host name, as 10.20.0.0/16")
	case sel.Set.Len() == 0:
		return fmt.Errorf("targets: everything was excluded (%d addresses): take an exclude away, or name further targets", wanted.Len())
	}
	return nil
}

// names knows the addresses of the host names of one Selection.
type names struct {
	resolver Resolver
	known    map[string][]netip.Addr
}

// resolve looks up each name once.
func (n names) resolve(ctx context.Context, lists ...[]Entry) error {
	var bad handwritten.Problems
	for _, e := range slices.Concat(lists...) {
		if _, done := n.known[e.Host]; done || e.Host == "" {
			continue
		}
		addrs, err := n.lookup(ctx, e.Host)
		if ctx.Err() != nil {
			return fmt.Errorf("%s: resolve %s: %w", e.Source, e.Host, ctx.Err())
		}
		if err != nil {
			bad.Add(fmt.Errorf("%s: resolve %s: %w: write its address, or leave it out", e.Source, e.Host, err))
		}
		n.known[e.Host] = addrs
	}
	return bad.Err()
}

// lookup returns the addresses of one host, ascending, each once.
func (n names) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	addrs, err := n.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	var out []netip.Addr
	for _, addr := range addrs {
		if !addr.IsValid() || addr.Zone() != "" {
			return nil, fmt.Errorf("%s is no address that others could ask", handwritten.Quote(addr.String()))
		}
		out = append(out, addr.Unmap())
	}
	if len(out) == 0 {
		return nil, errors.New("no addresses")
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out), nil
}

// ranges returns what e stands for.
func (n names) ranges(e Entry) []netipx.IPRange {
	if e.Host == "" {
		return []netipx.IPRange{e.Range}
	}
	var ranges []netipx.IPRange
	for _, addr := range n.known[e.Host] {
		ranges = append(ranges, netipx.IPRangeFrom(addr, addr))
	}
	return ranges
}

// checkTargets holds every target to the rules of Parse: a name may resolve
// to anything, and an entry may have been read as an exclude.
func (n names) checkTargets(entries []Entry) error {
	var bad handwritten.Problems
	for _, e := range entries {
		for _, r := range n.ranges(e) {
			if err := sweepable(r); err != nil {
				bad.Add(fmt.Errorf("%s: target %s (%s): %w", e.Source, e, Spec{Range: r}, err))
			}
		}
	}
	return bad.Err()
}

func (n names) set(entries []Entry) Set {
	var all []netipx.IPRange
	for _, e := range entries {
		all = append(all, n.ranges(e)...)
	}
	return setOf(all)
}

// selected lists the names among entries with their addresses in set.
func (n names) selected(entries []Entry, set Set) []Name {
	var out []Name
	listed := map[string]bool{"": true} // entries without a name
	for _, e := range entries {
		if listed[e.Host] {
			continue
		}
		listed[e.Host] = true
		in := slices.DeleteFunc(slices.Clone(n.known[e.Host]), func(a netip.Addr) bool { return !set.Contains(a) })
		out = append(out, Name{Host: e.Host, Addrs: in})
	}
	return out
}

// warnings names the excludes without effect and the names without addresses.
func (n names) warnings(wanted Set, exclude []Entry, selected []Name) []string {
	var out handwritten.Problems
	for _, e := range exclude {
		if !slices.ContainsFunc(n.ranges(e), wanted.overlaps) {
			out.Add(fmt.Errorf("%s: exclude %s: matches no target", e.Source, e))
		}
	}
	for _, name := range selected {
		if len(name.Addrs) == 0 {
			out.Add(fmt.Errorf("target %s: every address of it is excluded", name.Host))
		}
	}
	return out.Texts()
}
