package raw

import (
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// elsewhere is what rings and captures call the interfaces that nothing was
// asked by. Answers come there when routes are not symmetric, or when the
// source is another interface's address.
const elsewhere = "any"

// listenElsewhere opens the ring for them.
func (t *track) listenElsewhere() error {
	var asked []int
	for _, w := range t.ways {
		asked = append(asked, w.path.Index)
	}
	but, err := withLower(asked)
	if err != nil {
		return err
	}
	ring, err := NewRingElsewhere(t.held.Range(), but)
	if err == nil {
		t.rings[elsewhere] = ring
	}
	return err
}

// withLower adds to interfaces what they stand on, which sees the same packets:
// the device of a VLAN, the ports of a bridge or bond.
func withLower(indices []int) ([]int, error) {
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open rtnetlink: %w", err)
	}
	defer handle.Close()
	links, err := handle.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	all := slices.Compact(slices.Sorted(slices.Values(indices)))
	for i := 0; i < len(all); i++ {
		for _, l := range links {
			a, lower := l.Attrs(), 0
			switch {
			case a.MasterIndex == all[i]:
				lower = a.Index
			case a.Index == all[i] && l.Type() != "veth": // its other end may be in another namespace
				lower = a.ParentIndex
			}
			if lower != 0 && !slices.Contains(all, lower) {
				all = append(all, lower)
			}
		}
	}
	return all, nil
}
