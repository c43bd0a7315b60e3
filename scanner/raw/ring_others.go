//go:build !linux

package raw

import (
	"net/netip"
	"time"

	"github.com/google/gopacket/layers"
)

// Ring receives from one interface.
type Ring struct{}

// NewRing returns ErrUnsupported.
func NewRing(string, PortRange, ...Family) (*Ring, error) { return nil, ErrUnsupported }

// LinkType is what every Packet.Frame begins with.
func (*Ring) LinkType() layers.LinkType { return layers.LinkTypeNull }

// Read returns ErrUnsupported.
func (*Ring) Read(time.Time, func(*Packet)) error { return ErrUnsupported }

// Dropped returns ErrUnsupported.
func (*Ring) Dropped() (uint64, error) { return 0, ErrUnsupported }

// Close does nothing.
func (*Ring) Close() error { return nil }

// Held is ports that are ours.
type Held struct{}

// HoldPorts returns ErrUnsupported.
func HoldPorts([]netip.Addr, int) (*Held, error) { return nil, ErrUnsupported }

// Ports is none.
func (*Held) Ports() []uint16 { return nil }

// Range is none.
func (*Held) Range() PortRange { return PortRange{} }

// Close does nothing.
func (*Held) Close() error { return nil }
