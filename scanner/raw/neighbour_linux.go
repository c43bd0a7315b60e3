package raw

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Neighbours finds the Ethernet addresses of hosts on a link: in the kernel's
// neighbour table, where those that it has just heard of are, else by asking
// with ARP or Neighbour Discovery.
//
// It asks by itself. The kernel would ask too (NTF_USE in rtnetlink(7)), but
// only while the process has CAP_NET_ADMIN, and its table holds 1,024
// neighbours; sockets that are opened at the start go on working when all
// capabilities are given up, and need no more than CAP_NET_RAW.
type Neighbours struct {
	options NeighbourOptions
	handle  *netlink.Handle
	arp     solicitor
	ndp     solicitor // nil: no IPv6 here
	noNDP   error     // why

	mu   sync.Mutex // held during a Resolve
	next time.Time  // when the next question may be sent
}

// solicitor asks and hears the answers of one address family.
type solicitor interface {
	ask(via Path, addr netip.Addr) error
	// hear returns the next answer on the interface; the zero Addr for a
	// packet that is none. It waits until deadline, then returns an error that
	// is os.ErrDeadlineExceeded.
	hear(via Path, deadline time.Time) (netip.Addr, net.HardwareAddr, error)
	Close() error
}

// NewNeighbours opens the sockets, which needs CAP_NET_RAW.
func NewNeighbours(o NeighbourOptions) (*Neighbours, error) {
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open rtnetlink: %w", err)
	}
	arp, err := openARP()
	if err != nil {
		handle.Close()
		return nil, fmt.Errorf("open ARP socket: %w", err)
	}
	n := &Neighbours{options: o.withDefaults(), handle: handle, arp: arp}
	if ndp, err := openNDP(); err != nil {
		n.noNDP = fmt.Errorf("open Neighbour Discovery socket: %w", err)
	} else {
		n.ndp = ndp
	}
	return n, nil
}

// Close closes the sockets.
func (n *Neighbours) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.handle.Close()
	err := n.arp.Close()
	if n.ndp != nil {
		err = errors.Join(err, n.ndp.Close())
	}
	return err
}

// Resolve finds the Ethernet address of every address, all on the link of the
// path, and yields each with what came of it, in the order of the answers. It
// takes no longer than the rate and the tries need. One Resolve runs at a
// time: the loop over it must not start another.
func (n *Neighbours) Resolve(ctx context.Context, via Path, addrs []netip.Addr) iter.Seq[Neighbour] {
	return n.resolve(ctx, via, addrs, unix.NUD_REACHABLE|unix.NUD_PERMANENT|unix.NUD_NOARP)
}

// Ask is Resolve that believes of the kernel's table only what somebody set:
// for as long as 30 seconds it is sure of who has another address by now.
func (n *Neighbours) Ask(ctx context.Context, via Path, addrs []netip.Addr) iter.Seq[Neighbour] {
	return n.resolve(ctx, via, addrs, unix.NUD_PERMANENT|unix.NUD_NOARP)
}

func (n *Neighbours) resolve(ctx context.Context, via Path, addrs []netip.Addr, sure int) iter.Seq[Neighbour] {
	return func(yield func(Neighbour) bool) {
		n.mu.Lock()
		defer n.mu.Unlock()
		known := n.known(via.Index, sure)
		var v4, v6 []netip.Addr
		for _, addr := range addrs {
			switch mac := known[addr]; {
			case mac != nil:
				if !yield(Neighbour{Addr: addr, MAC: mac}) {
					return
				}
			case addr.Is4():
				v4 = append(v4, addr)
			default:
				v6 = append(v6, addr)
			}
		}
		if n.round(via, n.arp, nil, v4).run(ctx, yield) {
			n.round(via, n.ndp, n.noNDP, v6).run(ctx, yield)
		}
	}
}

// known are the neighbours of a link that the kernel has in one of the states.
func (n *Neighbours) known(index, sure int) map[netip.Addr]net.HardwareAddr {
	// Of a table that cannot be read, or that changed meanwhile, nothing or
	// only a part is known: the others are asked.
	list, _ := n.handle.NeighList(index, netlink.FAMILY_ALL)
	known := map[netip.Addr]net.HardwareAddr{}
	for _, entry := range list {
		addr, ok := netip.AddrFromSlice(entry.IP)
		if ok && entry.State&sure != 0 && usable(entry.HardwareAddr) {
			known[addr.Unmap()] = entry.HardwareAddr
		}
	}
	return known
}

// usable refuses what no single host can have: group addresses (IEEE 802-2014,
// section 8.2.2: the I/G bit), and zeros.
func usable(mac net.HardwareAddr) bool {
	return len(mac) == 6 && mac[0]&1 == 0 && !isZero(mac)
}

// round is one batch of questions to one link.
type round struct {
	n       *Neighbours
	via     Path
	by      solicitor
	waiting map[netip.Addr]bool // those without an answer
	queue   []attempt           // ascending by due: all wait equally long
}

type attempt struct {
	addr  netip.Addr
	tries int // so far
	due   time.Time
}

func (n *Neighbours) round(via Path, by solicitor, cannot error, addrs []netip.Addr) *round {
	r := &round{n: n, via: via, by: by, waiting: map[netip.Addr]bool{}}
	if cannot != nil {
		r.by = mute{cannot}
	}
	now := time.Now()
	for _, addr := range addrs {
		if !r.waiting[addr] {
			r.waiting[addr] = true
			r.queue = append(r.queue, attempt{addr: addr, due: now})
		}
	}
	return r
}

// mute stands in for a solicitor that could not be opened.
type mute struct{ err error }

func (m mute) ask(Path, netip.Addr) error { return m.err }
func (m mute) Close() error               { return nil }
func (m mute) hear(Path, time.Time) (netip.Addr, net.HardwareAddr, error) {
	return netip.Addr{}, nil, m.err
}

// run asks and listens until nobody is waited for. It returns false when the
// receiver wants no more.
func (r *round) run(ctx context.Context, yield func(Neighbour) bool) bool {
	for len(r.waiting) > 0 {
		if err := ctx.Err(); err != nil {
			return r.abandon(err, yield)
		}
		wake, ok := r.send(yield)
		if !ok {
			return false
		}
		addr, mac, err := r.by.hear(r.via, wake)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
		case err != nil:
			return r.abandon(err, yield)
		case r.waiting[addr] && usable(mac):
			if !r.settle(Neighbour{Addr: addr, MAC: mac}, yield) {
				return false
			}
		}
	}
	return true
}

// send asks those whose turn it is, as fast as the rate allows, and returns
// when to look again.
func (r *round) send(yield func(Neighbour) bool) (wake time.Time, ok bool) {
	const look = 50 * time.Millisecond // at the context
	o := r.n.options
	for len(r.queue) > 0 {
		now, first := time.Now(), r.queue[0]
		switch {
		case !r.waiting[first.addr]:
			r.queue = r.queue[1:]
			continue
		case first.due.After(now):
			return earlier(first.due, now.Add(look)), true
		case first.tries < o.Tries && r.n.next.After(now):
			return earlier(r.n.next, now.Add(look)), true
		}
		r.queue = r.queue[1:]
		if first.tries == o.Tries {
			if !r.settle(Neighbour{Addr: first.addr, Err: fmt.Errorf("%s: %w", first.addr, ErrNoNeighbour)}, yield) {
				return now, false
			}
			continue
		}
		if err := r.by.ask(r.via, first.addr); err != nil {
			if !r.settle(Neighbour{Addr: first.addr, Err: fmt.Errorf("ask for %s on %s: %w", first.addr, r.via.Interface, err)}, yield) {
				return now, false
			}
			continue
		}
		r.n.paced(now)
		r.queue = append(r.queue, attempt{first.addr, first.tries + 1, now.Add(o.Timeout)})
	}
	return time.Now().Add(look), true
}

// paced books one question. Up to 10 ms that a timer was late are made up for.
func (n *Neighbours) paced(now time.Time) {
	if late := now.Add(-10 * time.Millisecond); n.next.Before(late) {
		n.next = late
	}
	n.next = n.next.Add(time.Duration(float64(time.Second) / n.options.Rate))
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (r *round) settle(what Neighbour, yield func(Neighbour) bool) bool {
	delete(r.waiting, what.Addr)
	return yield(what)
}

// abandon says of everybody who has not answered that this machine stopped
// asking.
func (r *round) abandon(err error, yield func(Neighbour) bool) bool {
	for addr := range r.waiting {
		if !r.settle(Neighbour{Addr: addr, Err: fmt.Errorf("ask for %s on %s: %w", addr, r.via.Interface, err)}, yield) {
			return false
		}
	}
	return true
}
