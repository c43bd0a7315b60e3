package raw

import (
	"time"
)

// Receiver hands out the packets that can be answers. One goroutine reads;
// the other methods may be called by any.
type Receiver interface {
	// Read calls got with each packet until the deadline, which is no error.
	// After Close it returns net.ErrClosed.
	Read(deadline time.Time, got func(*Packet)) error
	// Dropped is how many packets came and were lost on this machine, because
	// they were not read in time.
	Dropped() (uint64, error)
	// Close ends a Read that is under way, and waits for it; it must not be
	// called by got.
	Close() error
}

// PortRange is ports of ours, both ends included.
type PortRange struct{ First, Last uint16 }

// Contains reports whether a port is one of them.
func (r PortRange) Contains(port uint16) bool { return r.First <= port && port <= r.Last }
