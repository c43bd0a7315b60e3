package raw

import (
	"bytes"
	"flag"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

var update = flag.Bool("update", false, "write the captures anew")

// captureFile is what TestMemcached saw once, for tests without root.
var captureFile = filepath.Join("..", "..", "testdata", "pcap", "memcached.pcapng")

// lab is a memcached in a namespace, and what is needed to ask it from another.
type lab struct {
	*network
	a, b   *wire
	ring   *Ring
	ports  []uint16
	record *Evidence
}

var servers = []netip.Addr{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::7")}

var version = gopacket.Payload("\x12\x34\x00\x00\x00\x01\x00\x00version\r\n")

func newLab(t *testing.T, file *bytes.Buffer) *lab {
	path, err := exec.LookPath("memcached")
	if err != nil {
		t.Skip("needs memcached")
	}
	n := newNetwork(t, "ma", "mb")
	n.link("ma", "va", "mb", "vb")
	n.ip("ma", "addr add 192.0.2.1/24 dev va")
	n.ip("mb", "addr add 192.0.2.7/24 dev vb")
	n.ip("ma", "addr add 2001:db8::1/64 dev va nodad")
	n.ip("mb", "addr add 2001:db8::7/64 dev vb nodad")
	server := exec.Command("ip", "netns", "exec", n.prefix+"mb", path, "-u", "nobody", "-U", "11211", "-l", "192.0.2.7,2001:db8::7")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Process.Kill(); server.Wait() })
	l := &lab{network: n, a: n.wire("ma", "va"), b: n.wire("mb", "vb"), record: evidence(t, file, Link{"va", layers.LinkTypeEthernet})}
	n.inside("ma", func() {
		held, err := HoldPorts([]netip.Addr{us4, us6}, 8)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { held.Close() })
		l.ports = held.Ports()
	})
	l.ring = n.ring("ma", "va", PortRange{First: l.ports[0], Last: l.ports[len(l.ports)-1]})
	l.await(t)
	return l
}

// await asks until the server is up in both families.
func (l *lab) await(t *testing.T) {
	up := map[netip.Addr]bool{}
	for start := time.Now(); len(up) < len(servers) && time.Since(start) < 5*time.Second; {
		for _, server := range servers {
			l.a.write(t, l.question(t, server, udp(l.ports[0], askedPort), version))
		}
		for _, p := range collect(t, l.ring, 0) {
			if p.Kind == UDPReply {
				up[p.From.Addr()] = true
			}
		}
	}
	if collect(t, l.ring, 0); len(up) < len(servers) {
		t.Fatalf("memcached did not start; it answers from %v", up)
	}
}

func (l *lab) question(t *testing.T, to netip.Addr, parts ...gopacket.SerializableLayer) []byte {
	us, protocol := us4, layers.IPProtocolUDP
	if to.Is6() {
		us = us6
	}
	if _, ok := parts[0].(*layers.TCP); ok {
		protocol = layers.IPProtocolTCP
	}
	ip := carrying(protocol, us, to)
	eth := linkOver(ip)
	eth.SrcMAC, eth.DstMAC = l.a.mac, l.b.mac
	return bytesOf(t, append([]gopacket.SerializableLayer{eth, ip}, parts...)...)
}

// ask sends a frame and returns the one answer.
func (l *lab) ask(t *testing.T, frame []byte) Packet {
	t.Helper()
	at := time.Now()
	l.a.write(t, frame)
	got := collect(t, l.ring, 1)
	if len(got) != 1 {
		t.Fatalf("%d answers, want 1: %+v", len(got), got)
	}
	l.record.Add(got[0].Asked.Addr(), Captured{At: at, Frame: frame, Wire: len(frame)})
	l.record.Add(got[0].Asked.Addr(), Captured{At: got[0].At, Frame: got[0].Frame, Wire: got[0].Wire})
	return got[0]
}

// TestMemcached asks a real one everything, over both families.
func TestMemcached(t *testing.T) {
	var file bytes.Buffer
	l := newLab(t, &file)
	const closed, seq = 11212, 0xcafe0001
	for i, server := range servers {
		us, port := []netip.Addr{us4, us6}[i], l.ports[i+1]
		syn := tcp(port, askedPort)
		syn.SYN, syn.Seq, syn.Ack = true, seq, 0
		if p := l.ask(t, l.question(t, server, udp(port, askedPort), version)); p.Kind != UDPReply ||
			p.From != of(server, askedPort) || p.To != of(us, port) || !strings.HasPrefix(string(p.Payload), string(version[:8])+"VERSION ") {
			t.Errorf("udp: %+v", p)
		}
		if p := l.ask(t, l.question(t, server, syn)); p.Kind != SYNACK || p.From != of(server, askedPort) || p.Ack != seq+1 || p.TTL != 64 {
			t.Errorf("tcp: %+v", p)
		}
		syn.DstPort = closed
		if p := l.ask(t, l.question(t, server, syn)); p.Kind != RST || p.From != of(server, closed) || p.Ack != seq+1 {
			t.Errorf("closed tcp port: %+v", p)
		}
		code := []uint8{3, 4}[i] // RFC 792 and RFC 4443, section 3.1: port unreachable
		if p := l.ask(t, l.question(t, server, udp(port, closed), version)); p.Kind != Unreachable || p.From != of(server, 0) ||
			p.Asked != of(server, closed) || p.To != of(us, port) || p.Code != code || !bytes.Equal(p.Payload, version) {
			t.Errorf("closed udp port: %+v", p)
		}
		if err := l.record.Keep(server, "finding of "+server.String()); err != nil {
			t.Fatal(err)
		}
	}
	if *update {
		if err := os.MkdirAll(filepath.Dir(captureFile), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(captureFile, file.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHoldPorts: nobody is told that nobody asked.
func TestHoldPorts(t *testing.T) {
	l := newLab(t, &bytes.Buffer{})
	complaints := func() [2]string {
		return [2]string{l.counter("ma", "snmp", "Icmp.OutDestUnreachs"), l.counter("ma", "snmp6", "Icmp6OutDestUnreachs")}
	}
	ask := func(port uint16) {
		for _, server := range servers {
			l.a.write(t, l.question(t, server, udp(port, askedPort), version))
		}
		want := len(servers)
		if !slices.Contains(l.ports, port) {
			want = 0 // the filter leaves its answers out
		}
		collect(t, l.ring, want)
	}
	for _, port := range l.ports {
		ask(port)
	}
	if got := complaints(); got != [2]string{"0", "0"} {
		t.Errorf("%v complaints about ports that are held", got)
	}
	ask(1) // the control: it is not
	if got := complaints(); got != [2]string{"1", "1"} {
		t.Errorf("%v complaints about a port that is not held", got)
	}
}

// counter reads one number of a namespace's SNMP counters, as nstat does.
func (n *network) counter(name, file, which string) string {
	n.t.Helper()
	text, err := exec.Command("ip", "netns", "exec", n.prefix+name, "cat", "/proc/net/"+file).Output()
	if err != nil {
		n.t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if file == "snmp6" && fields[0] == which {
			return fields[1]
		}
		protocol, what, _ := strings.Cut(which, ".")
		if file == "snmp" && fields[0] == protocol+":" {
			for i := range names {
				if names[i] == what {
					return fields[i]
				}
			}
			names = fields
		}
	}
	n.t.Fatalf("no counter %s in %s", which, file)
	return ""
}

func TestHoldPortsTaken(t *testing.T) {
	n := newNetwork(t, "ma")
	n.sysctl("ma", "net.ipv4.ip_local_port_range=40000 40007")
	n.inside("ma", func() {
		source := netip.MustParseAddr("127.0.0.1")
		other, err := net.ListenPacket("udp4", "127.0.0.1:40003")
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		held, err := HoldPorts([]netip.Addr{source, netip.IPv6Loopback()}, 8)
		if err != nil {
			t.Fatal(err)
		}
		if got := held.Ports(); len(got) != 7 || held.Range() != (PortRange{First: 40000, Last: 40007}) {
			t.Errorf("holds %v", got)
		}
		if _, err := net.ListenPacket("udp4", "127.0.0.1:40004"); err == nil {
			t.Error("a held port was free")
		}
		if _, err := HoldPorts([]netip.Addr{source}, 8); err == nil {
			t.Error("held twice")
		}
		if _, err := HoldPorts([]netip.Addr{source}, 9); err == nil {
			t.Error("held more than there are")
		}
		if _, err := HoldPorts([]netip.Addr{asked4}, 1); err == nil {
			t.Error("held a port of an address that is not ours")
		}
		if err := held.Close(); err != nil {
			t.Error(err)
		}
		if again, err := net.ListenPacket("udp4", "127.0.0.1:40004"); err != nil {
			t.Error(err)
		} else {
			again.Close()
		}
	})
}
