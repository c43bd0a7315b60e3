package exposure

// fixDebian: /etc/memcached.conf holds command line options, one or more a
// line. Of several -U the last one counts, but every -l adds an address, so
// an existing -l line must go when there is a new one. A # starts a comment.
func fixDebian(x exposed) []Fix {
	options := x.options()
	if !x.stock || len(options) == 0 {
		return nil
	}
	lines := []string{"# Instead of every -U line in this file; of several, the last counts."}
	if x.reachable {
		which := "-l"
		if x.udpOn {
			which = "-U and -l"
		}
		lines = []string{
			"# Instead of every " + which + " line in this file: a further -l would add an address.",
			"# Clients elsewhere? Then -l with the one private address that they use.",
		}
	}
	return []Fix{
		{For: "debian", Title: x.aim() + " (Debian, Ubuntu)", File: "/etc/memcached.conf", Lines: append(lines, options...)},
		{For: "debian", Title: "Restart, and check what it listens on", Lines: x.restart()},
	}
}
