package exposure

import (
	"fmt"
	"strings"
)

// fixDebian: /etc/memcached.conf holds command line options, one or more a
// line. Of several -U the last one counts, but every -l adds an address, so
// an existing -l line must go when there is a new one. A # starts a comment.
func fixDebian(list []Fix, x exposed) []Fix {
	name, _ := x.instance()
	file := "/etc/memcached.conf"
	if name != "" {
		file = "/etc/memcached_" + name + ".conf"
	}
	if x.run {
		const text = `sed -E 's/#.*//; /^[[:space:]]*-/ !d'`
		return x.configured(list, "Debian, Ubuntu", x.ownFile(file, text, "11211"), func(options []string) []string {
			return []string{
				apart(file, text),
				backup(file),
				endLine(file),
				fmt.Sprintf(`sed -i -E '/^[[:space:]]*-/ { s/(^|[[:space:]])%s//g; T; /^[[:space:]]*$/ d }' %s`, setAnew(options), file),
				fmt.Sprintf(`printf '%%s\n' '%s' >>%s`, strings.Join(options, "' '"), file),
			}
		})
	}
	return x.edited(list, "Debian, Ubuntu", func(options []string) Fix {
		lines := []string{"# Instead of every -U line in this file; of several, the last counts."}
		if x.reachable && len(x.clients) == 0 {
			which := "-l"
			if x.udpOn {
				which = "-U and -l"
			}
			lines = []string{"# Instead of every " + which + " line in this file: a further -l would add an address."}
		}
		if x.reachable && !x.alone {
			lines = append(lines, "# Clients elsewhere? Then -l with the one private address that they use.")
		}
		return Fix{File: file, Lines: append(lines, options...)}
	})
}
