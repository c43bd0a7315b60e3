package raw

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
)

// gatewayMAC is the Ethernet address of the path's gateway, which is asked
// once for all ranges behind it.
func (r *Router) gatewayMAC(p Path) (Neighbour, error) {
	hop := nextHop{p.Index, p.Gateway}
	if known, ok := r.hops[hop]; ok {
		return known.Neighbour, known.Err
	}
	found := r.askGateway(p)
	if found.Err != nil {
		found.Err = fmt.Errorf("gateway on %s: %w", p.Interface, found.Err)
	}
	r.hops[hop] = gateway{found, p}
	return found, found.Err
}

func (r *Router) askGateway(p Path) (found Neighbour) {
	for found = range r.neighbours.Ask(context.Background(), p, []netip.Addr{p.Gateway}) {
	}
	return found
}

// Moved asks the gateways in use once more, and reports whether one has another
// Ethernet address than its paths say, or none any more. Refresh then finds the
// new one. It waits for the answers, and keeps nobody else waiting.
func (r *Router) Moved() bool {
	r.mu.Lock()
	hops := maps.Clone(r.hops)
	r.mu.Unlock()
	for _, before := range hops {
		now := r.askGateway(before.via)
		switch {
		case now.Err == nil && !bytes.Equal(now.MAC, before.MAC):
			return true
		case errors.Is(now.Err, ErrNoNeighbour) && before.Err == nil:
			return true
		}
	}
	return false
}
