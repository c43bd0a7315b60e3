//go:build !linux

package raw

import (
	"io"
	"net/netip"

	"github.com/memsweep/memsweep/scanner"
)

// Options say how the engine reaches the wire.
type Options struct {
	Interface string
	Source    netip.Addr
	Sender    string
	Pcap      io.Writer
}

// New returns ErrUnsupported.
func New(scanner.Setup, Options) (scanner.Engine, error) { return nil, ErrUnsupported }
