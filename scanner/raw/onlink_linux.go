package raw

import (
	"context"
	"errors"
	"net/netip"

	"github.com/memsweep/memsweep/scanner"
)

// onLinkBatch is how many neighbours are looked for at a time: a silent one
// takes seconds. With a batch at the gate it is less than scanner.MaxHeld.
const onLinkBatch = 512

// neighbourhood is the targets on one link.
type neighbourhood struct {
	via   Path
	addrs []netip.Addr
}

// meetAll finds the Ethernet addresses of the targets that wait for theirs.
// One that nobody answers for stays silent, as it would behind a router.
func (t *track) meetAll(ctx context.Context, job scanner.Job) {
	byAddr := map[netip.Addr]scanner.Question{}
	links := map[int]*neighbourhood{}
	for _, q := range t.onLink {
		if err := t.turn(q.Addr); err != nil {
			job.Report(scanner.Event{Kind: scanner.Failed, Addr: q.Addr, Question: q, Err: routeCause(err)})
			continue
		}
		byAddr[q.Addr] = q
		link := links[t.last.Index]
		if link == nil {
			link = &neighbourhood{via: t.last}
			links[t.last.Index] = link
		}
		link.addrs = append(link.addrs, q.Addr)
	}
	t.onLink = t.onLink[:0]
	for _, link := range links {
		for n := range t.engine.neighbours.Resolve(ctx, link.via, link.addrs) {
			t.meet(ctx, job, byAddr[n.Addr], n)
		}
	}
}

// meet takes what was found out about a target on the link.
func (t *track) meet(ctx context.Context, job scanner.Job, q scanner.Question, n Neighbour) {
	err := n.Err
	if err == nil {
		err = t.turn(q.Addr)
	}
	switch {
	case err == nil:
		mac := [6]byte(n.MAC)
		t.keepMAC(q.Addr, mac)
		t.add(q, &mac)
	case ctx.Err() != nil:
		job.Report(scanner.Event{Kind: scanner.Unasked, Addr: q.Addr, Question: q})
	case !errors.Is(err, ErrNoNeighbour):
		job.Report(scanner.Event{Kind: scanner.Failed, Addr: q.Addr, Question: q, Err: routeCause(err)})
	}
}

// maxMACs bounds what is kept of targets on the link for the capture.
const maxMACs = 1 << 16

// keepMAC remembers where the question to a target on the link went, if there
// is a capture to show it.
func (t *track) keepMAC(addr netip.Addr, mac [6]byte) {
	t.engine.mu.Lock()
	defer t.engine.mu.Unlock()
	if t.engine.pcap && len(t.macs) < maxMACs {
		t.macs[addr] = mac
	}
}

func (t *track) macOf(addr netip.Addr) [6]byte {
	t.engine.mu.Lock()
	defer t.engine.mu.Unlock()
	return t.macs[addr]
}

// giveBack reports what waits for an Ethernet address as not asked.
func (t *track) giveBack(job scanner.Job) {
	for _, q := range t.onLink {
		job.Report(scanner.Event{Kind: scanner.Unasked, Addr: q.Addr, Question: q})
	}
	t.onLink = t.onLink[:0]
}
