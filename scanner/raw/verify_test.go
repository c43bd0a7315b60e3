package raw

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/memsweep/memsweep/probes"
	"github.com/memsweep/memsweep/scanner"
)

func verified(t *testing.T, probe string) (*verifier, Frame, netip.Addr) {
	t.Helper()
	p, ok := probes.ByName(probe)
	if !ok {
		t.Fatal(probe)
	}
	v := newVerifier(p, []uint16{40000, 40001, 40002}, scanner.NewCookies(7))
	addr := netip.MustParseAddr("10.64.3.4")
	f := v.frame(addr)
	v.remember([]Frame{f}, []scanner.Question{{Pos: 9, Addr: addr}})
	return v, f, addr
}

// Only what fits the cookie of the endpoint that was asked is an answer.
func TestVerify(t *testing.T) {
	udp, asked, addr := verified(t, "memcached-udp")
	tcp, syn, _ := verified(t, "memcached-tcp")
	other := netip.MustParseAddr("10.64.9.9")
	router := netip.MustParseAddr("192.0.2.1")
	reply := append([]byte{byte(asked.Token >> 8), byte(asked.Token), 0, 0, 0, 1, 0, 0}, "VERSION 1.6.18\r\n"...)
	wrong := append([]byte{reply[0] ^ 1}, reply[1:]...)
	at := func(a netip.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a, port) }
	me := netip.MustParseAddr("10.200.0.1")
	path := Path{Interface: "eth0", Index: 2, Source: me, MTU: 1500}
	template, err := NewUDPTemplate(path, 11211, udp.probe.Discover(nil, 0), 0)
	if err != nil {
		t.Fatal(err)
	}
	question := template.Append(nil)
	template.Patch(question, asked)
	sum := binary.BigEndian.Uint16(question[template.sum:]) // as it is sent

	for name, c := range map[string]struct {
		v    *verifier
		p    Packet
		want scanner.EventKind
		addr netip.Addr
	}{
		"a reply":                 {udp, Packet{Kind: UDPReply, From: at(addr, 11211), To: at(me, asked.SrcPort), Payload: reply}, scanner.Answered, addr},
		"from another port":       {udp, Packet{Kind: UDPReply, From: at(addr, 4711), To: at(me, asked.SrcPort), Payload: reply}, scanner.Answered, addr},
		"from another address":    {udp, Packet{Kind: UDPReply, From: at(other, 11211), To: at(me, asked.SrcPort), Payload: reply}, scanner.Answered, addr},
		"to another port of ours": {udp, Packet{Kind: UDPReply, From: at(addr, 11211), To: at(me, 40000+(asked.SrcPort-40000+1)%3), Payload: reply}, scanner.Unverified, addr},
		"with another id":         {udp, Packet{Kind: UDPReply, From: at(addr, 11211), To: at(me, asked.SrcPort), Payload: wrong}, scanner.Unverified, addr},
		"too short":               {udp, Packet{Kind: UDPReply, From: at(addr, 11211), To: at(me, asked.SrcPort), Payload: reply[:1]}, scanner.Unverified, addr},
		"ICMP, all quoted":        {udp, Packet{Kind: Unreachable, Protocol: 17, Sum: sum, From: at(router, 0), Asked: at(addr, 11211), To: at(me, asked.SrcPort), Payload: reply[:8]}, scanner.Refused, addr},
		"ICMP, 8 bytes quoted":    {udp, Packet{Kind: Unreachable, Protocol: 17, Sum: sum, From: at(router, 0), Asked: at(addr, 11211), To: at(me, asked.SrcPort)}, scanner.Refused, addr},
		"ICMP of another id":      {udp, Packet{Kind: Unreachable, Protocol: 17, Sum: sum, From: at(router, 0), Asked: at(addr, 11211), To: at(me, asked.SrcPort), Payload: wrong[:8]}, scanner.Unverified, addr},
		"ICMP, forged":            {udp, Packet{Kind: Unreachable, Protocol: 17, Sum: sum ^ 1, From: at(router, 0), Asked: at(addr, 11211), To: at(me, asked.SrcPort)}, scanner.Unverified, addr},
		"ICMP of TCP":             {udp, Packet{Kind: Unreachable, Protocol: 6, From: at(router, 0), Asked: at(addr, 11211), To: at(me, asked.SrcPort)}, scanner.Unverified, addr},
		"a SYN-ACK":               {tcp, Packet{Kind: SYNACK, From: at(addr, 11211), To: at(me, syn.SrcPort), Ack: syn.Token + 1}, scanner.Answered, addr},
		"a SYN-ACK of another":    {tcp, Packet{Kind: SYNACK, From: at(addr, 11211), To: at(me, syn.SrcPort), Ack: syn.Token}, scanner.Unverified, addr},
		"a SYN-ACK from a port":   {tcp, Packet{Kind: SYNACK, From: at(addr, 80), To: at(me, syn.SrcPort), Ack: syn.Token + 1}, scanner.Unverified, addr},
		"a reset":                 {tcp, Packet{Kind: RST, From: at(addr, 11211), To: at(me, syn.SrcPort), Ack: syn.Token + 1}, scanner.Refused, addr},
		"ICMP of a SYN":           {tcp, Packet{Kind: Unreachable, Protocol: 6, From: at(router, 0), Asked: at(addr, 11211), To: at(me, syn.SrcPort), Seq: syn.Token}, scanner.Refused, addr},
		"ICMP of another SYN":     {tcp, Packet{Kind: Unreachable, Protocol: 6, From: at(router, 0), Asked: at(addr, 11211), To: at(me, syn.SrcPort), Seq: syn.Token + 1}, scanner.Unverified, addr},
	} {
		var events []scanner.Event
		job := scanner.Job{
			Report: func(e scanner.Event) { events = append(events, e) },
			Addr:   func(index uint64) netip.Addr { return map[uint64]netip.Addr{9: addr}[index] },
		}
		c.v.take("", job, &c.p)
		if len(events) != 1 || events[0].Kind != c.want || events[0].Addr != c.addr {
			t.Errorf("%s: %+v, want kind %v of %v", name, events, c.want, c.addr)
		}
	}
	tooLong := Packet{Kind: Unreachable, Protocol: 17, Code: 4, Sum: sum, From: at(router, 0), Asked: at(addr, 11211), To: at(me, asked.SrcPort)}
	udp.take("", scanner.Job{Report: func(e scanner.Event) { t.Errorf("fragmentation needed is no refusal: %+v", e) }}, &tooLong)
	var none []scanner.Event
	udp.take("", scanner.Job{Report: func(e scanner.Event) { none = append(none, e) }}, &Packet{Kind: UDPReply, To: at(me, 53)})
	if none != nil {
		t.Errorf("a packet to a port that is not ours: %+v", none)
	}
}

func BenchmarkAsk(b *testing.B) {
	p, _ := probes.ByName("memcached-udp")
	v := newVerifier(p, []uint16{1, 2, 3, 4}, scanner.NewCookies(1))
	asked := []scanner.Question{{Pos: 1, Addr: netip.MustParseAddr("10.0.0.1")}}
	frames := make([]Frame, 1)
	b.ReportAllocs()
	for b.Loop() {
		frames[0] = v.frame(asked[0].Addr)
		v.remember(frames, asked)
	}
}
