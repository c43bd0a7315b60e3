package exposure

import "fmt"

// fixIptables drops what does not come from the host itself. The rules do not
// name the host's address: behind NAT it is not the one that was scanned.
func fixIptables(x exposed) []Fix {
	var lines []string
	for _, command := range x.iptables() {
		for transport, port := range x.endpoints {
			lines = append(lines, fmt.Sprintf("%s -I INPUT ! -i lo -p %s --dport %d -j DROP", command, transport, port))
		}
	}
	if len(x.tcp) > 0 {
		lines = append(lines, fmt.Sprintf("# Then, for each client: %s -I INPUT -s CLIENT -p tcp --dport %d -j ACCEPT", x.iptables()[0], x.tcp[0]))
	}
	return []Fix{{For: "iptables", Title: "Drop it in the host's firewall (iptables)", Lines: lines}}
}

// iptables lists the commands for the address families that it listens on,
// that of the scanned address first.
func (x exposed) iptables() []string {
	v4 := x.ip.Is4() || x.ip.Is4In6()
	switch {
	case x.bothFamily && v4:
		return []string{"iptables", "ip6tables"}
	case x.bothFamily:
		return []string{"ip6tables", "iptables"}
	case v4:
		return []string{"iptables"}
	}
	return []string{"ip6tables"}
}
