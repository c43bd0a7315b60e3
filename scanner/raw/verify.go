package raw

import (
	"bytes"
	"math"
	"net/netip"
	"slices"
	"sync"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/probes"
	"github.com/memsweep/memsweep/scanner"
)

// verifier tells answers to one probe's questions from everything else, by
// computing the cookie of the endpoint again.
type verifier struct {
	probe   probes.Probe
	ports   []uint16
	cookies scanner.Cookies
	// recent is who was last asked from each port with each request ID, by
	// position + 1, for replies that come from an address that was not asked.
	mu     sync.Mutex
	recent [][]uint32
	// witness is shown what verified; nil: nobody.
	witness func(on string, asked netip.Addr, p *Packet)
}

func newVerifier(probe probes.Probe, ports []uint16, cookies scanner.Cookies) *verifier {
	v := &verifier{probe: probe, ports: ports, cookies: cookies}
	if probe.Transport == exposure.UDP {
		for range ports {
			v.recent = append(v.recent, make([]uint32, 1<<16))
		}
	}
	return v
}

// cookie returns which port and token belong to an address.
func (v *verifier) cookie(addr netip.Addr) (port int, token uint32) {
	c := v.cookies.Of(addr, v.probe.Port)
	port, token = int(uint32(c>>32)%uint32(len(v.ports))), uint32(c) // 32 bits divide faster
	if v.recent != nil {
		token &= 0xffff
	}
	return port, token
}

// remember notes who was asked by which frame. It takes a batch at a time: a
// lock for each, or an atomic store, would wait for memory every time.
func (v *verifier) remember(frames []Frame, asked []scanner.Question) {
	if v.recent == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := range frames {
		v.recent[frames[i].port][frames[i].Token] = uint32(min(asked[i].Pos+1, math.MaxUint32))
	}
}

// recently is the position that was last asked from a port with a request ID.
func (v *verifier) recently(port int, id uint16) (pos uint64, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	noted := v.recent[port][id]
	return uint64(noted) - 1, noted > 0 && noted < math.MaxUint32
}

// take verifies a packet by computing the cookie of the endpoint again, and
// reports what it means.
func (v *verifier) take(on string, job scanner.Job, p *Packet) {
	port := slices.Index(v.ports, p.To.Port())
	if port < 0 {
		return // another process's
	}
	switch p.Kind {
	case UDPReply:
		v.takeUDP(on, job, port, p)
	case SYNACK, RST:
		v.takeTCP(on, job, port, p)
	case Unreachable:
		v.takeUnreachable(job, port, p)
	}
}

func (v *verifier) takeUDP(on string, job scanner.Job, port int, p *Packet) {
	if v.probe.Transport != exposure.UDP {
		return
	}
	id, ok := v.probe.Recognise(p.Payload)
	asked := p.From.Addr()
	if wantPort, want := v.cookie(asked); ok && (wantPort != port || want != uint32(id)) {
		// Not from the address that was asked with this ID; who was?
		var pos uint64
		if pos, ok = v.recently(port, id); ok {
			asked = job.Addr(pos)
		}
	}
	if !ok {
		job.Report(scanner.Event{Kind: scanner.Unverified, Addr: asked})
		return
	}
	v.show(on, asked, p)
	first := probes.First{From: p.From, Datagram: bytes.Clone(p.Payload)}
	job.Report(scanner.Event{Kind: scanner.Answered, Addr: asked, First: first})
}

// takeTCP: a SYN-ACK or reset is ours when it acknowledges our sequence number
// (RFC 9293, section 3.10.7.3).
func (v *verifier) takeTCP(on string, job scanner.Job, port int, p *Packet) {
	if v.probe.Transport != exposure.TCP {
		return
	}
	asked := p.From.Addr()
	wantPort, sequence := v.cookie(asked)
	if wantPort != port || p.From.Port() != v.probe.Port || p.Ack != sequence+1 {
		job.Report(scanner.Event{Kind: scanner.Unverified, Addr: asked})
		return
	}
	if p.Kind == RST {
		job.Report(scanner.Event{Kind: scanner.Refused, Addr: asked})
		return
	}
	v.show(on, asked, p)
	job.Report(scanner.Event{Kind: scanner.Answered, Addr: asked})
}

// takeUnreachable: the quoted packet must be ours. Not all of it need be quoted
// (RFC 792 promises 8 bytes of UDP or TCP); but over TCP the sequence number is,
// and over UDP the checksum, which covers the request ID: nobody who has not
// seen the question can speak for the host.
func (v *verifier) takeUnreachable(job scanner.Job, port int, p *Packet) {
	asked := p.Asked.Addr()
	wantPort, token := v.cookie(asked)
	ours := wantPort == port && p.Asked.Port() == v.probe.Port
	if v.probe.Transport == exposure.TCP {
		ours = ours && p.Protocol == protocolTCP && p.Seq == token
	} else {
		ours = ours && p.Protocol == protocolUDP && p.Sum == v.checksum(p.To, p.Asked, uint16(token))
		if id, ok := v.probe.Recognise(p.Payload); ok {
			ours = ours && uint32(id) == token
		}
	}
	if !refuses(p) {
		return // it says something else: that the packet was too long, for example
	}
	if !ours {
		job.Report(scanner.Event{Kind: scanner.Unverified, Addr: asked})
		return
	}
	job.Report(scanner.Event{Kind: scanner.Refused, Addr: asked, By: p.From.Addr()})
}

// checksum is that of the question as it was sent (RFC 768; RFC 8200, section
// 8.1): the pseudo-header, the header and the payload.
func (v *verifier) checksum(from, to netip.AddrPort, id uint16) uint16 {
	payload := v.probe.Discover(nil, id)
	length := uint64(8 + len(payload))
	sum := protocolUDP + 2*length + uint64(from.Port()) + uint64(to.Port()) + onesSum(payload)
	for _, a := range []netip.Addr{from.Addr(), to.Addr()} {
		sum += onesSum(a.AsSlice())
	}
	if check := ^fold(sum); check != 0 {
		return check
	}
	return 0xffff
}

// refuses reports whether an ICMP message says that the host, its port or the
// way to it is closed: RFC 792 and RFC 1122, section 3.2.2.1, codes of type 3;
// RFC 4443, section 3.1: all of ICMPv6's.
func refuses(p *Packet) bool {
	const fragmentationNeeded, sourceRouteFailed = 4, 5
	return !p.From.Addr().Is4() || p.Code != fragmentationNeeded && p.Code != sourceRouteFailed
}

const (
	protocolTCP = 6 // RFC 9293
	protocolUDP = 17
)

// show hands a verified reply to the witness.
func (v *verifier) show(on string, asked netip.Addr, p *Packet) {
	if v.witness != nil {
		v.witness(on, asked, p)
	}
}

// frame is what asked an address.
func (v *verifier) frame(addr netip.Addr) Frame {
	port, token := v.cookie(addr)
	return Frame{Dst: addr, SrcPort: v.ports[port], Token: token, port: uint8(port)}
}
