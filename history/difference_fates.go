package history

import (
	"context"
	"encoding/json"
	"net/netip"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/exposure/matrix"
	"github.com/memsweep/memsweep/internal/asked"
	"github.com/memsweep/memsweep/report"
)

// fates says what became of endpoints in the last sweep of a vantage, where they
// did not answer. What its report leaves open is unknown.
func (w *differing) fates(ctx context.Context, last *sweepRow, addrs []netip.Addr) (func(Endpoint) exposure.State, error) {
	sweep, known := w.asked[last.id]
	if !known {
		var err error
		if sweep, err = w.plan(ctx, last.id); err != nil {
			return nil, err
		}
		w.asked[last.id] = sweep
	}
	if sweep == nil {
		return func(Endpoint) exposure.State { return matrix.Unknown }, nil
	}
	fate, _ := sweep.Fates(addrs) // what does not add up is unknown, probe by probe
	return func(e Endpoint) exposure.State { return fate(netip.AddrPortFrom(e.IP, e.Port), e.Transport) }, nil
}

// plan is what a stored sweep asked, nil where that is not known. One that did
// not finish has no tally: of what it planned, nothing is known but that.
func (w *differing) plan(ctx context.Context, sweep int64) (*asked.Sweep, error) {
	var header, summary []byte
	var tally *string
	if err := w.QueryRowContext(ctx, "SELECT header, summary, tally FROM sweep WHERE id = ?", sweep).Scan(&header, &summary, &tally); err != nil {
		return nil, err
	}
	var h report.Header
	var end report.Summary
	if err := unpackJSON(header, maxHeader, &h); err != nil {
		return nil, err
	}
	if err := unpackJSON(summary, maxHeader, &end); err != nil {
		return nil, err
	}
	plan, _, err := asked.Read(h.Sweep.Plan, end.Coverage)
	if err != nil || plan == nil {
		return nil, nil // a plan that cannot be relied on was reported at the import
	}
	if tally != nil {
		var count asked.Tally
		if err := json.Unmarshal([]byte(*tally), &count); err != nil {
			return nil, err
		}
		plan.Answered(count, nil)
	}
	return plan, nil
}
