package exposure

import (
	"fmt"
	"strings"
)

// fixRHEL: the unit passes $OPTIONS after its own -p, -u, -m and -c, so what
// is in OPTIONS wins. Only one OPTIONS line counts, the last.
func fixRHEL(x exposed) []Fix {
	const file = "/etc/sysconfig/memcached"
	if x.run {
		return x.configured("RHEL, CentOS, Fedora", func(options []string) []string {
			return []string{
				"# memcached@PORT.service reads /etc/sysconfig/memcached.PORT too, which wins.",
				backup(file),
				fmt.Sprintf(`grep -q '^OPTIONS=' %[1]s || { %[2]s; echo 'OPTIONS=""' >>%[1]s; }`, file, endLine(file)),
				// Takes the quotes off, the options out, and puts both back.
				fmt.Sprintf(`sed -i -E '/^OPTIONS=/ { s/^OPTIONS=["\x27]?(.*[^"\x27[:space:]])?["\x27]?[[:space:]]*$/OPTIONS= \1/; s/[[:space:]]%s//g; s/^OPTIONS=[[:space:]]*(.*)$/OPTIONS="\1 %s"/; s/="[[:space:]]+/="/ }' %s`,
					setAnew(options), strings.Join(options, " "), file),
			}
		})
	}
	options := x.options()
	if !x.stock || len(options) == 0 {
		return nil
	}
	return []Fix{
		{
			Title: x.aim() + " (RHEL, CentOS, Fedora)",
			File:  file,
			Lines: []string{
				"# Instead of the OPTIONS line in this file; keep other options that it has, but " + x.others() + ".",
				fmt.Sprintf("OPTIONS=%q", strings.Join(options, " ")),
			},
		},
		{Title: "Restart, and check what it listens on", Lines: x.restart()},
	}
}

// others says what of an old OPTIONS must go and what must stay: without the
// -l that it has, a server whose TCP is shut off would open it to everyone,
// and without its -U 0 a server before 1.5.6 would switch UDP on.
func (x exposed) others() string {
	switch {
	case x.udpOn && x.reachable:
		return "no other -U or -l"
	case x.udpOn:
		return "no other -U; keep -l as it is"
	}
	return "no other -l; keep -U as it is"
}
