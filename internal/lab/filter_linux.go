package lab

import (
	"fmt"
	"strings"
)

// filter loads the rules of the target. What is to be lost is lost where the
// link enters and leaves the target, before its stack has spent anything on it;
// only packets of addresses that answer are tracked, since replies from behind
// a translation need it, and nothing else could bear it. (Firewalled is the
// ordinary way, for comparison.)
func (l *Lab) filter() error {
	return run(strings.NewReader(l.rules()), "ip", "netns", "exec", string(l.target), "nft", "-f", "-")
}

func (l *Lab) rules() string {
	family, kind := "ip", "ipv4_addr"
	if l.six() {
		family, kind = "ip6", "ipv6_addr"
	}
	all := l.options.Range.String()
	answering := "@answering"
	if l.options.Rest == Answers {
		answering = all
	}
	set := l.set(kind)
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }

	line("table netdev lab {\n%s", set)
	line("chain in { type filter hook ingress device %s priority 0; policy accept;", targetLink)
	if l.options.Loss > 0 {
		line("%s daddr %s numgen random mod 100 < %d drop", family, all, l.options.Loss)
	}
	if l.options.Rest == Silent {
		line("%s daddr %s %s daddr != @answering drop", family, all, family)
	}
	if l.options.Rest == Silent && l.options.OnLink && !l.six() {
		line("arp daddr ip %s arp daddr ip != { %s } arp daddr ip != @answering drop", all, l.addrs.target.Addr())
	}
	line("}")
	if l.options.Loss > 0 {
		line("chain out { type filter hook egress device %s priority 0; policy accept;", targetLink)
		line("%s saddr %s numgen random mod 100 < %d drop\n}", family, all, l.options.Loss)
	}
	line("}")

	line("table %s lab {\n%s", family, set)
	switch l.options.Rest {
	case Firewalled:
		line("chain in { type filter hook input priority 0; policy accept; ct state new %s daddr %s drop\n}", family, all)
	case Silent, Vanishing, Closed:
		line("chain in { type filter hook prerouting priority -300; policy accept; %s daddr %s %s daddr != @answering notrack\n}", family, all, family)
		line("chain out { type filter hook output priority -300; policy accept; %s saddr %s %s saddr != @answering notrack\n}", family, all, family)
	}
	line("chain nat { type nat hook prerouting priority -100; policy accept;")
	for _, transport := range []string{"tcp", "udp"} {
		line("%s daddr %s %s dport %d dnat to %s", family, answering, transport, port, l.server)
	}
	line("}\n}")
	return b.String()
}

// set is the addresses that answer, for rules of one table.
func (l *Lab) set(kind string) string {
	if len(l.answering) == 0 {
		return "set answering { type " + kind + "; }"
	}
	var list []string
	for _, a := range l.answering {
		list = append(list, a.String())
	}
	return "set answering { type " + kind + "; elements = { " + strings.Join(list, ", ") + " }\n}"
}
