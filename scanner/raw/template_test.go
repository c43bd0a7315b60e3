package raw

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"pgregory.net/rapid"
)

// question is the discovery datagram of memcached-udp, its ID still zero.
var question = []byte("\x00\x00\x00\x00\x00\x01\x00\x00version\r\n")

func testPath(source string) Path {
	return Path{
		Interface: "test0",
		MTU:       1500,
		Source:    netip.MustParseAddr(source),
		SourceMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1},
		NextMAC:   net.HardwareAddr{2, 0, 0, 0, 0, 2},
	}
}

// serialised is what gopacket makes of the template's frame to f, starting
// from its decoded layers, with lengths and checksums computed afresh.
func serialised(t testing.TB, tmpl *Template, f Frame) []byte {
	t.Helper()
	first := gopacket.Decoder(layers.LayerTypeEthernet)
	if tmpl.link == 0 && tmpl.v4 {
		first = layers.LayerTypeIPv4
	} else if tmpl.link == 0 {
		first = layers.LayerTypeIPv6
	}
	packet := gopacket.NewPacket(tmpl.Append(nil), first, gopacket.Default)
	var stack []gopacket.SerializableLayer
	var network gopacket.NetworkLayer
	for _, layer := range packet.Layers() {
		switch l := layer.(type) {
		case *layers.IPv4:
			l.DstIP, network = f.Dst.AsSlice(), l
		case *layers.IPv6:
			l.DstIP, network = f.Dst.AsSlice(), l
		case *layers.UDP:
			l.SrcPort = layers.UDPPort(f.SrcPort)
			l.SetNetworkLayerForChecksum(network)
		case *layers.TCP:
			l.SrcPort, l.Seq = layers.TCPPort(f.SrcPort), f.Token
			l.SetNetworkLayerForChecksum(network)
		case *gopacket.Payload:
			binary.BigEndian.PutUint16((*l)[tmpl.token-tmpl.ports-udpLen:], uint16(f.Token))
		}
		stack = append(stack, layer.(gopacket.SerializableLayer))
	}
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, stack...); err != nil {
		t.Fatal(err)
	}
	want := buf.Bytes()
	if tmpl.udp && binary.BigEndian.Uint16(want[tmpl.sum:]) == 0 {
		binary.BigEndian.PutUint16(want[tmpl.sum:], 0xffff) // which gopacket leaves to its caller
	}
	return want
}

type templateCase struct {
	name string
	tmpl *Template
}

func templates(t testing.TB) []templateCase {
	t.Helper()
	var all []templateCase
	for _, source := range []string{"192.0.2.1", "2001:db8::1"} {
		for _, link := range []bool{true, false} {
			path := testPath(source)
			name := source
			if !link {
				path.SourceMAC, path.NextMAC = nil, nil
				name += "/nolink"
			}
			syn, err := NewSYNTemplate(path, 11211)
			if err != nil {
				t.Fatal(err)
			}
			even, err := NewUDPTemplate(path, 11211, question, 0)
			if err != nil {
				t.Fatal(err)
			}
			odd, err := NewUDPTemplate(path, 11213, append([]byte{7}, question...), 1)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, templateCase{name + "/syn", syn}, templateCase{name + "/udp", even}, templateCase{name + "/odd", odd})
		}
	}
	return all
}

func drawFrame(rt *rapid.T, v4 bool) Frame {
	size := 16
	if v4 {
		size = 4
	}
	dst, _ := netip.AddrFromSlice(rapid.SliceOfN(rapid.Byte(), size, size).Draw(rt, "dst"))
	return Frame{Dst: dst, SrcPort: rapid.Uint16().Draw(rt, "port"), Token: rapid.Uint32().Draw(rt, "token")}
}

func TestPatchEqualsSerialisation(t *testing.T) {
	for _, c := range templates(t) {
		t.Run(c.name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				buf := c.tmpl.Append(nil)
				for range 2 { // again, over what the first one left
					f := drawFrame(rt, c.tmpl.v4)
					c.tmpl.Patch(buf, f)
					if want := serialised(t, c.tmpl, f); !bytes.Equal(buf, want) {
						rt.Fatalf("frame to %v\n got %x\nwant %x", f, buf, want)
					}
				}
			})
		})
	}
}

// Of all request IDs one gives a sum of zero, which UDP must not send.
func TestPatchZeroChecksum(t *testing.T) {
	for _, c := range templates(t) {
		if !c.tmpl.udp {
			continue
		}
		f := Frame{Dst: netip.MustParseAddr("198.18.0.1"), SrcPort: 40000}
		if !c.tmpl.v4 {
			f.Dst = netip.MustParseAddr("2001:db8::2")
		}
		buf, seen := c.tmpl.Append(nil), 0
		for id := range uint32(1 << 16) {
			f.Token = id
			c.tmpl.Patch(buf, f)
			switch binary.BigEndian.Uint16(buf[c.tmpl.sum:]) {
			case 0:
				t.Fatalf("%s: id %d has the checksum 0", c.name, id)
			case 0xffff:
				seen++
				if want := serialised(t, c.tmpl, f); !bytes.Equal(buf, want) {
					t.Fatalf("%s: got %x, want %x", c.name, buf, want)
				}
			}
		}
		if seen == 0 {
			t.Errorf("%s: no id sums up to zero", c.name)
		}
	}
}

func TestPatchMAC(t *testing.T) {
	cases := templates(t)
	for _, c := range cases {
		buf := c.tmpl.Append(nil)
		c.tmpl.PatchMAC(buf, [6]byte{2, 9, 9, 9, 9, 9})
		if c.tmpl.link == 0 {
			if !bytes.Equal(buf, c.tmpl.Append(nil)) {
				t.Errorf("%s: changed a frame without link header", c.name)
			}
			continue
		}
		if want := []byte{2, 9, 9, 9, 9, 9, 2, 0, 0, 0, 0, 1}; !bytes.Equal(buf[:12], want) {
			t.Errorf("%s: addresses are %x, want %x", c.name, buf[:12], want)
		}
		c.tmpl.PatchMAC(buf, [6]byte{})
		if !bytes.Equal(buf, c.tmpl.Append(nil)) {
			t.Errorf("%s: the zero address does not bring back the path's", c.name)
		}
	}
}

// The SYN is what tcpdump shows of Linux's: "win 64240, options [mss
// 1460,sackOK,TS val x ecr 0,nop,wscale 7]", ttl 64, DF.
func TestSYNLooksLikeLinux(t *testing.T) {
	for _, c := range []struct {
		source      string
		mtu         int
		mss, window uint16
	}{
		{"192.0.2.1", 1500, 1460, 64240},
		{"2001:db8::1", 1500, 1440, 64800},
		{"127.0.0.1", 65536, 65496, 65496},
		{"192.0.2.1", 1400, 1360, 65280},
	} {
		path := testPath(c.source)
		path.MTU = c.mtu
		tmpl, err := NewSYNTemplate(path, 11211)
		if err != nil {
			t.Fatal(err)
		}
		tcp := tmpl.frame[tmpl.ports:]
		if got := binary.BigEndian.Uint16(tcp[14:]); got != c.window {
			t.Errorf("%s, mtu %d: window is %d, want %d", c.source, c.mtu, got, c.window)
		}
		options := append([]byte(nil), tcp[20:]...)
		clear(options[8:12]) // the timestamp
		want := []byte{2, 4, byte(c.mss >> 8), byte(c.mss), 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 7}
		if !bytes.Equal(options, want) {
			t.Errorf("%s, mtu %d: options are %x, want %x", c.source, c.mtu, options, want)
		}
		if ip := tmpl.frame[tmpl.link:]; tmpl.v4 && (ip[8] != 64 || ip[6] != 0x40) {
			t.Errorf("ttl %d, flags %x: want 64 and DF", ip[8], ip[6])
		}
	}
}

func TestTemplateErrors(t *testing.T) {
	small, nobody, infiniband := testPath("192.0.2.1"), testPath("192.0.2.1"), testPath("192.0.2.1")
	small.MTU = 40
	nobody.Source = netip.Addr{}
	infiniband.SourceMAC = make(net.HardwareAddr, 20)
	for _, c := range []struct {
		path Path
		at   int
		want string
	}{
		{testPath("192.0.2.1"), -1, "no room for a request id"},
		{testPath("192.0.2.1"), len(question) - 1, "no room for a request id"},
		{small, 0, "larger than the mtu"},
		{nobody, 0, "no source address"},
		{infiniband, 0, "not Ethernet addresses"},
	} {
		_, err := NewUDPTemplate(c.path, 11211, question, c.at)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want an error with %q", err, c.want)
		}
	}
	if _, err := NewSYNTemplate(small, 11211); err == nil {
		t.Error("a SYN for an mtu of 40 was built")
	}
}

func TestTakes(t *testing.T) {
	tmpl, err := NewSYNTemplate(testPath("192.0.2.1"), 1)
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[netip.Addr]bool{
		netip.MustParseAddr("192.0.2.9"):   true,
		netip.MustParseAddr("2001:db8::9"): false,
		{}:                                 false,
	} {
		if got := tmpl.Takes(Frame{Dst: addr}); got != want {
			t.Errorf("takes %v: %v, want %v", addr, got, want)
		}
	}
}

func BenchmarkPatch(b *testing.B) {
	for _, c := range templates(b) {
		if c.tmpl.link == 0 {
			continue
		}
		f := Frame{Dst: netip.MustParseAddr("198.18.3.4"), SrcPort: 40000}
		if !c.tmpl.v4 {
			f.Dst = netip.MustParseAddr("2001:db8::3:4")
		}
		buf := c.tmpl.Append(nil)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f.Token++
				c.tmpl.put(buf, &f)
			}
		})
	}
}
