package exposure

import (
	"fmt"
	"strings"
)

// fixRHEL: the unit passes $OPTIONS after its own -p, -u, -m and -c, so what
// is in OPTIONS wins. Only one OPTIONS line counts, the last.
func fixRHEL(x exposed) []Fix {
	options := x.options()
	if !x.stock || len(options) == 0 {
		return nil
	}
	return []Fix{
		{
			For:   "rhel",
			Title: x.aim() + " (RHEL, CentOS, Fedora)",
			File:  "/etc/sysconfig/memcached",
			Lines: []string{
				"# Instead of the OPTIONS line in this file; keep other options that it has, but no other -U or -l.",
				fmt.Sprintf("OPTIONS=%q", strings.Join(options, " ")),
			},
		},
		{For: "rhel", Title: "Restart, and check what it listens on", Lines: x.restart()},
	}
}
