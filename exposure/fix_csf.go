package exposure

import (
	"fmt"
	"strings"
)

// fixCSF: ConfigServer Firewall lets in what its lists of ports name, so the
// port must not be in them: TCP_IN, UDP_IN, and TCP6_IN, UDP6_IN for IPv6. It
// may be there more than once, hence the loop. csf.allow is asked before these
// lists; it survives a reboot as they do. What is open stays open: csf lets
// established connections pass.
func fixCSF(list []Fix, x exposed) []Fix {
	const folder = "/etc/csf"
	const file, allow = folder + "/csf.conf", folder + "/csf.allow"
	if !x.run {
		return x.csfAdvice(list, file, allow)
	}
	lines := []string{endLine(allow)}
	for transport, port := range x.endpoints {
		for _, p := range x.clients {
			rule := fmt.Sprintf("%s|in|d=%d|s=%s", transport, port, p)
			lines = append(lines, fmt.Sprintf("grep -qxF '%s' %s || echo '%s' >>%s", rule, allow, rule, allow))
		}
	}
	if len(x.clients) > 0 {
		list = append(list, Fix{Title: "Let the given networks in", Lines: lines})
	}
	lines = nil
	for transport, port := range x.endpoints {
		lines = append(lines, fmt.Sprintf(
			`sed -i -E '/^[[:space:]]*%s6?_IN[[:space:]]*=/ { :a; s/([",])[[:space:]]*%d[[:space:]]*([",])/\1\2/; ta; s/,,+/,/g; s/",/"/; s/,"/"/ }' %s`,
			strings.ToUpper(string(transport)), port, file))
	}
	lines = append(lines, "csf -r")
	for transport, port := range x.endpoints {
		lines = append(lines, fmt.Sprintf(
			`awk -F '"' '/^[[:space:]]*%s6?_IN[[:space:]]*=/ { n = split($2, list, ","); for (i = 1; i <= n; i++) { k = split(list[i], ends, ":"); if (ends[1] + 0 <= %[2]d && %[2]d <= ends[k] + 0) held = 1 } } END { exit held }' %[3]s || { echo "%[3]s still lets %[1]s port %[2]d in, by a range of ports: narrow it by hand, then csf -r" >&2; exit 1; }`,
			strings.ToUpper(string(transport)), port, file))
	}
	return append(list, Fix{Title: "Take the port off the lists that ConfigServer Firewall lets in, and restart it", Lines: lines})
}

// csfAdvice is the same for people, who see whether the port is part of a range.
func (x exposed) csfAdvice(list []Fix, file, allow string) []Fix {
	if len(x.clients) > 0 {
		in := Fix{Title: "Let the given networks in", File: allow, Lines: []string{"# Beside the lines in this file:"}}
		for transport, port := range x.endpoints {
			for _, p := range x.clients {
				in.Lines = append(in.Lines, fmt.Sprintf("%s|in|d=%d|s=%s", transport, port, p))
			}
		}
		list = append(list, in)
	}
	out := Fix{Title: "Take the port off the lists that ConfigServer Firewall lets in, and narrow ranges that hold it", File: file}
	for transport, port := range x.endpoints {
		name := strings.ToUpper(string(transport))
		out.Lines = append(out.Lines, fmt.Sprintf("# %s_IN and %[1]s6_IN without %d", name, port))
	}
	return append(list, out, Fix{Title: "Restart it", Lines: []string{"csf -r"}})
}
