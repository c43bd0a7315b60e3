package audit

import (
	"net/netip"
	"slices"
	"strings"
)

// parseFibTrie takes this machine's own IPv4 addresses from /proc/net/fib_trie,
// which needs no socket in the namespace: leaves "|-- ADDRESS" of which a line
// "/32 host LOCAL" follows. Whole ranges that are local are in ranges.
func parseFibTrie(text string) (addrs []netip.Addr, ranges []netip.Prefix) {
	var leaf netip.Addr
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if address, ok := strings.CutPrefix(line, "|-- "); ok {
			leaf, _ = netip.ParseAddr(address)
			continue
		}
		f := strings.Fields(line)
		if len(f) < 3 || f[1] != "host" || f[2] != "LOCAL" || !leaf.IsValid() {
			continue
		}
		p, err := netip.ParsePrefix(leaf.String() + f[0])
		switch {
		case err != nil:
		case p.IsSingleIP():
			addrs = append(addrs, leaf)
		case !leaf.IsLoopback():
			ranges = append(ranges, p)
		}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	slices.SortFunc(ranges, netip.Prefix.Compare)
	return slices.Compact(addrs), slices.Compact(ranges)
}

// parseIfInet6 takes the IPv6 addresses from /proc/net/if_inet6 (proc_pid_net(5)):
// 32 digits, then index, prefix length, scope, flags and name.
func parseIfInet6(text string) []netip.Addr {
	var addrs []netip.Addr
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 6 || len(f[0]) != 32 {
			continue
		}
		var groups []string
		for part := range slices.Chunk([]byte(f[0]), 4) {
			groups = append(groups, string(part))
		}
		if a, err := netip.ParseAddr(strings.Join(groups, ":")); err == nil {
			addrs = append(addrs, a)
		}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return slices.Compact(addrs)
}

// interfaces are the addresses of one network namespace.
type interfaces struct {
	outside  []netip.Addr   // reached from elsewhere
	link     []netip.Addr   // link-local ones, where there are others
	loopback []netip.Addr   //
	ranges   []netip.Prefix // local as a whole
}

// sortOut tells addresses apart. Every link has a link-local one: they are
// findings of their own only where there is nothing else.
func sortOut(addrs []netip.Addr, ranges []netip.Prefix) interfaces {
	i := interfaces{ranges: ranges}
	for _, a := range addrs {
		switch {
		case a.IsLoopback():
			i.loopback = append(i.loopback, a)
		case a.IsLinkLocalUnicast():
			i.link = append(i.link, a)
		default:
			i.outside = append(i.outside, a)
		}
	}
	if len(i.outside) == 0 {
		i.outside, i.link = i.link, nil
	}
	return i
}

// reach is every address at which a socket bound to a is reached from
// elsewhere; where it is reached from nowhere else, its loopback address.
func (i interfaces) reach(a netip.Addr) []netip.Addr {
	if !a.IsUnspecified() {
		return []netip.Addr{a}
	}
	family := func(list []netip.Addr) (same []netip.Addr) {
		for _, b := range list {
			if a.Is4() == b.Is4() {
				same = append(same, b)
			}
		}
		return same
	}
	if same := family(i.outside); len(same) > 0 {
		return same
	}
	if same := family(i.link); len(same) > 0 {
		return same[:1] // a note names the others
	}
	return family(i.loopback)
}
