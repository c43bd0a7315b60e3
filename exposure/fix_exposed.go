package exposure

import (
	"fmt"
	"hash/fnv"
	"iter"
	"net/netip"
	"slices"
	"strings"
)

// exposed is what a remedy needs to know of a finding: what is open on which
// host, and nothing that the host said in its own words.
type exposed struct {
	ip       netip.Addr
	clients  []netip.Prefix // who must reach it; empty: nobody but the host itself
	alone    bool           // this system was asked for: what helps on others is not shown beside it
	run      bool           // the lines are to be run as they are, not to be read
	udp, tcp []uint16       // the ports that answered, or are on in the settings

	stock       bool     // it is memcached itself, so memcached's options apply
	udpOn       bool     // UDP answers, or its settings say that it is on
	reachable   bool     // TCP answers, in whatever way
	open        bool     // TCP answers without credentials
	openInTLS   bool     // and that inside TLS
	clear       bool     // TCP answers without TLS, with or without credentials
	binaryOnly  bool     // TCP answers nothing but the binary protocol
	bypassed    bool     // credentials are on, and a listener's proto[...] bypasses them
	bothFamily  bool     // it listens on IPv4 and IPv6 alike
	services    []string // the units that start it, of an audit
	release     Release
	releaseSeen bool
}

func exposedBy(f *Finding) exposed {
	x := exposed{ip: f.IP.WithZone("")}
	for _, o := range worstFirst(f) {
		if o.State == Foreign && o.Service == "ssh" {
			continue // a sweep of its port must not end with the way in being shut
		}
		if o.confined() {
			continue // nobody reaches it from elsewhere: there is nothing to close
		}
		memcached := o.Product == "" && o.State != Foreign && o.State != Mute && o.State != TLS
		x.stock = x.stock || memcached
		port, udpSet := udpSetting(o)
		if o.Transport == UDP {
			x.udp = with(x.udp, o.Port)
		} else {
			x.overTCP(o)
		}
		if memcached && udpSet && !listensOnOwnPort(o) {
			x.udp = with(x.udp, port)
		}
		x.udpOn = x.udpOn || memcached && (o.Transport == UDP || udpSet)
		x.startedBy(o, memcached)
		x.bothFamily = x.bothFamily || f.repliedBeside(o)
		if o.Settings != nil && o.Settings.Inter != nil {
			x.bothFamily = x.bothFamily || readInter(*o.Settings.Inter).bothFamily
		}
		if r, ok := ParseRelease(o.version()); ok && !x.releaseSeen && memcached {
			x.release, x.releaseSeen = r, true
		}
	}
	return x
}

// overTCP takes in an endpoint that answered over TCP.
func (x *exposed) overTCP(o *Observation) {
	x.tcp = with(x.tcp, o.Port)
	x.reachable = true
	x.open = x.open || o.State == Open
	x.openInTLS = x.openInTLS || o.State == Open && o.TLS
	x.clear = x.clear || !o.TLS && (o.State == Open || o.State == AuthRequired)
	x.binaryOnly = x.binaryOnly || slices.Equal(o.Dialect, []string{"binary"})
	x.bypassed = x.bypassed || bypassed(o)
}

// with adds a port to a list, once.
func with(ports []uint16, port uint16) []uint16 {
	if slices.Contains(ports, port) {
		return ports
	}
	return append(ports, port)
}

// has reports whether the server is known to be no older than a release, or
// not known at all: then it is taken for a recent one.
func (x exposed) has(major, minor, patch int) bool {
	return !x.releaseSeen || !x.release.Before(major, minor, patch)
}

// options are the memcached options that close what is open. -U 0 comes
// first: with UDP off, nothing can be aimed at third parties any more. Where
// clients need it, it listens as it does: which of its addresses they use is
// not known, and a filter must tell them from others.
func (x exposed) options() []string {
	var options []string
	if x.udpOn {
		options = append(options, "-U 0")
	}
	if x.reachable && len(x.clients) == 0 {
		options = append(options, "-l "+x.loopback())
	}
	return options
}

// loopback is where a server with local clients only should listen.
func (x exposed) loopback() string {
	if x.v4() {
		return "127.0.0.1"
	}
	return "127.0.0.1,::1"
}

// aim says in one line what options achieves.
func (x exposed) aim() string {
	switch {
	case x.udpOn && x.reachable && len(x.clients) == 0:
		return "Turn UDP off, and listen only where the clients are"
	case x.udpOn:
		return "Turn UDP off"
	}
	return "Listen only where the clients are"
}

// Exposed yields the endpoints that Remedy closes, UDP first: those that
// answered, and those that are on by the server's own settings.
func Exposed(f *Finding) iter.Seq2[Transport, uint16] { return exposedBy(f).endpoints }

// ListensOnBoth reports whether what f exposes is known to listen on IPv4 and
// IPv6 alike.
func ListensOnBoth(f *Finding) bool { return exposedBy(f).bothFamily }

// label is what tells the files for a host's endpoints from one another, such
// as udp-11211-tcp-11211. A long list, which no file could be named by, is
// its first endpoint and a digest of all.
func (x exposed) label() string {
	var words []string
	for transport, port := range x.endpoints {
		words = append(words, fmt.Sprintf("%s-%d", transport, port))
	}
	slices.Sort(words)
	all := strings.Join(words, "-")
	if len(words) <= 8 {
		return all
	}
	digest := fnv.New64a()
	digest.Write([]byte(all))
	return fmt.Sprintf("%s-and-%016x", words[0], digest.Sum64())
}

// endpoints are the pairs of transport and port to close, UDP first.
func (x exposed) endpoints(yield func(Transport, uint16) bool) {
	for _, port := range x.udp {
		if !yield(UDP, port) {
			return
		}
	}
	for _, port := range x.tcp {
		if !yield(TCP, port) {
			return
		}
	}
}

// restart makes a change count and shows what the server listens on since.
func (x exposed) restart() []string {
	return x.listening("systemctl restart " + strings.TrimSuffix(x.unit(), ".service"))
}

// v4 reports whether the scanned address is of IPv4.
func (x exposed) v4() bool { return x.ip.Is4() || x.ip.Is4In6() }

// families are the address families to close, that of the scanned address
// first: the other one too where it listens on both, or clients use it.
func (x exposed) families() []family {
	list := ipv4First
	if !x.v4() {
		list = ipv6First
	}
	other := slices.ContainsFunc(x.clients, func(p netip.Prefix) bool { return familyOf(p) == list[1] })
	if !x.bothFamily && !other {
		return list[:1:1]
	}
	return list
}

// ports are those to close, of either transport, in order.
func (x exposed) ports() []uint16 {
	ports := slices.Concat(x.udp, x.tcp)
	slices.Sort(ports)
	return slices.Compact(ports)
}

// listening shows who listens on the exposed ports, behind other lines.
func (x exposed) listening(lines ...string) []string {
	for _, port := range x.ports() {
		lines = append(lines, fmt.Sprintf("ss -lntup 'sport = :%d'", port))
	}
	return lines
}
