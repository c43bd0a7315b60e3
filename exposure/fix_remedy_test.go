package exposure

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

// reflecting is a server that answers over both transports.
func reflecting() Finding { return judge(tcpSeen(Open), udpSeen(Open)) }

func clients(t testing.TB, list ...string) []netip.Prefix {
	t.Helper()
	parsed, err := ParseClients(list)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// ready is the file for one system.
func ready(f Finding, system string, clients []netip.Prefix) string {
	return ReadyFile(Remedy(&f, system, clients), "a note")
}

func TestEverySystemHasARemedy(t *testing.T) {
	t.Parallel()
	for _, system := range Systems() {
		for _, list := range [][]netip.Prefix{nil, clients(t, "10.0.0.0/24", "fd00::/64")} {
			f := reflecting()
			fixes := Remedy(&f, system, list)
			if len(fixes) == 0 || slices.ContainsFunc(fixes, func(x Fix) bool { return x.For != system || x.Title == "" || len(x.Lines) == 0 }) {
				t.Errorf("%s: %+v", system, fixes)
			}
			if file := ReadyFile(fixes, "a note"); !strings.Contains(file, "# a note\n") || !strings.HasSuffix(file, "\n") {
				t.Errorf("%s: ready file %q", system, file)
			}
		}
		if fixes := Remedy(&Finding{}, system, nil); fixes != nil || ReadyFile(fixes) != "" {
			t.Errorf("%s: nothing is open, and %+v", system, fixes)
		}
	}
	f := reflecting()
	if got := Remedy(&f, "windows", nil); got != nil {
		t.Errorf("an unknown system: %+v", got)
	}
}

func TestRemedyLetsClientsIn(t *testing.T) {
	t.Parallel()
	both := clients(t, "10.0.0.0/24", "fd00::/64")
	four, six := clients(t, "10.0.0.0/24"), clients(t, "fd00::/64")
	for _, tt := range []struct {
		name         string
		f            Finding
		system       string
		clients      []netip.Prefix
		want, refuse string
	}{
		{"iptables of IPv4", reflecting(), "iptables", four, "\n-4 -A MEMCACHED-UDP-11211 -s 10.0.0.0/24 -p udp --dport 11211 -j RETURN\n", "ip6tables-restore"},
		{"iptables of both", reflecting(), "iptables", both, "ip6tables-restore --noflush", ""},
		{"iptables of the other", reflecting(), "iptables", six, "\n-6 -A MEMCACHED-UDP-11211 -s fd00::/64", "\n-4 -A"},
		{"IPv6 first", judgeAt("2001:db8::7", tcpSeen(Open)), "iptables", six, "ip6tables-restore", "#     iptables-restore"},
		{"nothing is opened", reflecting(), "iptables", both, "-j RETURN", "-j ACCEPT"},
		{"nftables", reflecting(), "nftables", both, "ip6 saddr { fd00::/64 } udp dport 11211 accept", "For each network"},
		{"systemd", reflecting(), "systemd", both, "IPAddressAllow=fd00::/64\n", "10.0.0.0/24\n#"},
		{"debian keeps -l", reflecting(), "debian", both, "cat >/etc/systemd/system/memcached.service.d/exposure.conf <<'END'\n[Service]\n", "-l 127.0.0.1"},
		{"debian without UDP leaves the file alone", judge(tcpSeen(Open)), "debian", both, "IPAddressDeny=any", "sed -i"},
		{"debian with UDP alone", judge(udpSeen(Open)), "debian", both, "'-U 0'", "IPAddressDeny"},
		{"rhel keeps -l", reflecting(), "rhel", both, ` -U 0"/`, "-l 127.0.0.1"},
		{"rhel without clients", reflecting(), "rhel", nil, ` -U 0 -l 127.0.0.1"/`, "IPAddressDeny"},
		{"csf", reflecting(), "csf", both, "tcp|in|d=11211|s=fd00::/64", ""},
		{"aws of one family", reflecting(), "aws-sg", four, "CidrIp=0.0.0.0/0", "::/0"},
		{"aws of both", reflecting(), "aws-sg", both, "CidrIpv6=::/0", ""},
		{"aws of a private address", judgeAt("10.1.2.3", tcpSeen(Open)), "aws-sg", nil, "Name=addresses.private-ip-address,Values=10.1.2.3", ""},
		{"aws of IPv6", judgeAt("2001:db8::7", tcpSeen(Open)), "aws-sg", nil, "Name=ipv6-addresses.ipv6-address,Values=2001:db8::7", "0.0.0.0/0"},
		{"kubernetes", reflecting(), "kubernetes-networkpolicy", both, `cidr: "fd00::/64"`, ""},
	} {
		got := ready(tt.f, tt.system, tt.clients)
		if !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q is missing in\n%s", tt.name, tt.want, got)
		}
		if tt.refuse != "" && strings.Contains(got, tt.refuse) {
			t.Errorf("%s: %q is in\n%s", tt.name, tt.refuse, got)
		}
	}
}

// TestRemedyNeverShutsTheWayIn: a sweep of port 22 finds SSH, and who applies
// what is said of it must still get in.
func TestRemedyNeverShutsTheWayIn(t *testing.T) {
	t.Parallel()
	ssh := tcpSeen(Foreign).but(func(o *Observation) { o.Port, o.Service = 22, "ssh" })
	f := judge(tcpSeen(Open), ssh)
	for _, system := range Systems() {
		if file := ready(f, system, nil); strings.Contains(file, "dport 22") || strings.Contains(file, "FromPort=22,") || strings.Contains(file, "d=22|") {
			t.Errorf("%s shuts SSH:\n%s", system, file)
		}
	}
	alone := judge(ssh)
	for _, system := range Systems() {
		if fixes := Remedy(&alone, system, nil); fixes != nil {
			t.Errorf("%s: %+v", system, fixes)
		}
	}
}

// TestRemedyRepeatsNobody: whatever a server says, and whatever a stored report
// says of it, what comes out is made of addresses, ports and releases alone.
func TestRemedyRepeatsNobody(t *testing.T) {
	t.Parallel()
	const evil = "EVIL"
	list := clients(t, "10.0.0.0/24", "fd00::/64")
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SampledFrom([]string{"", "1.6.18 ", "1.4.15-", "0.0.0.0,", "proto[", "::", "\n"}).Draw(t, "start") + evil +
			rapid.SampledFrom([]string{"$(reboot)", "'; reboot; '", "\nreboot\n", "`reboot`", "\"}", "\r\x00", "END\n"}).Draw(t, "end")
		o := Observation{
			Probe: s, Transport: Transport(rapid.SampledFrom([]string{"tcp", "udp", s}).Draw(t, "transport")), Port: 11211,
			State: rapid.SampledFrom([]State{Open, AuthRequired, Full, Foreign, State(s)}).Draw(t, "state"),
			Auth:  Auth(s), Service: s, Version: &s, Dialect: []string{s}, SASLMechanisms: []string{s}, TLSVersion: s, TLSSubject: s,
			Stats:    &Stats{Version: &s, Libevent: &s},
			Settings: &Settings{Inter: &s, AuthEnabledASCII: &s, AuthEnabledSASL: &s, BindingProtocol: &s, UDPPort: ptr(uint64(11311))},
			Notes:    []string{s},
		}
		if rapid.Bool().Draw(t, "named") {
			o.Product, o.Tells = s, []string{s}
		}
		f := Judge(Host{Addr: netip.MustParseAddr("fe80::1").WithZone(s), Observations: []Observation{o, udpSeen(Open), o}}, Vantage{Name: s, Trust: Trust(s)})
		f.ID, f.Names, f.Reasons, f.Fix = s, []string{s}, []string{s}, []Fix{{For: s, Title: s, File: s, Lines: []string{s}}}
		for _, system := range Systems() {
			for _, clients := range [][]netip.Prefix{nil, list} {
				if file := ready(f, system, clients); strings.Contains(file, evil) {
					t.Fatalf("%s repeats what it was told:\n%s", system, file)
				}
			}
		}
		if text, err := json.Marshal(fixes(&f)); err != nil || strings.Contains(string(text), evil) {
			t.Fatalf("a report's own fixes repeat what was said: %s, %v", text, err)
		}
	})
}

// networkPolicy is the part of networking.k8s.io/v1 that is written here.
type networkPolicy struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   struct {
		Name string `yaml:"name"`
	} `yaml:"metadata"`
	Spec struct {
		PodSelector struct {
			MatchLabels map[string]string `yaml:"matchLabels"`
		} `yaml:"podSelector"`
		PolicyTypes []string `yaml:"policyTypes"`
		Ingress     []struct {
			From []struct {
				IPBlock struct {
					CIDR string `yaml:"cidr"`
				} `yaml:"ipBlock"`
			} `yaml:"from"`
			Ports []struct {
				Protocol string `yaml:"protocol"`
				Port     uint16 `yaml:"port"`
				EndPort  uint16 `yaml:"endPort"`
			} `yaml:"ports"`
		} `yaml:"ingress"`
	} `yaml:"spec"`
}

// admits reports whether the policy lets an address in at a port.
func (p networkPolicy) admits(from netip.Addr, protocol string, port uint16) bool {
	for _, rule := range p.Spec.Ingress {
		inside := len(rule.From) == 0
		for _, peer := range rule.From {
			inside = inside || netip.MustParsePrefix(peer.IPBlock.CIDR).Contains(from)
		}
		for _, ports := range rule.Ports {
			if inside && ports.Protocol == protocol && ports.Port <= port && port <= max(ports.Port, ports.EndPort) {
				return true
			}
		}
	}
	return false
}

func TestKubernetesPolicy(t *testing.T) {
	t.Parallel()
	second := tcpSeen(Open).but(func(o *Observation) { o.Port = 65535 })
	for _, list := range [][]netip.Prefix{nil, clients(t, "10.0.0.0/24", "fd00::/64")} {
		decoder := yaml.NewDecoder(strings.NewReader(ready(judge(tcpSeen(Open), udpSeen(Open), second), "kubernetes-networkpolicy", list)))
		decoder.KnownFields(true)
		var p networkPolicy
		if err := decoder.Decode(&p); err != nil {
			t.Fatal(err)
		}
		if p.APIVersion != "networking.k8s.io/v1" || p.Kind != "NetworkPolicy" || p.Metadata.Name == "" || !slices.Equal(p.Spec.PolicyTypes, []string{"Ingress"}) || len(p.Spec.PodSelector.MatchLabels) != 1 {
			t.Errorf("%+v", p)
		}
		for _, from := range []string{"10.0.0.7", "fd00::7", "10.0.1.7", "2001:db8::7"} {
			addr := netip.MustParseAddr(from)
			client := slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(addr) })
			for _, at := range []struct {
				protocol string
				port     uint16
				want     bool
			}{
				{"TCP", 11211, client}, {"UDP", 11211, client}, {"TCP", 65535, client}, {"UDP", 65535, true}, {"SCTP", 11211, true},
				{"TCP", 1, true}, {"TCP", 22, true}, {"TCP", 11210, true}, {"TCP", 11212, true}, {"TCP", 65534, true}, {"UDP", 11212, true},
			} {
				if got := p.admits(addr, at.protocol, at.port); got != at.want {
					t.Errorf("with %v, %s at %s %d: %v, want %v", list, from, at.protocol, at.port, got, at.want)
				}
			}
		}
	}
}

func TestOtherPorts(t *testing.T) {
	t.Parallel()
	for _, closed := range [][]uint16{nil, {1}, {65535}, {1, 2, 65535}, {65535, 11211, 11212}} {
		open := map[uint16]bool{}
		for from, to := range otherPorts(closed) {
			for port := int(from); port <= int(to); port++ {
				if open[uint16(port)] {
					t.Errorf("%v: %d twice", closed, port)
				}
				open[uint16(port)] = true
			}
		}
		for port := 1; port < 1<<16; port++ {
			if open[uint16(port)] == slices.Contains(closed, uint16(port)) {
				t.Errorf("%v: %d is open: %v", closed, port, open[uint16(port)])
			}
		}
	}
}

// TestAdviceIsShort: what people read has no line that looks after everything
// that a file may hold; that is for what is run unread.
func TestAdviceIsShort(t *testing.T) {
	t.Parallel()
	for _, system := range Systems() {
		for _, list := range [][]netip.Prefix{nil, clients(t, "10.0.0.0/24", "fd00::/64")} {
			f := reflecting()
			advice := Advice(&f, system, list)
			if len(advice) == 0 {
				t.Errorf("%s: none for %v", system, list)
			}
			for _, fix := range append(advice, f.Fix...) {
				for _, line := range fix.Lines {
					guarded := strings.Contains(line, "sed ") || strings.Contains(line, "awk ") || strings.Contains(line, "grep ") || strings.Contains(line, "; do")
					if fix.For != "aws-sg" && (guarded || len(line) > 125) || fix.For == "" {
						t.Errorf("%s: %d bytes: %s", system, len(line), line)
					}
				}
			}
			text := ""
			for _, fix := range advice {
				text += strings.Join(fix.Lines, "\n") + "\n"
			}
			for _, p := range list {
				if !strings.Contains(text, p.String()) {
					t.Errorf("%s: %s is not let in:\n%s", system, p, text)
				}
			}
			if list != nil && strings.Contains(text, "-l 127.0.0.1") {
				t.Errorf("%s: clients are shut out:\n%s", system, text)
			}
		}
	}
}
