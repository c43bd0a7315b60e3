package raw

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// counters reads what an interface says that it lost while sending. It keeps
// its netlink socket, so that it goes on working without privileges and
// without the file system.
type counters struct {
	index  int
	handle *netlink.Handle
	before uint64
}

// newCounters starts counting at the interface with that index.
func newCounters(index int) (*counters, error) {
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open route netlink: %w", err)
	}
	c := &counters{index: index, handle: handle}
	if c.before, err = c.read(); err != nil {
		handle.Close()
		return nil, err
	}
	return c, nil
}

// read returns what was ever lost: frames that the driver or its queue had no
// room for (tx_dropped) and those that it could not transmit (tx_errors), of
// struct rtnl_link_stats64 (linux/if_link.h).
func (c *counters) read() (uint64, error) {
	link, err := c.handle.LinkByIndex(c.index)
	if err != nil {
		return 0, fmt.Errorf("read counters of interface %d: %w", c.index, err)
	}
	s := link.Attrs().Statistics
	if s == nil {
		return 0, fmt.Errorf("read counters of interface %d: it has none", c.index)
	}
	return s.TxDropped + s.TxErrors, nil
}

// lost is what was lost since newCounters. An interface whose counters went
// back was made anew.
func (c *counters) lost() (uint64, error) {
	now, err := c.read()
	if err != nil {
		return 0, err
	}
	if now < c.before {
		c.before = 0
	}
	return now - c.before, nil
}

func (c *counters) Close() { c.handle.Close() }
