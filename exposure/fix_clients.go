package exposure

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// family is a version of IP.
type family struct {
	everyone   string // its widest prefix
	example    string // a network that clients may be in
	iptables   string // the command
	nft        string // the keyword that names the family
	ruleOption string // marks a rule as its own, in a file for both iptables-restore and ip6tables-restore
}

var (
	ipv4 = family{"0.0.0.0/0", "10.0.0.0/24", "iptables", "ip", "-4"}
	ipv6 = family{"::/0", "fd00::/64", "ip6tables", "ip6", "-6"}

	ipv4First, ipv6First = []family{ipv4, ipv6}, []family{ipv6, ipv4}
)

func familyOf(p netip.Prefix) family {
	if p.Addr().Is4() {
		return ipv4
	}
	return ipv6
}

// ParseClients reads the networks that need access: prefixes or addresses of
// either family, in any order. It returns them without overlaps, those of IPv4
// first, and refuses what lets everyone in.
func ParseClients(list []string) ([]netip.Prefix, error) {
	var clients []netip.Prefix
	for _, text := range list {
		p, err := parseClient(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("client %q: %w", text, err)
		}
		clients = append(clients, p)
	}
	clients = merged(clients)
	for _, p := range clients {
		if p.Bits() == 0 {
			return nil, fmt.Errorf("clients %s: together that is everyone, %s: write the networks that your clients are in, such as %s",
				strings.Join(list, ", "), p, familyOf(p).example)
		}
	}
	return clients, nil
}

func parseClient(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if a, alone := netip.ParseAddr(text); alone == nil && a.Zone() == "" {
		p, err = netip.PrefixFrom(a, a.BitLen()), nil
	}
	if err != nil {
		return p, errors.New("write a network such as 10.0.0.0/24 or fd00::/64, or an address")
	}
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	switch {
	case p.Addr().Is4In6():
		return p, errors.New("write networks of IPv4 as 10.0.0.0/24")
	case p.Bits() == 0:
		return p, fmt.Errorf("that is everyone: write the networks that your clients are in, such as %s; without any, only the host itself is let in", familyOf(p).example)
	case p != p.Masked():
		return p, fmt.Errorf("it has bits set beyond /%d: write %s for the network, or %s for that address alone", p.Bits(), p.Masked(), p.Addr())
	case p.Addr().IsMulticast():
		return p, errors.New("that is multicast, and nobody's address: write the networks that your clients are in")
	}
	return p, nil
}

// merged leaves out what is part of another prefix, and makes two halves one,
// as firewalls refuse sets that overlap.
func merged(list []netip.Prefix) []netip.Prefix {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	var out []netip.Prefix
	for _, p := range list {
		if n := len(out); n > 0 && out[n-1].Overlaps(p) {
			continue // what comes first in this order is never the smaller one
		}
		out = append(out, p)
		for n := len(out); n > 1; n = len(out) {
			parent := netip.PrefixFrom(out[n-1].Addr(), max(0, out[n-1].Bits()-1)).Masked()
			if out[n-2].Bits() != out[n-1].Bits() || out[n-2].Addr() != parent.Addr() || !parent.Contains(out[n-1].Addr()) {
				break
			}
			out = append(out[:n-2], parent)
		}
	}
	return out
}

// of are the clients of one family.
func (x exposed) of(f family) []netip.Prefix {
	return slices.DeleteFunc(slices.Clone(x.clients), func(p netip.Prefix) bool { return familyOf(p) != f })
}

// forgery is a comment on what letting clients in over UDP leaves open.
func (x exposed) forgery() []string {
	if len(x.udp) == 0 || len(x.clients) == 0 {
		return nil
	}
	return []string{"# Senders of UDP can be forged: clients can still be flooded. -U 0 ends that."}
}
