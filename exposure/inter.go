package exposure

import (
	"net/netip"
	"strings"
)

// listeners is what a -l argument says about where memcached listens.
type listeners struct {
	everywhere bool // every interface, of one address family or both
	bothFamily bool // IPv4 and IPv6: no -l at all, or *
	withPort   bool // an entry names its own port, which overrides -p and -U
}

// readInter reads the `inter` setting: the literal -l argument, or NULL when
// there was none. Entries are separated by commas or semicolons and look like
// host, host:port or [v6]:port, after prefixes such as notls:, proto[ascii]:
// and tag[x]: (memcached.c, server_sockets).
func readInter(inter string) listeners {
	var l listeners
	if inter == "NULL" {
		return listeners{everywhere: true, bothFamily: true}
	}
	for entry := range strings.FieldsFuncSeq(inter, func(r rune) bool { return r == ',' || r == ';' }) {
		host, port := splitListener(entry)
		l.withPort = l.withPort || port
		switch host {
		case "*":
			l.everywhere, l.bothFamily = true, true
		default:
			if a, err := netip.ParseAddr(host); err == nil && a.IsUnspecified() {
				l.everywhere = true
			}
		}
	}
	return l
}

// splitListener takes the prefixes and the port off one entry.
func splitListener(entry string) (host string, port bool) {
	for {
		prefix, rest, ok := strings.Cut(entry, ":")
		if !ok || prefix != "notls" && !(strings.HasSuffix(prefix, "]") && !strings.HasPrefix(prefix, "[")) {
			break
		}
		entry = rest
	}
	if strings.HasPrefix(entry, "[") {
		host, rest, _ := strings.Cut(entry[1:], "]")
		return host, strings.HasPrefix(rest, ":")
	}
	if strings.Count(entry, ":") == 1 {
		host, _, _ := strings.Cut(entry, ":")
		return host, true
	}
	return entry, false
}
