package exposure

import "fmt"

// fixNftables is a table of its own, so that it works beside any rules that
// are there: what it accepts other tables may still drop, and what it drops is
// gone. An inet table holds for IPv4 and IPv6. The file starts by taking away
// the table that it may have made before, so that it can be loaded again.
func fixNftables(x exposed) []Fix {
	const folder, file = "/etc/nftables.d", "/etc/nftables.d/memcached.nft"
	lines := []string{
		"table inet memcached_exposure",
		"delete table inet memcached_exposure",
		"table inet memcached_exposure {",
		"\tchain input {",
		"\t\ttype filter hook input priority -10; policy accept;",
		"\t\tiifname \"lo\" accept",
	}
	if len(x.tcp) > 0 {
		lines = append(lines, fmt.Sprintf("\t\t# For each network that the clients are in: %s saddr %s tcp dport %d accept",
			x.nftFamily(), x.examplePrefix(), x.tcp[0]))
	}
	for transport, port := range x.endpoints {
		lines = append(lines, fmt.Sprintf("\t\t%s dport %d drop", transport, port))
	}
	return []Fix{
		{For: "nftables", Title: "Make a place for the rules", Lines: []string{"mkdir -p " + folder}},
		{For: "nftables", Title: "Drop it in the host's firewall (nftables)", File: file, Lines: append(lines, "\t}", "}")},
		{For: "nftables", Title: "Load it now; include it from /etc/nftables.conf to keep it", Lines: []string{"nft -f " + file}},
	}
}

func (x exposed) nftFamily() string {
	if x.ip.Is4() || x.ip.Is4In6() {
		return "ip"
	}
	return "ip6"
}

func (x exposed) examplePrefix() string {
	if x.nftFamily() == "ip" {
		return "10.0.0.0/24"
	}
	return "fd00::/64"
}
