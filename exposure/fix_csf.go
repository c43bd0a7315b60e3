package exposure

import (
	"fmt"
	"strings"
)

// fixCSF: ConfigServer Firewall lets in what its lists of ports name, so the
// port must not be in them: TCP_IN, UDP_IN, and TCP6_IN, UDP6_IN for IPv6. It
// may be there more than once, hence the loop.
func fixCSF(x exposed) []Fix {
	const file = "/etc/csf/csf.conf"
	var lines []string
	for transport, port := range x.endpoints {
		list := strings.ToUpper(string(transport))
		lines = append(lines, fmt.Sprintf(
			`sed -i -E '/^%s6?_IN *=/ { :a; s/([",])%d([",])/\1\2/; ta; s/,,+/,/g; s/",/"/; s/,"/"/ }' %s`, list, port, file))
	}
	lines = append(lines, "grep -E '^(TCP|UDP)6?_IN' "+file+"  # a range of ports may still hold it", "csf -r")
	return []Fix{{For: "csf", Title: "Take the port off the lists that ConfigServer Firewall lets in, and restart it", Lines: lines}}
}
