package raw

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket/layers"
)

func decoder(t testing.TB, link layers.LinkType) *Decoder {
	t.Helper()
	d, err := NewDecoder(link)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

var (
	samePacket = cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })
	noon       = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
)

func TestDecode(t *testing.T) {
	t.Parallel()
	decoders := map[layers.LinkType]*Decoder{}
	for _, link := range []layers.LinkType{layers.LinkTypeEthernet, layers.LinkTypeRaw} {
		decoders[link] = decoder(t, link) // one for all frames: nothing may be left over
	}
	for _, c := range frames(t) {
		t.Run(c.name, func(t *testing.T) {
			var got Packet
			ok := decoders[c.link].Decode(c.frame, noon, &got)
			if ok != (c.want != nil) {
				t.Fatalf("is an answer: %t; read as %+v", ok, got)
			}
			if !ok {
				return
			}
			want := *c.want
			want.At, want.Frame, want.Wire = noon, c.frame, len(c.frame)
			want.Sum = got.Sum // held against the question by TestVerify and TestMemcached
			if len(want.Payload) == 0 {
				want.Payload, got.Payload = nil, got.Payload[:len(got.Payload):len(got.Payload)]
			}
			if len(got.Payload) == 0 {
				got.Payload = nil
			}
			if diff := cmp.Diff(want, got, samePacket); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecodeLoopback(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		link   layers.LinkType
		header string
		ip     netip.Addr
	}{
		{layers.LinkTypeNull, "\x02\x00\x00\x00", us4},
		{layers.LinkTypeLoop, "\x00\x00\x00\x02", us4},
		{layers.LinkTypeNull, "\x1e\x00\x00\x00", us6}, // AF_INET6 of Darwin
	} {
		frame := append([]byte(c.header), bytesOf(t, carrying(layers.IPProtocolUDP, c.ip, c.ip), udp(askedPort, ourPort), reply)...)
		var p Packet
		if !decoder(t, c.link).Decode(frame, noon, &p) || p.From != of(c.ip, askedPort) {
			t.Errorf("link type %s, %s: read as %+v", c.link, c.ip, p)
		}
	}
}

func TestDecoderOfOtherLinks(t *testing.T) {
	t.Parallel()
	if d, err := NewDecoder(layers.LinkTypeFDDI); err == nil {
		t.Errorf("FDDI is read by %+v", d)
	}
}

// FuzzDecode also holds the filter against the decoder: what the one reads the
// other passes.
func FuzzDecode(f *testing.F) {
	for _, c := range frames(f) {
		f.Add(c.frame, c.link == layers.LinkTypeRaw)
	}
	all := PortRange{First: 0, Last: 1<<16 - 1}
	passes := map[layers.LinkType]func(testing.TB, []byte) bool{}
	for _, link := range []layers.LinkType{layers.LinkTypeEthernet, layers.LinkTypeRaw} {
		passes[link] = virtual(f, link, all)
	}
	f.Fuzz(func(t *testing.T, frame []byte, bare bool) {
		link := layers.LinkTypeEthernet
		if bare {
			link = layers.LinkTypeRaw
		}
		before := bytes.Clone(frame)
		var p Packet
		ok := decoder(t, link).Decode(frame, noon, &p)
		if !bytes.Equal(frame, before) {
			t.Error("the frame was changed")
		}
		if !ok {
			return
		}
		if !passes[link](t, frame) {
			t.Errorf("the filter rejects %+v", p)
		}
		if !p.From.Addr().IsValid() || !p.To.Addr().IsValid() || !p.Asked.Addr().IsValid() {
			t.Errorf("addresses are missing: %+v", p)
		}
		if !bytes.Contains(frame, p.Payload) {
			t.Errorf("a payload that is not in the frame: %q", p.Payload)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for _, c := range frames(b) {
		switch c.name {
		case "udp", "udp with ip options", "udp v6", "syn-ack", "rst", "unreachable of udp", "unreachable of a syn v6", "udp with a tag":
		default:
			continue
		}
		b.Run(c.name, func(b *testing.B) {
			d := decoder(b, c.link)
			var p Packet
			b.ReportAllocs()
			for b.Loop() {
				if !d.Decode(c.frame, noon, &p) {
					b.Fatal("no answer")
				}
			}
		})
	}
}

func TestDecodeAllocatesNothing(t *testing.T) {
	for _, c := range frames(t) {
		if c.want == nil {
			continue
		}
		d := decoder(t, c.link)
		var p Packet
		if n := testing.AllocsPerRun(100, func() { d.Decode(c.frame, noon, &p) }); n != 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
}
