package lab

import (
	"fmt"
	"net/netip"
	"strings"
)

// link makes the namespaces and the pair of interfaces that joins them. There
// is no other interface in either, and no default route: nothing gets out.
func (l *Lab) link() error {
	for _, n := range []namespace{l.scanner, l.target} {
		if err := run(nil, "ip", "netns", "add", string(n)); err != nil {
			return err
		}
		// Nobody shall talk of its own accord while packets are counted.
		quiet := []setting{{"ipv6/conf/default/accept_dad", "0"}, {"ipv6/conf/default/router_solicitations", "0"}}
		if err := n.set(quiet); err != nil {
			return err
		}
	}
	err := run(nil, "ip", "-n", string(l.scanner), "link", "add", scannerLink, "address", scannerMAC,
		"type", "veth", "peer", "name", targetLink, "address", targetMAC, "netns", string(l.target))
	if err != nil {
		return err
	}
	if err := l.target.receiveOffload(targetLink); err != nil {
		return err
	}
	return l.scanner.receiveOffload(scannerLink)
}

// batch hands commands to `ip`, all at once.
func (n namespace) batch(commands ...string) error {
	return run(strings.NewReader(strings.Join(commands, "\n")+"\n"), "ip", "-n", string(n), "-batch", "-")
}

// route gives both ends their addresses, and the target the whole range.
func (l *Lab) route() error {
	a, nodad, local := l.addrs, "", "none"
	if l.six() {
		// Without a link-local address nobody asks again who a neighbour is
		// (RFC 4861, section 7.2.2), and the link is dead within seconds.
		nodad, local = " nodad", "eui64"
	}
	scanner := []string{
		"link set lo up",
		"link set " + scannerLink + " addrgenmode " + local + " up",
		"address add " + a.scanner.String() + " dev " + scannerLink + nodad,
	}
	target := []string{
		"link set lo up",
		"link set " + targetLink + " addrgenmode " + local + " up",
		"address add " + a.target.String() + " dev " + targetLink + nodad,
		// AnyIP: every address of the range is this host's own.
		"route add local " + l.options.Range.String() + " dev lo",
	}
	if a.server != a.target.Addr() {
		target = append(target, fmt.Sprintf("address add %s dev lo%s", a.server, nodad))
	}
	if a.gateway.IsValid() {
		scanner = append(scanner, fmt.Sprintf("route add %s via %s", l.options.Range, a.gateway))
	} else {
		// The scanner's own address is in the range, and still not the target's.
		s := a.scanner.Addr()
		target = append(target, fmt.Sprintf("route add %s dev %s table local", netip.PrefixFrom(s, s.BitLen()), targetLink))
		target = append(target, l.neighbours()...)
	}
	if err := l.target.batch(target...); err != nil {
		return err
	}
	if err := l.scanner.batch(scanner...); err != nil {
		return err
	}
	if l.options.Queue == "" {
		return nil
	}
	args := append([]string{"-n", string(l.scanner), "qdisc", "add", "dev", scannerLink, "root", "tbf"}, strings.Fields(l.options.Queue)...)
	return run(nil, "tc", args...)
}

// neighbours makes the answering addresses of IPv6 resolve on the link: AnyIP
// does so for ARP, but not for neighbour discovery.
func (l *Lab) neighbours() (commands []string) {
	if !l.six() {
		return nil
	}
	for _, a := range l.answering {
		commands = append(commands, fmt.Sprintf("address add %s/128 dev %s nodad", a, targetLink))
	}
	return commands
}

func (l *Lab) six() bool { return l.options.Range.Addr().Is6() }

// tune lifts what a host limits for its own good.
func (l *Lab) tune() error {
	return l.target.set(append(refuseAll(), []setting{
		{"ipv4/conf/all/rp_filter", "0"},
		{"ipv4/conf/" + targetLink + "/rp_filter", "0"},
		{"ipv4/conf/" + targetLink + "/route_localnet", "1"}, // Options.Serve listens on loopback
		{"ipv4/tcp_max_syn_backlog", "65536"},
		{"core/somaxconn", "65536"},
	}...))
}

// refuseAll sets no bound on port unreachable: ip-sysctl.rst of Linux. 200 is
// no type that is ever sent (RFC 4443, section 2.1: for private experiments).
func refuseAll() []setting {
	return []setting{
		{"ipv4/icmp_ratemask", "0"},
		{"ipv6/icmp/ratemask", "200"},
		{"ipv6/icmp/ratelimit", "0"},
	}
}

// Carry takes the scanner's interface down, or up again with the way to the
// target, which the kernel forgets meanwhile.
func (l *Lab) Carry(up bool) error {
	if !up {
		return l.scanner.batch("link set " + scannerLink + " down")
	}
	commands := []string{"link set " + scannerLink + " up"}
	if g := l.addrs.gateway; g.IsValid() {
		commands = append(commands, fmt.Sprintf("route replace %s via %s", l.options.Range, g))
	}
	return l.scanner.batch(commands...)
}

// Connect takes the carrier from the scanner's interface, by its other end, or
// gives it back.
func (l *Lab) Connect(plugged bool) error {
	if plugged {
		return l.target.batch("link set " + targetLink + " up")
	}
	return l.target.batch("link set " + targetLink + " down")
}
