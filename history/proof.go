package history

import (
	"encoding/json"
	"errors"
	"net/netip"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/exposure/matrix"
	"github.com/memsweep/memsweep/internal/asked"
	"github.com/memsweep/memsweep/report"
)

// fates say of endpoints that a report does not name whether they were asked
// definitively, and had no answer.
type fates struct {
	plan  string       // digest; "": not known
	tally any          // as the column holds it; nil: the report shows nothing to be fixed
	asked *asked.Sweep // nil: the same
}

// proof is what a report shows of endpoints that it does not name. One that is
// not complete, does not say what it asked, contradicts itself or heard nothing at all, shows nothing.
func proof(r *Recorder, end report.Summary) (f fates, err error) {
	sweep, plan, err := asked.Read(r.header.Sweep.Plan, end.Coverage)
	f.plan = plan
	if err != nil || sweep == nil || end.Status != exposure.Complete || deaf(end.Coverage) {
		return f, nil
	}
	sweep.Answered(r.tally, r.answers)
	addrs := make([]netip.Addr, len(r.answers))
	for i, a := range r.answers {
		addrs[i] = a.IP
	}
	if _, err := sweep.Fates(addrs); errors.Is(err, asked.ErrMoved) {
		return f, nil
	}
	text, err := json.Marshal(r.tally)
	if err != nil {
		return f, err
	}
	// From here on it is what readProof makes of the stored sweep: that its answers
	// are where it asked is known.
	sweep.Answered(r.tally, nil)
	f.tally, f.asked = string(text), sweep
	return f, nil
}

// fewAsked is of how many endpoints all may be silent without a doubt about the
// sweeping machine's own network.
const fewAsked = 16

// deaf reports whether nothing at all came back to a sweep that asked many: its
// own network is suspect, as in package matrix. Such a sweep fixes nothing.
func deaf(c exposure.Coverage) bool {
	return c.Planned > fewAsked && c.Outcomes.Answered == 0 && c.Outcomes.Closed == 0
}

// readProof is the same of a sweep that is stored.
func readProof(header, summary []byte, tally *string) (*asked.Sweep, error) {
	if tally == nil {
		return nil, nil
	}
	var h report.Header
	var end report.Summary
	var count asked.Tally
	if err := unpackJSON(header, maxHeader, &h); err != nil {
		return nil, err
	}
	if err := unpackJSON(summary, maxHeader, &end); err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(*tally), &count); err != nil {
		return nil, err
	}
	sweep, _, err := asked.Read(h.Sweep.Plan, end.Coverage)
	if err == nil && sweep != nil {
		sweep.Answered(count, nil)
	}
	return sweep, err
}

// missed says of some endpoints whether a sweep asked them definitively, if they
// did not answer, and whether that was a refusal.
func missed(sweep *asked.Sweep, spots []spot) func(spot) (missed, refused bool) {
	if sweep == nil || len(spots) == 0 {
		return func(spot) (missed, refused bool) { return false, false }
	}
	addrs := make([]netip.Addr, len(spots))
	for i, at := range spots {
		addrs[i] = at.addr()
	}
	fate, _ := sweep.Fates(addrs) // what does not add up is unknown, probe by probe
	return func(at spot) (missed, refused bool) {
		switch fate(netip.AddrPortFrom(at.addr(), at.port), at.transport()) {
		case exposure.Closed:
			return true, true
		case exposure.Silent, matrix.NoAnswer:
			return true, false
		}
		return false, false
	}
}
