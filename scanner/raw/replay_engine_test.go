package raw

import (
	"bytes"
	"io"
	"net/netip"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/internal/memtest"
	"github.com/memsweep/memsweep/scanner"
	"github.com/memsweep/memsweep/targets"
)

// A capture answers a plan's questions through the same verification as the
// wire: no root is needed to test it.
func TestReplayEngine(t *testing.T) {
	server, err := memtest.Start(memtest.Config{Addr: netip.MustParseAddrPort("127.94.0.5:0"), Posture: memtest.Reflector})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	plan := scanner.Plan{
		Targets: []netip.Prefix{netip.MustParsePrefix("127.94.0.0/28")}, Probes: []string{"memcached-udp", "memcached-tcp"},
		Port: server.Addr().Port(), Engine: "raw", Rate: 1000, Tries: 2, Seed: 42,
		Timeout: scanner.Duration(300 * time.Millisecond), Cooldown: scanner.Duration(50 * time.Millisecond),
		Shard: targets.Shard{Index: 1, Count: 1},
	}
	ports := []uint16{40001, 40002, 40003, 40004}
	var hosts []exposure.Host
	sweep, err := scanner.New(plan, scanner.Options{
		Emit: func(h exposure.Host) error { hosts = append(hosts, h); return nil },
		Engine: func(s scanner.Setup) (scanner.Engine, error) {
			capture := recorded(t, s, ports, netip.MustParseAddr("127.94.0.5"), netip.MustParseAddr("127.94.0.9"))
			return NewReplayEngine(s, ports, func() (io.ReadCloser, error) {
				return io.NopCloser(bytes.NewReader(capture)), nil
			}), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer sweep.Close()
	result, err := sweep.Run(t.Context(), t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := exposure.Outcomes{Answered: 2, Closed: 2, Silent: 28}
	if result.Coverage.Outcomes != want || result.Coverage.UnverifiedReplies == 0 {
		t.Errorf("%+v, %d unverified; want %+v", result.Coverage.Outcomes, result.Coverage.UnverifiedReplies, want)
	}
	if len(hosts) != 1 || hosts[0].Addr != server.Addr().Addr() {
		t.Fatalf("hosts %+v", hosts)
	}
	for _, o := range hosts[0].Observations {
		if o.State != exposure.Open {
			t.Errorf("%s: %s %q", o.Probe, o.State, o.Notes)
		}
	}
}

// recorded is a capture of one host that answers both probes, and one that
// refuses both; and of a reply that answers nothing.
func recorded(t *testing.T, s scanner.Setup, ports []uint16, open, closed netip.Addr) []byte {
	t.Helper()
	var out bytes.Buffer
	w := pcapgo.NewWriter(&out)
	if err := w.WriteFileHeader(2048, layers.LinkTypeRaw); err != nil {
		t.Fatal(err)
	}
	us := netip.MustParseAddr("127.94.0.15")
	write := func(from netip.Addr, transport gopacket.SerializableLayer, rest ...gopacket.SerializableLayer) {
		ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: from.AsSlice(), DstIP: us.AsSlice()}
		switch l := transport.(type) {
		case *layers.TCP:
			ip.Protocol = layers.IPProtocolTCP
			l.SetNetworkLayerForChecksum(ip)
		case *layers.UDP:
			l.SetNetworkLayerForChecksum(ip)
		case *layers.ICMPv4:
			ip.Protocol = layers.IPProtocolICMPv4
		}
		buf := gopacket.NewSerializeBuffer()
		all := append([]gopacket.SerializableLayer{ip, transport}, rest...)
		if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, all...); err != nil {
			t.Fatal(err)
		}
		frame := buf.Bytes()
		if err := w.WritePacket(gopacket.CaptureInfo{Timestamp: time.Unix(1, 0), CaptureLength: len(frame), Length: len(frame)}, frame); err != nil {
			t.Fatal(err)
		}
	}
	port := layers.TCPPort(s.Plan.Port)
	cookies := scanner.NewCookies(s.Plan.Seed)
	udp, tcp := newVerifier(s.Probes[0], ports, cookies), newVerifier(s.Probes[1], ports, cookies)

	ask := udp.frame(open)
	reply := append([]byte{byte(ask.Token >> 8), byte(ask.Token), 0, 0, 0, 1, 0, 0}, "VERSION 1.6.18\r\n"...)
	write(open, &layers.UDP{SrcPort: layers.UDPPort(port), DstPort: layers.UDPPort(ask.SrcPort)}, gopacket.Payload(reply))
	reply[0] ^= 0xff
	write(open, &layers.UDP{SrcPort: layers.UDPPort(port), DstPort: layers.UDPPort(ask.SrcPort)}, gopacket.Payload(reply))
	syn := tcp.frame(open)
	write(open, &layers.TCP{SrcPort: port, DstPort: layers.TCPPort(syn.SrcPort), SYN: true, ACK: true, Seq: 7, Ack: syn.Token + 1, Window: 65535})

	syn = tcp.frame(closed)
	write(closed, &layers.TCP{SrcPort: port, DstPort: layers.TCPPort(syn.SrcPort), RST: true, ACK: true, Ack: syn.Token + 1})
	path := Path{Source: us, MTU: 1500, Interface: "test"}
	template, err := NewUDPTemplate(path, s.Plan.Port, s.Probes[0].Discover(nil, 0), 0)
	if err != nil {
		t.Fatal(err)
	}
	quoted := template.Append(nil)
	template.Patch(quoted, udp.frame(closed))
	write(closed, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 3)}, gopacket.Payload(quoted))
	return out.Bytes()
}
