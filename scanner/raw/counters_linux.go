package raw

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// counters reads what an interface says that it lost while sending, and whether
// it can send at all. It keeps its netlink socket, so that it goes on working
// without privileges and without the file system.
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
	if c.before, _, err = c.read(); err != nil {
		handle.Close()
		return nil, err
	}
	return c, nil
}

// read returns what was ever lost: frames that the driver or its queue had no
// room for (tx_dropped) and those that it could not transmit (tx_errors), of
// struct rtnl_link_stats64 (linux/if_link.h). down says why nothing can be sent.
func (c *counters) read() (lost uint64, down, err error) {
	link, err := c.handle.LinkByIndex(c.index)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return 0, nil, fmt.Errorf("interface %d is gone: %w", c.index, syscall.ENETDOWN)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("read counters of interface %d: %w", c.index, err)
	}
	a := link.Attrs()
	if a.Statistics == nil {
		return 0, nil, fmt.Errorf("read counters of interface %d: it has none", c.index)
	}
	return a.Statistics.TxDropped + a.Statistics.TxErrors, downBy(a), nil
}

// downBy says why an interface does not send. IFF_LOWER_UP (netdevice(7)) is the
// driver's word on the carrier; IFF_RUNNING follows it only after a while.
func downBy(a *netlink.LinkAttrs) error {
	switch {
	case a.RawFlags&unix.IFF_UP == 0:
		return fmt.Errorf("interface %s is down: %w", a.Name, syscall.ENETDOWN)
	case a.RawFlags&unix.IFF_LOWER_UP == 0:
		return fmt.Errorf("interface %s is down, it has lost its carrier: %w", a.Name, syscall.ENETDOWN)
	}
	return nil
}

// lost is what was lost since newCounters, also when the error is that the
// interface is down. An interface whose counters went back was made anew.
func (c *counters) lost() (uint64, error) {
	now, down, err := c.read()
	if err != nil {
		return 0, err
	}
	return now - min(c.before, now), down
}

func (c *counters) Close() { c.handle.Close() }
