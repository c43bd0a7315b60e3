package scanner

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/memsweep/memsweep/probes"
)

// outgoing is one datagram to be sent.
type outgoing struct {
	to      netip.AddrPort
	payload []byte
}

// udpPass is one pass of a UDP probe: a few unconnected sockets a family, of
// which an endpoint's cookie chooses one, as it chooses the request ID.
type udpPass struct {
	job     Job
	gate    *Gate
	cookies Cookies
	v4, v6  []*udpPort
	perFam  int

	batch []Question
	cost  int // bytes on the wire of a question and the reply to it
}

// udpPort is one socket and what waits to be sent on it.
type udpPort struct {
	socket *batchSocket
	queue  []outgoing
	asked  []Question // the questions in queue
	buf    []byte     // backs the payloads in queue
	// recent is who was last asked with each request ID, by position + 1. It is
	// consulted only for a reply that comes from an address that was not
	// asked with its ID: a host that answers from another of its addresses.
	recent []atomic.Uint64
}

func (s *Socket) discoverUDP(ctx context.Context, job Job) error {
	p := &udpPass{job: job, gate: s.gate, cookies: s.cookies, perFam: s.sockets}
	p.cost = 2*udpBytes(netip.IPv6Unspecified()) + len(job.Probe.Utterances[0].Bytes) + job.Probe.DiscoverReplyBytes
	receivers, stop := new(sync.WaitGroup), new(atomic.Bool)
	defer func() {
		stop.Store(true)
		receivers.Wait()
		for _, port := range append(p.v4, p.v6...) {
			port.socket.Close()
		}
	}()
	err := p.send(ctx, func(port *udpPort, number int) {
		receivers.Go(func() { p.receive(port, number, stop) })
	})
	Listen(job)
	return err
}

// send asks every question, in batches that leave the pace even. opened is
// called for each socket before the first datagram leaves it.
func (p *udpPass) send(ctx context.Context, opened func(*udpPort, int)) error {
	size := p.gate.MaxBatch()
	p.batch = make([]Question, 0, size)
	for q := range p.job.Questions {
		p.batch = append(p.batch, q)
		if len(p.batch) == size {
			if err := p.flush(ctx, opened); err != nil {
				return err
			}
		}
	}
	return p.flush(ctx, opened)
}

// flush passes the batch through the gate and sends it.
func (p *udpPass) flush(ctx context.Context, opened func(*udpPort, int)) error {
	if len(p.batch) == 0 {
		return nil
	}
	defer func() { p.batch = p.batch[:0] }()
	err := p.open(opened)
	if err == nil {
		err = p.gate.PassBatch(ctx, p.batch, p.cost)
	}
	if err != nil {
		for _, q := range p.batch {
			p.job.Report(Event{Kind: Unasked, Addr: q.Addr, Question: q})
		}
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	for _, q := range p.batch {
		p.enqueue(q)
	}
	for _, port := range p.v4 {
		port.flush(p.job.Report)
	}
	for _, port := range p.v6 {
		port.flush(p.job.Report)
	}
	return nil
}

// open opens the sockets of the families that the batch needs.
func (p *udpPass) open(opened func(*udpPort, int)) error {
	var v4, v6 bool
	for _, q := range p.batch {
		v4, v6 = v4 || q.Addr.Is4(), v6 || q.Addr.Is6()
	}
	if v4 && p.v4 == nil {
		if err := p.openFamily(true, &p.v4, opened); err != nil {
			return err
		}
	}
	if v6 && p.v6 == nil {
		return p.openFamily(false, &p.v6, opened)
	}
	return nil
}

func (p *udpPass) openFamily(v4 bool, ports *[]*udpPort, opened func(*udpPort, int)) error {
	for number := range p.perFam {
		socket, err := newBatchSocket(v4)
		if err != nil {
			return fmt.Errorf("open a UDP socket: %w", err)
		}
		port := &udpPort{
			socket: socket,
			buf:    make([]byte, 0, maxBatch*len(p.job.Probe.Utterances[0].Bytes)),
			recent: make([]atomic.Uint64, 1<<16),
		}
		*ports = append(*ports, port)
		opened(port, number)
	}
	return nil
}

// cookie returns the socket number and the request ID that belong to an
// address.
func (p *udpPass) cookie(addr netip.Addr) (number int, id uint16) {
	c := p.cookies.Of(addr, p.job.Probe.Port)
	return int(c>>16) % p.perFam, uint16(c)
}

func (p *udpPass) enqueue(q Question) {
	number, id := p.cookie(q.Addr)
	port := p.v6
	if q.Addr.Is4() {
		port = p.v4
	}
	port[number].enqueue(q, id, p.job.Probe)
}

func (u *udpPort) enqueue(q Question, id uint16, probe probes.Probe) {
	at := len(u.buf)
	u.buf = probe.Discover(u.buf, id)
	u.queue = append(u.queue, outgoing{to: netip.AddrPortFrom(q.Addr, probe.Port), payload: u.buf[at:]})
	u.asked = append(u.asked, q)
	u.recent[id].Store(q.Pos + 1)
}

// maxPending bounds how many answers to earlier datagrams one datagram waits
// for: the socket's error queue holds fewer.
const maxPending = 10_000

// flush sends what waits. An error that the kernel reports may be the ICMP
// answer to an earlier datagram: a call returns one of them, and sends nothing,
// as long as there are any in the queue. Then the datagram is tried again.
func (u *udpPort) flush(report func(Event)) {
	queue, asked := u.queue, u.asked
	for tries := 0; len(queue) > 0; {
		n, err := u.socket.send(queue)
		if n > 0 {
			queue, asked, tries = queue[n:], asked[n:], 0
			continue
		}
		if err == nil {
			err = errors.New("nothing sent")
		}
		tries++
		switch earlier := isRefusal(err) || isUnreachable(err) && routed(queue[0].to); {
		case earlier && tries < maxPending:
			continue
		case isExhausted(err) && tries < localTries:
			report(Event{Kind: Retried, Addr: asked[0].Addr, Question: asked[0], Err: cause(err)})
			time.Sleep(localBackoff(tries - 1))
			continue
		}
		report(Event{Kind: Failed, Addr: asked[0].Addr, Question: asked[0], Err: cause(err)})
		queue, asked, tries = queue[1:], asked[1:], 0
	}
	u.queue, u.asked, u.buf = u.queue[:0], u.asked[:0], u.buf[:0]
}

// receive hands out what comes back on one socket until stop is set.
func (p *udpPass) receive(port *udpPort, number int, stop *atomic.Bool) {
	const look = 50 * time.Millisecond // also how soon queued ICMP errors are read
	for {
		last, patience := stop.Load(), look
		if last {
			patience = lastLook // what is there already is still read
		}
		n, err := port.socket.receive(time.Now().Add(patience),
			func(from netip.AddrPort, payload []byte) { p.reply(port, number, from, payload) },
			func(e Event, quoted []byte) { p.refusal(number, e, quoted) })
		if err != nil {
			p.job.Report(Event{Kind: Retried, Err: cause(err)})
			time.Sleep(look)
		}
		if last && n == 0 {
			return
		}
	}
}

// reply verifies a datagram by computing the cookie of its sender again.
func (p *udpPass) reply(port *udpPort, number int, from netip.AddrPort, payload []byte) {
	id, ok := p.job.Probe.Recognise(payload)
	if !ok {
		p.job.Report(Event{Kind: Unverified, Addr: from.Addr()})
		return
	}
	asked := from.Addr()
	if n, want := p.cookie(asked); n != number || want != id {
		pos := port.recent[id].Load()
		if pos == 0 {
			p.job.Report(Event{Kind: Unverified, Addr: from.Addr()})
			return
		}
		asked = p.job.Addr(pos - 1)
	}
	first := probes.First{From: from, Datagram: append([]byte(nil), payload...)}
	p.job.Report(Event{Kind: Answered, Addr: asked, First: first})
}

// refusal verifies an ICMP error by the datagram that it quotes.
func (p *udpPass) refusal(number int, e Event, quoted []byte) {
	id, ok := p.job.Probe.Recognise(quoted)
	if n, want := p.cookie(e.Addr); !ok || n != number || want != id {
		e = Event{Kind: Unverified, Addr: e.Addr}
	}
	p.job.Report(e)
}
