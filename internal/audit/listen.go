package audit

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/memsweep/memsweep/exposure"
)

// defaultPort is what memcached uses where it is not told.
const defaultPort = 11211

// listener is a socket that options ask for.
type listener struct {
	transport exposure.Transport
	host      string     // as it is written; "" for every address
	addr      netip.Addr // not valid for a name that is not known
	port      uint16
	plain     bool   // notls: without TLS, whatever -Z says
	proto     string // proto[…]: a protocol of its own
}

// entry is one part of a -l argument.
type entry struct {
	host  string
	port  string // "" for the one of -p and -U
	plain bool
	proto string
}

// entries reads -l arguments: host, host:port or [v6]:port, after prefixes such
// as notls:, proto[ascii]: and tag[x]: (memcached.c, server_sockets).
func entries(arguments []string) []entry {
	var list []entry
	for _, argument := range arguments {
		for text := range strings.FieldsFuncSeq(argument, func(r rune) bool { return r == ',' || r == ';' }) {
			list = append(list, readEntry(text))
		}
	}
	return list
}

func readEntry(text string) (e entry) {
	for {
		prefix, rest, ok := strings.Cut(text, ":")
		name, value, bracket := strings.Cut(strings.TrimSuffix(prefix, "]"), "[")
		switch {
		case ok && prefix == "notls":
			e.plain = true
		case ok && bracket && name == "proto":
			e.proto = value
		case ok && bracket && name == "tag":
		default:
			e.host, e.port = hostPort(text)
			return e
		}
		text = rest
	}
}

func hostPort(text string) (host, port string) {
	if inside, ok := strings.CutPrefix(text, "["); ok {
		host, port, _ = strings.Cut(inside, "]")
		return host, strings.TrimPrefix(port, ":")
	}
	if strings.Count(text, ":") == 1 {
		host, port, _ = strings.Cut(text, ":")
		return host, port
	}
	return text, ""
}

// addresses of a host in -l. "localhost" is taken for IPv4, as it is where
// /etc/hosts was not changed; any other name is not asked for.
func (e entry) addresses() []netip.Addr {
	switch e.host {
	case "*":
		return everywhere()
	case "localhost":
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	}
	if a, err := netip.ParseAddr(e.host); err == nil {
		return []netip.Addr{a.WithZone("").Unmap()}
	}
	return []netip.Addr{{}}
}

func everywhere() []netip.Addr { return []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} }

// ports are what -p and -U come to. known is false when UDP depends on a
// release that is not known: on by default from 1.2.7 to 1.5.5, where -p also
// moves it (from 1.4.3), and off in the patches that distributions made of those.
func (o options) ports(version string) (tcp, udp uint64, known bool) {
	tcp = defaultPort
	switch {
	case o.tcp.given:
		tcp = o.tcp.number
	case o.udp.number != 0:
		tcp = o.udp.number
	}
	if o.udp.given {
		return tcp, o.udp.number, true
	}
	r, ok := exposure.ParseRelease(version)
	switch {
	case !ok:
		return tcp, 0, false
	case r.Before(1, 2, 7) || !r.Before(1, 5, 6):
		return tcp, 0, true
	case !r.Before(1, 4, 3) && o.tcp.given && o.tcp.number != 0:
		return tcp, tcp, false
	}
	return tcp, defaultPort, false
}

// listeners are the sockets that o asks for. Those of UDP that depend on an
// unknown default are in maybe.
func (o options) listeners(version string) (sure, maybe []listener, err error) {
	if o.socket != "" {
		return nil, nil, nil
	}
	tcp, udp, known := o.ports(version)
	if tcp > 65535 || udp > 65535 {
		return nil, nil, fmt.Errorf("port %d is above 65535: memcached refuses to start", max(tcp, udp))
	}
	list := entries(o.listen)
	if len(o.listen) == 0 {
		list = []entry{{host: "*"}}
	}
	if !known && udp == 0 {
		udp = tcp
	}
	for _, e := range list {
		own, err := e.ownPort()
		if err != nil {
			return nil, nil, err
		}
		for _, a := range e.addresses() {
			l := listener{host: e.host, addr: a, plain: e.plain, proto: e.proto}
			if tcp != 0 {
				l.transport, l.port = exposure.TCP, orElse(own, tcp)
				sure = append(sure, l)
			}
			if udp != 0 {
				l.transport, l.port = exposure.UDP, orElse(own, udp)
				if known {
					sure = append(sure, l)
				} else {
					maybe = append(maybe, l)
				}
			}
		}
	}
	return sure, maybe, nil
}

// ownPort is the port in an entry, which overrides -p and -U; 0: none.
func (e entry) ownPort() (uint16, error) {
	if e.port == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(e.port, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("-l names port %q: memcached refuses to start", e.port)
	}
	return uint16(n), nil
}

func orElse(own uint16, port uint64) uint16 {
	if own != 0 {
		return own
	}
	return uint16(port)
}

// asks says what a listener asks of those who connect.
func (o options) asks(l listener, version string) (state exposure.State, auth exposure.Auth, inTLS bool) {
	if l.transport == exposure.UDP {
		return exposure.Open, exposure.AuthNone, false // neither -S, -Y nor -Z holds there
	}
	inTLS = o.tls && !l.plain
	switch {
	case inTLS && o.wantsCertificate():
		return exposure.TLS, exposure.AuthCert, true
	case o.authFile != "" && !o.bypassed(l, version):
		return exposure.AuthRequired, exposure.AuthASCII, inTLS
	case o.sasl && o.authFile == "":
		return exposure.AuthRequired, exposure.AuthSASL, inTLS
	}
	return exposure.Open, exposure.AuthNone, inTLS
}

// bypassed: up to 1.6.42 a listener with a protocol of its own asks for no
// credentials, whatever -Y says (upstream issue 1283). A release that is not
// known is taken for one of those.
func (o options) bypassed(l listener, version string) bool {
	r, ok := exposure.ParseRelease(version)
	return (l.proto == "negotiating" || l.proto == "binary") && (!ok || r.Before(1, 6, 43))
}
