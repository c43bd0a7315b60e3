package exposure

import (
	"fmt"
	"net/netip"
	"strings"
)

// fixNftables is a table of its own for each endpoint, so that it works beside
// any rules that are there, those for another endpoint of the host too: what it
// accepts other tables may still drop, and what it drops is gone. An inet table
// holds for IPv4 and IPv6. The file starts each by taking away the table that it
// may have made before, so that it can be loaded again; all of that is one
// transaction. Of TCP it drops what opens a connection: those that are open
// stay, and no connection tracking is needed.
func fixNftables(list []Fix, x exposed) []Fix {
	const folder = "/etc/nftables.d"
	file := folder + "/memcached-" + x.label() + ".nft"
	lines := append(make([]string, 0, 10), x.forgery()...)
	for transport, port := range x.endpoints {
		lines = x.nftTable(lines, transport, port)
	}
	return append(list,
		Fix{Title: "Make a place for the rules", Lines: []string{"mkdir -p " + folder}},
		Fix{Title: "Let only " + x.whom() + " in, by the host's firewall (nftables)", File: file, Lines: lines},
		Fix{Title: "Load it, once or again", Lines: []string{"nft -f " + file}},
		Fix{Title: "Keep it over a reboot, where nftables.service is enabled (RHEL: /etc/sysconfig/nftables.conf); what docker publishes passes forward, not input", Lines: []string{x.nftInclude(file)}},
	)
}

// nftInclude has the file loaded when the machine starts.
func (x exposed) nftInclude(file string) string {
	if !x.run {
		return fmt.Sprintf(`echo 'include "%s"' >>/etc/nftables.conf`, file)
	}
	return fmt.Sprintf(`grep -qxF 'include "%s"' /etc/nftables.conf || printf '\ninclude "%s"\n' >>/etc/nftables.conf`, file, file)
}

// nftTable appends what closes one endpoint to all but clients.
func (x exposed) nftTable(lines []string, transport Transport, port uint16) []string {
	name, opening := fmt.Sprintf("table inet memcached_exposure_%s_%d", transport, port), ""
	if transport == TCP {
		opening = " tcp flags & (fin | syn | rst | ack) == syn"
	}
	lines = append(lines,
		name,
		"delete "+name,
		name+" {",
		"\tchain input {",
		"\t\ttype filter hook input priority -10; policy accept;",
		"\t\tiifname \"lo\" accept",
	)
	lines = x.nftClients(lines, transport, port)
	return append(lines, fmt.Sprintf("\t\t%s dport %d%s drop", transport, port, opening), "\t}", "}")
}

// nftClients appends the rules that let clients in at one endpoint.
func (x exposed) nftClients(rules []string, transport Transport, port uint16) []string {
	for _, f := range ipv4First {
		if clients := x.of(f); len(clients) > 0 {
			rules = append(rules, fmt.Sprintf("\t\t%s saddr { %s } %s dport %d accept", f.nft, joined(clients), transport, port))
		}
	}
	if len(x.clients) == 0 && transport == TCP {
		f := x.families()[0]
		rules = append(rules, fmt.Sprintf("\t\t# For each network that clients are in: %s saddr %s %s dport %d accept", f.nft, f.example, transport, port))
	}
	return rules
}

func joined(list []netip.Prefix) string {
	words := make([]string, len(list))
	for i, p := range list {
		words[i] = p.String()
	}
	return strings.Join(words, ", ")
}
