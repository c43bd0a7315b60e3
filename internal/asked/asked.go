// Package asked reads out of a stored report what its sweep asked, and what
// became of the endpoints that the report does not name. It never guesses: what
// the report leaves open is unknown.
package asked

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/exposure/matrix"
	"github.com/memsweep/memsweep/probes"
	"github.com/memsweep/memsweep/scanner"
	"github.com/memsweep/memsweep/targets"
)

// Bounds on what a stored plan may make a comparison do. No sweep has plans
// that large: two bits an address would not fit into memory.
const (
	maxPlanAddresses = 1 << 34
	maxPlanRanges    = 1 << 21
)

// Sweep is what a stored report says of what its sweep asked. The zero value
// knows nothing.
type Sweep struct {
	plan     scanner.Plan
	set      targets.Set
	order    targets.Order
	coverage exposure.Coverage
	answers  Tally
	found    []Answer
}

// Answer is a question of a report's findings that was answered.
type Answer struct {
	IP        netip.Addr
	Probe     string
	Transport exposure.Transport
	Port      uint16
}

// Answers are those of a finding.
func Answers(f *exposure.Finding) (list []Answer) {
	for o := range f.Observations() {
		if o.State.Answered() {
			list = append(list, Answer{f.IP.Unmap(), o.Probe, o.Transport, o.Port})
		}
	}
	return list
}

// Answered tells s what the findings of the report answer. Without it nothing is
// known of endpoints that the report does not name.
func (a *Sweep) Answered(count Tally, found []Answer) { a.answers, a.found = count, found }

// Tally is how many endpoints answered each probe by the findings of a report,
// and of how many more these leave it open.
type Tally map[string]Count

// Count is a line of a Tally.
type Count struct {
	Sure uint64 `json:"sure"`
	Open uint64 `json:"open,omitempty"`
}

// Add counts the answers in a finding.
func (t Tally) Add(f *exposure.Finding) {
	for o := range f.Observations() {
		n := t[o.Probe]
		switch {
		case o.State.Answered():
			n.Sure++
		case o.State != exposure.Closed && o.State != exposure.Silent:
			n.Open++
		}
		t[o.Probe] = n
	}
}

// Read reads the plan in a report's header, and its digest. A plan that
// cannot be relied on is an error; the digest then tells it from others, but
// nothing that the report does not name is known.
func Read(plan json.RawMessage, coverage exposure.Coverage) (a *Sweep, digest string, err error) {
	var given struct {
		SHA256 string `json:"sha256"`
	}
	if len(plan) == 0 || string(plan) == "null" {
		return nil, "", nil
	}
	if err := json.Unmarshal(plan, &given); err != nil {
		return nil, "", fmt.Errorf("plan: %w", err)
	}
	a = &Sweep{coverage: coverage}
	if err := json.Unmarshal(plan, &a.plan); err != nil {
		return nil, given.SHA256, fmt.Errorf("plan: %w", err)
	}
	switch p := a.plan; {
	case len(p.Targets) == 0 || len(p.Probes) == 0: // of another program, or an audit
		return nil, given.SHA256, nil
	case len(p.Targets)+len(p.Exclude)+len(p.Broadcast) > maxPlanRanges:
		return nil, given.SHA256, fmt.Errorf("plan: more than %d ranges", maxPlanRanges)
	case swept(p) && given.SHA256 != "" && p.Digest() != given.SHA256:
		return nil, given.SHA256, errors.New("plan: its sha256 is another: it was changed, or is of a version that this one does not know")
	}
	if a.set, err = a.plan.Set(); err != nil {
		return nil, given.SHA256, err
	}
	if a.set.Len() > maxPlanAddresses {
		return nil, given.SHA256, fmt.Errorf("plan: more than %d addresses", uint64(maxPlanAddresses))
	}
	a.order = targets.NewOrder(a.set.Len(), a.plan.Seed)
	if swept(a.plan) {
		digest = a.plan.Digest()
	}
	return a, digest, nil
}

// swept reports whether the plan is one of a sweep. That of an audit lists what
// it came upon, so that no two of them are to be alike.
func swept(p scanner.Plan) bool { return slices.Contains(scanner.Engines(), p.Engine) }

// Fates answers for some addresses what became of them where there is no
// finding. What the report leaves open stays open.
func (a *Sweep) Fates(addrs []netip.Addr) (func(netip.AddrPort, exposure.Transport) exposure.State, error) {
	if err := a.misplaced(); err != nil {
		return unknown, err
	}
	var problems []string
	known := map[exposure.Transport]map[netip.Addr]exposure.State{}
	strange := false
	for _, name := range a.plan.Probes {
		p, ok := probes.ByName(name)
		if !ok {
			strange = true // of an audit or a newer version: it may have asked anything
			continue
		}
		states, err := a.lane(name, addrs)
		if err == nil {
			err = a.denied(name, states)
		}
		if errors.Is(err, ErrMoved) {
			return unknown, fmt.Errorf("%s: %w", name, err)
		}
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s: %v", name, err))
		}
		known[p.Transport] = merge(known[p.Transport], states)
	}
	var err error
	if len(problems) > 0 {
		err = errors.New(strings.Join(problems, "; "))
	}
	return func(at netip.AddrPort, transport exposure.Transport) exposure.State {
		s, ok := known[transport][at.Addr().Unmap()]
		switch {
		case ok && at.Port() == a.plan.Port:
			return s
		case strange && a.set.Contains(at.Addr()):
			return matrix.Unknown
		}
		return matrix.NotInPlan
	}, err
}

func unknown(netip.AddrPort, exposure.Transport) exposure.State { return matrix.Unknown }

// ErrMoved means that what a report says was asked contradicts its findings.
var ErrMoved = errors.New("the findings were changed")

// misplaced looks for an answer to a question that was never in a sweep's plan:
// a finding that was moved by hand.
func (a *Sweep) misplaced() error {
	if !swept(a.plan) {
		return nil
	}
	for _, o := range a.found {
		p, ok := probes.ByName(o.Probe)
		if !ok {
			continue // of a newer version
		}
		if o.Transport != p.Transport || o.Port != a.plan.Port || !slices.Contains(a.plan.Probes, o.Probe) || !a.ours(o.IP) {
			return fmt.Errorf("%s %s: %w: the plan does not ask there", o.Transport, netip.AddrPortFrom(o.IP, o.Port), ErrMoved)
		}
	}
	return nil
}

// ours reports whether an address is in the plan, and in its shard.
func (a *Sweep) ours(addr netip.Addr) bool {
	index, ok := a.set.Index(addr.Unmap())
	if !ok {
		return false
	}
	_, ok = a.plan.Shard.PlaceOf(a.order.PositionOf(index))
	return ok
}

// denied looks for a finding where the fates of its probe say that nothing
// answered.
func (a *Sweep) denied(probe string, states map[netip.Addr]exposure.State) error {
	if _, told := a.coverage.Fates[probe]; !told {
		return nil
	}
	for _, o := range a.found {
		if o.Probe != probe {
			continue
		}
		switch s := states[o.IP]; s {
		case exposure.Closed, exposure.LocalError, exposure.NotScanned:
			return fmt.Errorf("%s: %w: it answered, and the fates say %s", o.IP, ErrMoved, s)
		}
	}
	return nil
}

// merge is what two probes of one transport say together.
func merge(a, b map[netip.Addr]exposure.State) map[netip.Addr]exposure.State {
	if a == nil {
		return b
	}
	for addr, s := range b {
		if a[addr] != s {
			a[addr] = matrix.Unknown
		}
	}
	return a
}

// lane says what became of those addresses that one probe was to ask. Its
// counts must bear the bits out: else they are not relied on.
func (a *Sweep) lane(probe string, addrs []netip.Addr) (map[netip.Addr]exposure.State, error) {
	type place struct {
		addr  netip.Addr
		index uint64
	}
	var places []place
	for _, addr := range addrs {
		addr = addr.Unmap()
		index, ok := a.set.Index(addr)
		if !ok {
			continue
		}
		if _, ours := a.plan.Shard.PlaceOf(a.order.PositionOf(index)); ours {
			places = append(places, place{addr, index})
		}
	}
	slices.SortFunc(places, func(p, q place) int { return p.addr.Compare(q.addr) })
	indices := make([]uint64, len(places))
	for i, p := range places {
		indices[i] = p.index
	}
	fate, err := a.bits(probe, indices)
	states := map[netip.Addr]exposure.State{}
	for i, p := range places {
		states[p.addr] = fate(i)
	}
	return states, err
}

// bits says of each of some indices what became of it.
func (a *Sweep) bits(probe string, indices []uint64) (func(i int) exposure.State, error) {
	all := func(s exposure.State) func(int) exposure.State { return func(int) exposure.State { return s } }
	o, counted := a.coverage.Probes[probe]
	found := a.answers[probe]
	if !counted || o.Answered < found.Sure || o.Answered > found.Sure+found.Open {
		return all(matrix.Unknown), nil // cut off, or findings are missing: any address may have answered
	}
	f, told := a.coverage.Fates[probe]
	if !told {
		return all(byCount(o, a.plan.Shard.Len(a.set.Len()))), nil
	}
	closed, refused, err := f.Closed.Look(a.set.Len(), indices)
	if err != nil {
		return all(matrix.Unknown), fmt.Errorf("fates: closed: %w", err)
	}
	unasked, left, err := f.Unasked.Look(a.set.Len(), indices)
	if err != nil {
		return all(matrix.Unknown), fmt.Errorf("fates: unasked: %w", err)
	}
	if refused != o.Closed || o.Answered+refused+o.Silent+left != a.set.Len() {
		return all(matrix.Unknown), errors.New("fates: they do not add up to the outcomes")
	}
	return func(i int) exposure.State {
		switch {
		case unasked[i] && o.NotScanned == 0 && o.Sum() == a.set.Len():
			return exposure.LocalError
		case unasked[i]:
			return exposure.NotScanned
		case closed[i]:
			return exposure.Closed
		}
		return exposure.Silent
	}, nil
}

// byCount is all that the counts of a probe say about each endpoint that did
// not answer.
func byCount(o exposure.Outcomes, planned uint64) exposure.State {
	switch {
	case o.Sum() != planned || o.NotScanned+o.LocalError > 0:
		return matrix.Unknown
	case o.Silent == 0:
		return exposure.Closed
	case o.Closed == 0:
		return exposure.Silent
	}
	return matrix.NoAnswer
}
