package raw

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Router finds the way to addresses. Its methods may be called by several
// goroutines. Looking needs no capability, so it goes on working when those
// are given up.
type Router struct {
	handle     *netlink.Handle
	index      int    // of the only interface, or 0
	name       string // its name
	source     netip.Addr
	neighbours *Neighbours

	table atomic.Pointer[ranges]
	mu    sync.Mutex          // held while the kernel is asked
	hops  map[nextHop]gateway // gateways that were asked since the last Refresh
}

type nextHop struct {
	index int
	addr  netip.Addr
}

// gateway is one that was asked, and by which path.
type gateway struct {
	Neighbour
	via Path
}

// NewRouter reads the routing tables once.
func NewRouter(o RouteOptions) (*Router, error) {
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open rtnetlink: %w", err)
	}
	r := &Router{handle: handle, source: o.Source.Unmap(), neighbours: o.Neighbours, hops: map[nextHop]gateway{}}
	if err := r.start(o.Interface); err != nil {
		handle.Close()
		return nil, err
	}
	return r, nil
}

func (r *Router) start(name string) error {
	const patience = 5 * time.Second // the kernel answers at once, or something is very wrong
	if err := r.handle.SetSocketTimeout(patience); err != nil {
		return fmt.Errorf("prepare rtnetlink: %w", err)
	}
	if name != "" {
		link, err := r.handle.LinkByName(name)
		if err != nil {
			return fmt.Errorf("--interface %q: %w", name, err)
		}
		r.index, r.name = link.Attrs().Index, name
	}
	if r.source.IsValid() {
		if err := r.checkSource(); err != nil {
			return err
		}
	}
	b, err := readBorders(r.handle)
	if err != nil {
		return err
	}
	r.table.Store(newRanges(b))
	return nil
}

// checkSource refuses an address to which no answer could come.
func (r *Router) checkSource() error {
	list, err := r.handle.AddrList(nil, family(r.source))
	if err != nil {
		return fmt.Errorf("list this machine's addresses: %w", err)
	}
	for _, a := range list {
		if addr, ok := netip.AddrFromSlice(a.IP); ok && addr.Unmap() == r.source.WithZone("") {
			return nil
		}
	}
	return fmt.Errorf("--source %s: not an address of this machine", r.source)
}

func family(addr netip.Addr) int {
	if addr.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// Path is the way to an address, and the prefix around it for which the same
// holds. The first call for an address of a range asks the kernel, and the
// gateway for its Ethernet address; later ones allocate nothing and do not
// block. An error that wraps ErrNoRoute or ErrNoNeighbour stands until Refresh,
// and for every address of the path's Prefix, which is all of the path then.
func (r *Router) Path(addr netip.Addr) (Path, error) {
	addr = addr.Unmap()
	if !addr.IsValid() || addr.IsUnspecified() || addr.Zone() != "" {
		return Path{}, fmt.Errorf("route to %s: %w: not the address of one host, without a zone", addr, ErrNoRoute)
	}
	table, k := r.table.Load(), keyOf(addr)
	at := table.find(k)
	a := table.answers[at].Load()
	if a == nil {
		var err error
		if a, err = r.ask(table, at, addr); err != nil {
			return Path{}, err
		}
	}
	prefix := table.prefix(addr, k, at)
	if a.err != nil {
		return Path{Prefix: prefix}, a.err
	}
	p := a.path
	p.Prefix = prefix
	return p, nil
}

// ask fills in a range. What the kernel could not be asked is not kept.
func (r *Router) ask(table *ranges, at int, addr netip.Addr) (*answer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a := table.answers[at].Load(); a != nil {
		return a, nil
	}
	path, err := r.lookup(addr)
	if err != nil && !errors.Is(err, ErrNoRoute) && !errors.Is(err, ErrNoNeighbour) {
		return nil, err
	}
	a := &answer{path, err}
	table.answers[at].Store(a)
	return a, nil
}

// Refresh reads the tables again, asks the gateways in use again, and reports
// whether any path that was given out is different now.
func (r *Router) Refresh() (changed bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b, err := readBorders(r.handle)
	if err != nil {
		return false, err
	}
	clear(r.hops)
	old, table := r.table.Load(), newRanges(b)
	changed = !slices.Equal(old.starts, table.starts)
	for i := range old.answers {
		before := old.answers[i].Load()
		if before == nil {
			continue
		}
		path, err := r.lookup(old.starts[i].addr())
		now := &answer{path, err}
		table.answers[table.find(old.starts[i])].Store(now)
		changed = changed || !before.same(now)
	}
	r.table.Store(table)
	return changed, nil
}

func (a *answer) same(b *answer) bool {
	if a.err != nil || b.err != nil {
		return a.err != nil && b.err != nil && a.err.Error() == b.err.Error()
	}
	p, q := a.path, b.path
	return p.Index == q.Index && p.Interface == q.Interface && p.MTU == q.MTU && p.Source == q.Source &&
		p.Gateway == q.Gateway && bytes.Equal(p.SourceMAC, q.SourceMAC) && bytes.Equal(p.NextMAC, q.NextMAC)
}

// Close ends the conversation with the kernel.
func (r *Router) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handle.Close()
	return nil
}

// readBorders collects the prefixes of all routing tables, and of the rules
// that choose among them by destination.
func readBorders(handle *netlink.Handle) (borders, error) {
	var err error
	for range 5 { // a table that changes while it is read is read again
		b := borders{}
		if err = b.readRoutes(handle); err == nil {
			err = b.readRules(handle)
		}
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			return b, err
		}
	}
	return nil, err
}

func (b *borders) readRoutes(handle *netlink.Handle) error {
	every := &netlink.Route{Table: unix.RT_TABLE_UNSPEC}
	err := handle.RouteListFilteredIter(netlink.FAMILY_ALL, every, netlink.RT_FILTER_TABLE, func(route netlink.Route) bool {
		if route.Dst == nil { // MPLS and others without IP addresses
			return true
		}
		if addr, ok := netip.AddrFromSlice(route.Dst.IP); ok {
			bits, _ := route.Dst.Mask.Size()
			b.add(netip.PrefixFrom(addr, bits))
		}
		return true
	})
	if err != nil {
		return fmt.Errorf("read the routing tables: %w", err)
	}
	return nil
}

func (b *borders) readRules(handle *netlink.Handle) error {
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		rules, err := handle.RuleList(family)
		if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.EAFNOSUPPORT) {
			continue // a kernel without policy routing, or without the family
		}
		if err != nil {
			return fmt.Errorf("read the routing rules: %w", err)
		}
		for _, rule := range rules {
			if rule.Dst == nil {
				continue
			}
			if addr, ok := netip.AddrFromSlice(rule.Dst.IP); ok {
				bits, _ := rule.Dst.Mask.Size()
				b.add(netip.PrefixFrom(addr, bits))
			}
		}
	}
	return nil
}
