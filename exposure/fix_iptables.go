package exposure

import (
	"fmt"
	"strings"
)

// fixIptables lets nobody else in. It is a chain of its own for each endpoint,
// so that closing another one of the host leaves it there, in one file for
// iptables-restore and ip6tables-restore, so that all of it holds at once or
// not at all; it accepts nothing, and leaves what it does not drop to the rules
// that are there. Of TCP it drops what opens a connection: those that are open
// stay, and no connection tracking is needed. The rules do not name the host's
// address: behind NAT it is not the one that was scanned.
func fixIptables(list []Fix, x exposed) []Fix {
	const folder = "/etc/iptables"
	families := x.families()
	end := ".rules"
	if len(families) == 1 {
		end = "-" + families[0].nft + end
	}
	file := folder + "/memcached-exposure-" + x.label() + end
	lines := append(make([]string, 0, 8), "*filter")
	lines = append(lines, x.forgery()...)
	var chains []string
	for transport, port := range x.endpoints {
		chain := fmt.Sprintf("MEMCACHED-%s-%d", strings.ToUpper(string(transport)), port)
		chains = append(chains, chain)
		lines = x.iptablesChain(lines, chain, transport, port)
	}
	var load []string
	for _, f := range families {
		for _, chain := range chains {
			if x.run {
				load = append(load, fmt.Sprintf("while %s -D INPUT -j %s 2>/dev/null; do :; done", f.iptables, chain))
			}
		}
		load = append(load, f.iptables+"-restore --noflush "+file)
	}
	return append(list,
		Fix{Title: "Make a place for the rules", Lines: []string{"mkdir -p " + folder}},
		Fix{Title: "Let only " + x.whom() + " in, by the host's firewall (iptables)", File: file, Lines: append(lines, "COMMIT")},
		Fix{Title: x.onceOrAgain() + "; never without --noflush, which would take all other rules away", Lines: load},
		Fix{Title: "Keep it over a reboot, which iptables alone does not; and what docker publishes passes DOCKER-USER, not INPUT", Lines: []string{
			"netfilter-persistent save  # Debian, Ubuntu: package iptables-persistent",
			"service iptables save; service ip6tables save  # RHEL, CentOS: package iptables-services",
		}},
	)
}

// onceOrAgain says whether the lines below it can be run twice: to take the
// jumps to the chains away first is only part of what is to be run unread.
func (x exposed) onceOrAgain() string {
	if x.run {
		return "Load it, once or again"
	}
	return "Load it, once"
}

// iptablesChain appends what closes one endpoint to all but clients.
func (x exposed) iptablesChain(lines []string, chain string, transport Transport, port uint16) []string {
	to := fmt.Sprintf(" -p %s --dport %d", transport, port)
	lines = append(lines, ":"+chain+" - [0:0]", "-I INPUT 1 -j "+chain, "-A "+chain+" -i lo -j RETURN")
	for _, p := range x.clients {
		lines = append(lines, familyOf(p).ruleOption+" -A "+chain+" -s "+p.String()+to+" -j RETURN")
	}
	opening := ""
	if transport == TCP {
		opening = " --syn"
	}
	if transport == TCP && len(x.clients) == 0 {
		f := x.families()[0]
		lines = append(lines, "# For each network that clients are in: "+f.ruleOption+" -A "+chain+" -s "+f.example+to+" -j RETURN")
	}
	return append(lines, "-A "+chain+to+opening+" -j DROP")
}
