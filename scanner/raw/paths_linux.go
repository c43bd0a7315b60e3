package raw

import (
	"fmt"

	"go4.org/netipx"

	"github.com/memsweep/memsweep/targets"
)

// Bounds of what is prepared: how many different ways to the targets, each with
// a sender, and how many ranges of the routing tables are looked at for them,
// each of which takes a question to the kernel.
const (
	maxPaths = 4096
	maxSteps = 1 << 16
)

// paths is every way to an address of the set. Addresses without one are
// reported when they are asked.
func (e *Engine) paths(set targets.Set) ([]Path, error) {
	f := pathFinder{known: map[wayKey]bool{}}
	for _, r := range set.Ranges() {
		if err := f.along(e.router, r); err != nil {
			return nil, err
		}
	}
	if len(f.paths) == 0 {
		return nil, fmt.Errorf("no way to any target: %w", f.reason)
	}
	return f.paths, nil
}

// pathFinder collects different ways.
type pathFinder struct {
	known  map[wayKey]bool
	paths  []Path
	reason error // why there is none to some address
	steps  int
}

// along looks at each part of a range that the routes treat alike.
func (f *pathFinder) along(router *Router, r netipx.IPRange) error {
	for addr := r.From(); addr.IsValid() && addr.Compare(r.To()) <= 0 && len(f.paths) < maxPaths && f.steps < maxSteps; f.steps++ {
		path, err := router.Path(addr)
		switch k := keyOfPath(path); {
		case err != nil:
			f.reason = err
		case path.Loopback() && addr.Is4():
			return fmt.Errorf("%s is this machine itself, which loses IPv4 frames on %s: use --engine socket", addr, path.Interface)
		case !f.known[k]:
			f.known[k] = true
			f.paths = append(f.paths, path)
		}
		if addr = addr.Next(); path.Prefix.IsValid() {
			addr = netipx.PrefixLastIP(path.Prefix).Next()
		}
	}
	return nil
}
