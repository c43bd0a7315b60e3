//go:build !linux

package raw

import (
	"context"
	"iter"
	"net/netip"
)

// Router is for Linux.
type Router struct{}

// NewRouter is for Linux.
func NewRouter(RouteOptions) (*Router, error) { return nil, ErrUnsupported }

// Path is for Linux.
func (*Router) Path(netip.Addr) (Path, error) { return Path{}, ErrUnsupported }

// Refresh is for Linux.
func (*Router) Refresh() (bool, error) { return false, ErrUnsupported }

// Close is for Linux.
func (*Router) Close() error { return nil }

// Neighbours is for Linux.
type Neighbours struct{}

// NewNeighbours is for Linux.
func NewNeighbours(NeighbourOptions) (*Neighbours, error) { return nil, ErrUnsupported }

// Resolve is for Linux.
func (*Neighbours) Resolve(context.Context, Path, []netip.Addr) iter.Seq[Neighbour] {
	return func(func(Neighbour) bool) {}
}

// Close is for Linux.
func (*Neighbours) Close() error { return nil }
