package probes

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/memsweep/memsweep/exposure"
)

// host is a mailbox that answers version and stats with these datagrams.
func host(version [][]byte, stats [][]byte) *mailbox {
	return &mailbox{remote: udpRemote, answers: map[string]func(uint16, int) []Datagram{
		qVersion.name: replay(version...), qStats.name: replay(stats...),
	}}
}

// firstOf is what discovery saw of a mailbox.
func firstOf(m *mailbox) First {
	d := m.answers[qVersion.name](0x4242, 0)
	return First{Datagram: d[0].Payload, From: m.remote}
}

// capturedUDP is the host of a set of captures, which answered stats with
// this many datagrams.
func capturedUDP(t testing.TB, set string, datagrams int) *mailbox {
	var stats [][]byte
	for i := range datagrams {
		stats = append(stats, wire(t, fmt.Sprintf("%s__stats.dg%02d", set, i)))
	}
	return host([][]byte{wire(t, set+"__version.dg00")}, stats)
}

// The amplification of real servers over IPv4 loopback; sizes and factors
// are those measured when the captures were taken.
func TestInterrogateUDPCaptures(t *testing.T) {
	tests := []struct {
		set, version string
		sizes        []int
		baf          float64
	}{
		{"mc1.4.5__default__udp-empty", "1.4.5", []int{791}, 52.73},
		{"mc1.4.5__default__udp-filled", "1.4.5", []int{819}, 54.6},
		{"mc1.4.15__default__udp-empty", "1.4.15", []int{1029}, 68.6},
		{"mc1.4.15__default__udp-filled", "1.4.15", []int{1059}, 70.6},
		{"mc1.4.25__default__udp-empty", "1.4.25", []int{1167}, 77.8},
		{"mc1.4.25__default__udp-filled", "1.4.25", []int{1197}, 79.8},
		{"mc1.5.5__default__udp-empty", "1.5.5", []int{1400, 497}, 126.47},
		{"mc1.5.5__default__udp-filled", "1.5.5", []int{1400, 531}, 128.73},
		{"mc1.6.9__default__udp-empty", "1.6.9", []int{1400, 751}, 143.4},
		{"mc1.6.9__default__udp-filled", "1.6.9", []int{1400, 789}, 145.93},
		{"mc1.6.45__default__udp-filled", "1.6.45", []int{1400, 897}, 153.13},
		{"mc1.6.18__v6__udp-empty", "1.6.18", []int{1400, 837}, 149.13},
		{"mc1.6.18__udp__udp-empty", "1.6.18", []int{1400, 837}, 149.13},
		{"mc1.6.18__udp__udp-filled1000", "1.6.18", []int{1400, 864}, 150.93},
		{"mc1.6.18__asciiUDP__udp-empty", "1.6.18", []int{1400, 836}, 149.07},
		{"mc1.6.18__binUDP__udp-empty", "1.6.18", []int{1400, 836}, 149.07},
		{"mc1.6.18__tlsUDP__udp-empty", "1.6.18", []int{1400, 901}, 153.4},
		{"mc1.6.18__udponly__udp-empty", "1.6.18", []int{1400, 825}, 148.33},
		{"mc1.6.45__default__udp-empty", "1.6.45", []int{1400, 858}, 150.53},
	}
	for _, tt := range tests {
		t.Run(tt.set, func(t *testing.T) {
			m := capturedUDP(t, tt.set, len(tt.sizes))
			got := interrogateUDP(t.Context(), m, firstOf(m))
			if got.State != exposure.Open || got.Auth != exposure.AuthNone || show(got.Version) != tt.version || got.Product != "" || got.Unconfirmed {
				t.Errorf("got %s (tells %q), want open stock memcached %s", summary(got), got.Tells, tt.version)
			}
			a := got.Amplification
			total := 0
			for _, size := range tt.sizes {
				total += size
			}
			if !a.Complete || a.Capped || !slices.Equal(a.DatagramSizes, tt.sizes) || a.ResponseBytes != total || a.BAF != tt.baf || a.PAF != float64(len(tt.sizes)) {
				t.Errorf("amplification %+v, want datagrams of %v bytes, BAF %v", a, tt.sizes, tt.baf)
			}
			if a.RequestBytes != 15 || a.DatagramsDeclared != len(tt.sizes) || a.DatagramsUnique != len(tt.sizes) || a.Duplicates != 0 || a.CeilingEstimate != nil {
				t.Errorf("amplification %+v", a)
			}
			if got.Stats == nil || show(got.Stats.Version) != tt.version || got.Stats.Evictions == nil {
				t.Errorf("stats %+v, want all of them: evictions come near the end", got.Stats)
			}
			if got.Port != 11211 || got.RepliedFrom != nil || len(got.Notes) > 0 || len(m.written) != 2 {
				t.Errorf("port %d, replied from %v, notes %q, %d questions", got.Port, got.RepliedFrom, got.Notes, len(m.written))
			}
		})
	}
}

// SASL servers before 1.5.20 answer text over UDP as if there were no SASL.
func TestInterrogateUDPBesideSASL(t *testing.T) {
	for _, release := range []string{"1.4.5", "1.4.13", "1.4.15", "1.4.25", "1.5.5", "1.5.6"} {
		m := host([][]byte{wire(t, "mc"+release+"__saslDefaultUDP__udp__version")}, nil)
		got := interrogateUDP(t.Context(), m, firstOf(m))
		if want := fmt.Sprintf("open memcached auth=none speaks=ascii version=%q", release); summary(got) != want {
			t.Errorf("got %s, want %s", summary(got), want)
		}
		if got.Amplification != nil || len(got.Notes) != 1 {
			t.Errorf("amplification %+v, notes %q, want neither a number nor silence about it", got.Amplification, got.Notes)
		}
	}
}

func TestInterrogateUDPForeign(t *testing.T) {
	tests := []struct {
		name     string
		datagram []byte
		service  string
	}{
		{"bind", wire(t, "neighbour__bind9__udp__version_bind_ch_txt"), "dns"},
		{"bind, refused", wire(t, "neighbour__bind9__udp__root_ns_rd0"), "dns"},
		{"dnsmasq", wire(t, "neighbour__dnsmasq__udp__version_bind_ch_txt"), "dns"},
		{"unbound", wire(t, "neighbour__unbound__udp__version_bind_ch_txt"), "dns"},
		{"format error", []byte("\x12\x34\x80\x01\x00\x00\x00\x00\x00\x00\x00\x00"), "dns"},
		{"format error that repeats the question", append([]byte("\x12\x34\x80\x01\x00\x01\x00\x00"), askVersion...), "dns"},
		{"echo", appendRequest(nil, 1, askVersion), "echo"},
		{"two bytes", []byte{0, 1}, "unknown"},
		{"a frame with something else in it", framed("hello\r\n", 100, 1)[0], "unknown"},
		{"an empty frame", Frame{Total: 1}.Append(nil), "unknown"},
		{"a frame from the middle", Frame{Sequence: 1, Total: 2, Payload: []byte("VERSION 1\r\n")}.Append(nil), "unknown"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := host([][]byte{tt.datagram}, nil)
			got := interrogateUDP(t.Context(), m, firstOf(m))
			if want := "foreign " + tt.service + " auth=unknown"; summary(got) != want {
				t.Errorf("got %s, want %s", summary(got), want)
			}
			if m.tries[qStats.name] != 0 || got.Amplification != nil {
				t.Error("a foreign service was asked for its stats")
			}
		})
	}
}

func TestInterrogateUDPScripted(t *testing.T) {
	version := framed("VERSION 1.6.18\r\n", 1392, 1)
	stats := framed("STAT pid 1\r\nSTAT pointer_size 64\r\nSTAT version 1.6.18\r\nEND\r\n", 20, 3)
	another := netip.MustParseAddrPort("192.0.2.1:40000")
	refused := map[string]error{qVersion.name: ErrRefused}
	quiet := func(uint16, int) []Datagram { return nil }

	t.Run("silent since discovery", func(t *testing.T) {
		m := host(version, nil)
		first := firstOf(m)
		m.answers[qVersion.name] = quiet
		got := interrogateUDP(t.Context(), m, first)
		if got.State != exposure.Open || !got.Unconfirmed || show(got.Version) != "1.6.18" || got.Amplification != nil {
			t.Errorf("got %s, unconfirmed %t, want what discovery saw", summary(got), got.Unconfirmed)
		}
		if m.tries[qVersion.name] != versionTries || m.tries[qStats.name] != 1 {
			t.Errorf("asked %v", m.tries)
		}
	})
	t.Run("answers on the second try", func(t *testing.T) {
		m := host(version, stats)
		first, answer := firstOf(m), m.answers[qVersion.name]
		m.answers[qVersion.name] = func(id uint16, try int) []Datagram {
			if try < 2 {
				return nil
			}
			return answer(id, try)
		}
		got := interrogateUDP(t.Context(), m, first)
		if got.Unconfirmed || got.Amplification == nil || !got.Amplification.Complete || len(got.Evidence) != 3 {
			t.Errorf("unconfirmed %t, amplification %+v", got.Unconfirmed, got.Amplification)
		}
	})
	t.Run("an answer to stats confirms", func(t *testing.T) {
		m := host(version, stats)
		first := firstOf(m)
		m.answers[qVersion.name] = quiet
		if got := interrogateUDP(t.Context(), m, first); got.Unconfirmed || got.Amplification == nil {
			t.Errorf("unconfirmed %t, amplification %+v", got.Unconfirmed, got.Amplification)
		}
	})
	t.Run("refused since discovery", func(t *testing.T) {
		m := host(version, stats)
		m.err = refused
		got := interrogateUDP(t.Context(), m, firstOf(m))
		if got.State != exposure.Open || !got.Unconfirmed || len(got.Notes) != 1 || m.tries[qStats.name] != 0 {
			t.Errorf("got %s, notes %q, asked %v", summary(got), got.Notes, m.tries)
		}
	})
	t.Run("local error at stats", func(t *testing.T) {
		m := host(version, stats)
		m.err = map[string]error{qStats.name: fmt.Errorf("sendmsg: %w", ErrLocal)}
		got := interrogateUDP(t.Context(), m, firstOf(m))
		if got.State != exposure.Open || got.Amplification != nil || !strings.Contains(fmt.Sprint(got.Notes), "local error") {
			t.Errorf("got %s, amplification %+v, notes %q", summary(got), got.Amplification, got.Notes)
		}
	})
	t.Run("answers from elsewhere", func(t *testing.T) {
		m := host(version, stats)
		first := firstOf(m)
		for name, answer := range m.answers {
			m.answers[name] = func(id uint16, try int) []Datagram {
				out := answer(id, try)
				for i := range out {
					out[i].From = another
				}
				return out
			}
		}
		got := interrogateUDP(t.Context(), m, first)
		if got.RepliedFrom == nil || *got.RepliedFrom != another || !got.Amplification.Complete {
			t.Errorf("replied from %v, amplification %+v", got.RepliedFrom, got.Amplification)
		}
	})
	t.Run("mapped addresses are the same", func(t *testing.T) {
		m := host(version, stats)
		first := firstOf(m)
		first.From = netip.AddrPortFrom(netip.AddrFrom16(udpRemote.Addr().As16()), udpRemote.Port())
		if got := interrogateUDP(t.Context(), m, first); got.RepliedFrom != nil {
			t.Errorf("replied from %v, want nil", got.RepliedFrom)
		}
	})
	t.Run("forged datagrams", func(t *testing.T) {
		m := host(version, nil)
		m.answers[qStats.name] = func(id uint16, _ int) []Datagram {
			forged := Frame{ID: id + 1, Total: 1, Payload: []byte("END\r\n")}.Append(nil)
			return append([]Datagram{{Payload: forged}, {Payload: nil}}, replay(stats...)(id, 1)...)
		}
		got := interrogateUDP(t.Context(), m, firstOf(m))
		if a := got.Amplification; a.Datagrams != len(stats) || !a.Complete || len(got.Notes) != 1 {
			t.Errorf("amplification %+v, notes %q, want the forged ones left out", a, got.Notes)
		}
	})
	t.Run("a flood of forged datagrams ends", func(t *testing.T) {
		m := host(version, nil)
		m.answers[qStats.name] = func(id uint16, _ int) []Datagram {
			return slices.Repeat([]Datagram{{Payload: []byte{byte(id>>8) + 1, 0}}}, 10*MaxReplyDatagrams)
		}
		got := interrogateUDP(t.Context(), m, firstOf(m))
		if got.Amplification != nil || !strings.Contains(fmt.Sprint(got.Notes), fmt.Sprintf("%d datagrams carried another", MaxReplyDatagrams)) {
			t.Errorf("amplification %+v, notes %q", got.Amplification, got.Notes)
		}
	})
	t.Run("endless", func(t *testing.T) {
		m := host(version, framed(strings.Repeat("x", 2<<20), 1392, 65535))
		got := interrogateUDP(t.Context(), m, firstOf(m))
		a := got.Amplification
		if !a.Capped || a.Complete || a.DatagramsDeclared != 65535 || a.ResponseBytes > MaxReplyBytes+1400 || len(a.DatagramSizes) != exposure.MaxSizesListed {
			t.Errorf("amplification %+v", a)
		}
		if len(got.Notes) != 1 {
			t.Errorf("notes %q", got.Notes)
		}
	})
	t.Run("capped by the caller", func(t *testing.T) {
		m := host(version, stats[:2])
		m.ending = Capped
		if a := interrogateUDP(t.Context(), m, firstOf(m)).Amplification; !a.Capped || a.Complete {
			t.Errorf("amplification %+v", a)
		}
	})
	t.Run("duplicates and losses", func(t *testing.T) {
		differs := slices.Clone(stats[0])
		differs[len(differs)-1] ^= 1
		m := host(version, [][]byte{stats[2], stats[0], stats[0], differs, {0, 1, 2}})
		got := interrogateUDP(t.Context(), m, firstOf(m))
		a := got.Amplification
		if a.Datagrams != 5 || a.DatagramsUnique != 2 || a.Duplicates != 2 || a.Complete || len(got.Notes) != 2 {
			t.Errorf("amplification %+v, notes %q", a, got.Notes)
		}
	})
	t.Run("unauthenticated", func(t *testing.T) {
		m := host(framed("CLIENT_ERROR unauthenticated\r\n", 1392, 1), stats)
		got := interrogateUDP(t.Context(), m, firstOf(m))
		if want := "auth_required memcached auth=ascii speaks=ascii"; summary(got) != want || m.tries[qStats.name] != 0 {
			t.Errorf("got %s, want %s", summary(got), want)
		}
	})
	t.Run("a clone without version", func(t *testing.T) {
		m := host(framed("ERROR\r\n", 1392, 1), stats)
		if got := interrogateUDP(t.Context(), m, firstOf(m)); got.State != exposure.Open || got.Product != lookalike {
			t.Errorf("got %s", summary(got))
		}
	})
	t.Run("errors only", func(t *testing.T) {
		m := host(framed("ERROR\r\n", 1392, 1), framed("ERROR\r\n", 1392, 1))
		got := interrogateUDP(t.Context(), m, firstOf(m))
		if want := "open memcached auth=none speaks=ascii product=lookalike"; summary(got) != want || got.Amplification.Complete {
			t.Errorf("got %s, want %s: its frames are memcached's", summary(got), want)
		}
	})
	t.Run("every datagram twice", func(t *testing.T) {
		m := host(version, twice(stats))
		got := interrogateUDP(t.Context(), m, firstOf(m))
		if a := got.Amplification; a.Datagrams != 2*len(stats) || a.Duplicates != len(stats) || !a.Complete || a.Capped {
			t.Errorf("amplification %+v, want the duplicates after END counted", a)
		}
		if last := got.Evidence[len(got.Evidence)-1]; last.Ending != string(Complete) {
			t.Errorf("stats ended %q", last.Ending)
		}
	})
	t.Run("strays do not prolong the wait", func(t *testing.T) {
		m := host(version, nil)
		m.answers[qStats.name] = func(id uint16, _ int) []Datagram {
			return append(replay(stats...)(id, 1), Datagram{Payload: []byte{byte(id>>8) + 1, 0}})
		}
		got := interrogateUDP(t.Context(), m, firstOf(m))
		if last := got.Evidence[len(got.Evidence)-1]; last.Ending != string(Complete) || len(got.Notes) != 1 {
			t.Errorf("stats ended %q, notes %q", last.Ending, got.Notes)
		}
	})
	t.Run("duplicates without end", func(t *testing.T) {
		m := host(version, slices.Concat(stats, slices.Repeat(stats[2:], 2*MaxReplyDatagrams)))
		if a := interrogateUDP(t.Context(), m, firstOf(m)).Amplification; a.Datagrams != MaxReplyDatagrams || !a.Capped || !a.Complete {
			t.Errorf("%d datagrams, capped %t, complete %t", a.Datagrams, a.Capped, a.Complete)
		}
	})
}

func twice(datagrams [][]byte) (out [][]byte) {
	for _, d := range datagrams {
		out = append(out, d, d)
	}
	return out
}

// Serialised frames are what the wire ratios claim to count.
func TestRatiosAgainstSerialisedFrames(t *testing.T) {
	for _, remote := range []string{"192.0.2.7:11211", "[2001:db8::7]:11211"} {
		t.Run(remote, func(t *testing.T) {
			m := capturedUDP(t, "mc1.6.18__udp__udp-empty", 2)
			m.remote = netip.MustParseAddrPort(remote)
			var in, out struct{ ip, frames int }
			for _, payload := range [][]byte{wire(t, "mc1.6.18__udp__udp-empty__stats.req")} {
				ip, frame := serialise(t, m.remote, payload)
				in.ip, in.frames = in.ip+ip, in.frames+frame
			}
			for i := range 2 {
				ip, frame := serialise(t, m.remote, wire(t, fmt.Sprintf("mc1.6.18__udp__udp-empty__stats.dg%02d", i)))
				out.ip, out.frames = out.ip+ip, out.frames+frame
			}
			a := interrogateUDP(context.Background(), m, firstOf(m)).Amplification
			want := [2]string{fmt.Sprintf("%.2f", float64(out.ip)/float64(in.ip)), fmt.Sprintf("%.2f", float64(out.frames)/float64(in.frames))}
			got := [2]string{fmt.Sprintf("%.2f", a.IPRatio), fmt.Sprintf("%.2f", a.WireRatio)}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("ip and wire ratio (-want +got)\n%s", diff)
			}
		})
	}
}

// serialise returns how long the IP packet and the padded Ethernet frame
// around a UDP payload are.
func serialise(t *testing.T, remote netip.AddrPort, payload []byte) (ip, frame int) {
	eth := &layers.Ethernet{SrcMAC: make([]byte, 6), DstMAC: make([]byte, 6), EthernetType: layers.EthernetTypeIPv4}
	udp := &layers.UDP{SrcPort: 40000, DstPort: layers.UDPPort(remote.Port())}
	var network gopacket.SerializableLayer
	addr := remote.Addr().AsSlice()
	if remote.Addr().Is4() {
		v4 := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: addr, DstIP: addr}
		network = v4
		_ = udp.SetNetworkLayerForChecksum(v4)
	} else {
		eth.EthernetType = layers.EthernetTypeIPv6
		v6 := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolUDP, SrcIP: addr, DstIP: addr}
		network = v6
		_ = udp.SetNetworkLayerForChecksum(v6)
	}
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	buffer := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buffer, options, network, udp, gopacket.Payload(payload)); err != nil {
		t.Fatal(err)
	}
	ip = len(buffer.Bytes())
	if err := gopacket.SerializeLayers(buffer, options, eth, network, udp, gopacket.Payload(payload)); err != nil {
		t.Fatal(err)
	}
	return ip, len(buffer.Bytes())
}
