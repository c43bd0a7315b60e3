package exposure

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// fixFor returns the lines of every fix for one kind of system.
func fixFor(f Finding, system string) []string {
	var lines []string
	for _, fix := range f.Fix {
		if fix.For == system {
			lines = append(lines, fix.Lines...)
		}
	}
	return lines
}

func judgeAt(ip string, observations ...Observation) Finding {
	return Judge(Host{Addr: netip.MustParseAddr(ip), Observations: observations}, internet)
}

func TestFixOfAReflector(t *testing.T) {
	t.Parallel()
	f := judge(tcpSeen(Open), udpSeen(Open))
	for _, want := range []struct {
		system string
		lines  []string
	}{
		{"memcached", []string{"-U 0", "-l 127.0.0.1", "-U 0", "-Y /etc/memcached/auth", "-Z"}},
		{"debian", []string{"-U 0", "-l 127.0.0.1", "systemctl restart memcached", "ss -lntup 'sport = :11211'"}},
		{"rhel", []string{`OPTIONS="-U 0 -l 127.0.0.1"`, "systemctl restart memcached"}},
		{"systemd", []string{"[Service]", "IPAddressDeny=any", "IPAddressAllow=localhost", "#User=memcache", "#User=memcached", "systemctl daemon-reload"}},
		{"iptables", []string{"-A MEMCACHED-UDP-11211 -p udp --dport 11211 -j DROP", "-A MEMCACHED-TCP-11211 -p tcp --dport 11211 --syn -j DROP", "iptables-restore --noflush /etc/iptables/memcached-exposure-tcp-11211-udp-11211-ip.rules"}},
		{"nftables", []string{"mkdir -p /etc/nftables.d", "delete table inet memcached_exposure_udp_11211", "\t\tudp dport 11211 drop", "\t\ttcp dport 11211 tcp flags & (fin | syn | rst | ack) == syn drop", "nft -f /etc/nftables.d/memcached-tcp-11211-udp-11211.nft"}},
		{"csf", []string{"csf -r"}},
	} {
		got := fixFor(f, want.system)
		for _, line := range want.lines {
			if !slices.Contains(got, line) {
				t.Errorf("%s: %q is missing in\n%s", want.system, line, strings.Join(got, "\n"))
			}
		}
	}
	if first := f.Fix[0]; first.For != "memcached" || first.Lines[0] != "-U 0" {
		t.Errorf("the first fix must turn UDP off: %+v", first)
	}
	if got := fixFor(f, "owner"); got != nil {
		t.Errorf("the owner of a memcached need not be found out: %q", got)
	}
}

func TestFixIsOnlyWhatIsNeeded(t *testing.T) {
	t.Parallel()
	at := func(o Observation, port uint16) Observation { o.Port = port; return o }
	old := tcpSeen(Open).but(func(o *Observation) { o.Version = ptr("1.4.15") })
	hidden := tcpSeen(Open).but(func(o *Observation) { o.Settings = &Settings{UDPPort: ptr(uint64(11211))} })
	elsewhere := tcpSeen(Open).but(func(o *Observation) { o.Settings = &Settings{UDPPort: ptr(uint64(11311))} })
	ownPort := elsewhere.but(func(o *Observation) {
		o.Settings = &Settings{UDPPort: ptr(uint64(11311)), Inter: ptr("10.0.0.5:11211")}
	})
	from := func(addr string) Observation {
		return udpSeen(Open).but(func(o *Observation) { o.RepliedFrom = ptr(netip.MustParseAddrPort(addr)) })
	}
	beside, otherPort := from("192.0.2.1:11211"), from("192.0.2.7:40000")
	binary := tcpSeen(Open).but(func(o *Observation) { o.Dialect = []string{"binary"} })
	bypassed := tcpSeen(Open).but(func(o *Observation) {
		o.Settings = &Settings{Inter: ptr("proto[negotiating]:10.0.0.5"), AuthEnabledASCII: ptr("/etc/auth")}
	})
	mended := bypassed.but(func(o *Observation) { o.Version = ptr("1.6.45") })
	inTLS := tcpSeen(Open).but(func(o *Observation) { o.TLS = true })
	everywhere := tcpSeen(Open).but(func(o *Observation) { o.Settings = &Settings{Inter: ptr("NULL")} })
	for _, tt := range []struct {
		name         string
		f            Finding
		system       string
		want, refuse string
	}{
		{"udp only", judge(udpSeen(Open), tcpSeen(Closed)), "debian", "-U 0", "-l "},
		{"udp only, firewall", judge(udpSeen(Open), tcpSeen(Closed)), "iptables", "-p udp", "-p tcp"},
		{"udp only, csf", judge(udpSeen(Open), tcpSeen(Closed)), "csf", "# UDP_IN and UDP6_IN without 11211", "TCP_IN"},
		{"tcp only", judge(tcpSeen(Open), udpSeen(Closed)), "debian", "-l 127.0.0.1", "-U 0"},
		{"tcp only, firewall", judge(tcpSeen(Open)), "nftables", "tcp dport 11211 tcp flags", "udp"},
		{"udp only, rhel", judge(udpSeen(Open), tcpSeen(Closed)), "rhel", "no other -U; keep -l as it is", "or -l"},
		{"tcp only, rhel", judge(tcpSeen(Open)), "rhel", "no other -l; keep -U as it is", "or -U"},
		{"both, rhel", judge(tcpSeen(Open), udpSeen(Open)), "rhel", "no other -U or -l", "as it is"},
		{"tcp only, debian", judge(tcpSeen(Open)), "debian", "every -l line", "every -U"},
		{"udp on but filtered", judge(hidden, udpSeen(Silent)), "debian", "-U 0", ""},
		{"udp on but filtered, firewall", judge(hidden, udpSeen(Silent)), "iptables", "-p udp --dport 11211", ""},
		{"udp on at another port", judge(elsewhere, udpSeen(Silent)), "nftables", "udp dport 11311 drop", "udp dport 11211"},
		{"udp on at another port, ss", judge(elsewhere, udpSeen(Silent)), "debian", "sport = :11311", ""},
		{"udp on at another port, csf", judge(elsewhere, udpSeen(Silent)), "csf", "11311", ""},
		{"-l names the port", judge(ownPort, udpSeen(Silent)), "iptables", "-p tcp", "-p udp"},
		{"udp from another address", judge(beside), "iptables", "\nip6tables-restore", ""},
		{"udp from another port", judge(otherPort), "iptables", "\niptables-restore", "ip6tables-restore"},
		{"systemd says no user", judge(tcpSeen(Open)), "systemd", "[Service]", "\nUser="},
		{"other port", judge(at(tcpSeen(Open), 11999)), "iptables", "--dport 11999", "11211"},
		{"auth", judge(tcpSeen(AuthRequired)), "memcached", "-Z", "-Y"},
		{"auth in tls", judge(tcpSeen(AuthRequired).but(func(o *Observation) { o.TLS = true })), "memcached", "-l 127.0.0.1", "-Z"},
		{"binary", judge(binary), "memcached", "\n-S", "-Y"},
		{"bypass", judge(bypassed), "memcached", "-l ADDRESS", "-Y"},
		{"bypass that was mended", judge(mended), "memcached", "-Y", "-l ADDRESS"},
		{"open in tls", judge(inTLS), "memcached", "-o ssl_verify_mode=2,ssl_ca_cert=", "-Z"},
		{"open in tls and in clear", judge(inTLS, at(tcpSeen(Open), 11212)), "memcached", "-Z", ""},
		{"old", judge(old), "memcached", "-S", "-Y"},
		{"old has no tls", judge(old), "memcached", "-S", "-Z"},
		{"ipv6", judgeAt("2001:db8::7", tcpSeen(Open)), "iptables", "\nip6tables-restore", "\niptables"},
		{"ipv6 listens", judgeAt("2001:db8::7", tcpSeen(Open)), "rhel", `"-l 127.0.0.1,::1"`, ""},
		{"ipv6 clients", judgeAt("2001:db8::7", tcpSeen(Open)), "nftables", "ip6 saddr fd00::/64", "ip saddr"},
		{"no -l opens both families", judge(everywhere), "iptables", "\nip6tables-restore", ""},
		{"http", judge(tcpSeen(Foreign)), "owner", "sport = :11211", ""},
		{"proxy", judge(tcpSeen(Open).but(func(o *Observation) { o.Product = "mcrouter" })), "owner", "ss ", ""},
	} {
		got := "\n" + strings.Join(fixFor(tt.f, tt.system), "\n")
		if !strings.Contains(got, tt.want) {
			t.Errorf("%s: %s: %q is missing in%s", tt.name, tt.system, tt.want, got)
		}
		if tt.refuse != "" && strings.Contains(got, tt.refuse) {
			t.Errorf("%s: %s: %q is not needed in%s", tt.name, tt.system, tt.refuse, got)
		}
	}
}

func TestFixOfAStranger(t *testing.T) {
	t.Parallel()
	for _, f := range []Finding{
		judge(tcpSeen(Foreign)), judge(tcpSeen(Mute)), judge(tcpSeen(TLS)),
		judge(tcpSeen(Open).but(func(o *Observation) { o.Product = "twemproxy" })),
	} {
		for _, system := range []string{"memcached", "debian", "rhel", "systemd"} {
			if got := fixFor(f, system); got != nil {
				t.Errorf("%s: memcached's configuration does not apply: %s %q", f.Verdict, system, got)
			}
		}
		if f.Fix[0].For != "owner" || fixFor(f, "iptables") == nil {
			t.Errorf("%s: want the owner first, and a firewall: %+v", f.Verdict, f.Fix)
		}
	}
	if got := judge(tcpSeen(Closed)).Fix; got != nil {
		t.Errorf("nothing answered, nothing to close: %+v", got)
	}
}

// TestFixOfALoneUDP: what closes UDP must not open TCP, which a -l holds shut.
func TestFixOfALoneUDP(t *testing.T) {
	t.Parallel()
	for _, f := range []Finding{judge(udpSeen(Open)), judge(udpSeen(Open), tcpSeen(Silent))} {
		for _, system := range []string{"memcached", "debian", "rhel"} {
			for _, line := range fixFor(f, system) {
				if strings.Contains(line, "-l ") && !strings.Contains(line, "keep -l as it is") {
					t.Errorf("%s: %q speaks of -l, though TCP does not answer", system, line)
				}
			}
		}
	}
}
