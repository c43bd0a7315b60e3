package memtest

import (
	"crypto/tls"
	"net/netip"
)

// Stock memcached, as its flags make it.
const (
	Open         Posture = "open"          // no flags
	ASCIIOnly    Posture = "ascii-only"    // -B ascii
	BinaryOnly   Posture = "binary-only"   // -B binary
	Reflector    Posture = "reflector"     // -U
	UDPOnly      Posture = "udp-only"      // -p 0 -U
	Multihomed   Posture = "multihomed"    // no -l, -U
	ASCIIAuth    Posture = "ascii-auth"    // -Y
	SASL         Posture = "sasl"          // -S
	TLS          Posture = "tls"           // -Z
	MutualTLS    Posture = "mutual-tls"    // -Z -o ssl_verify_mode=2
	TLSReflector Posture = "tls-reflector" // -Z -U
	Full         Posture = "full"          // -c reached
	FullSilent   Posture = "full-silent"   // -c reached, -o no_maxconns_fast
	UnixOnly     Posture = "unix-only"     // -s

	OldSASL Posture = "old-sasl" // 1.4.25 -S, UDP on as it was by default
	Ubuntu  Posture = "ubuntu"   // 1.4.25 with a distribution's name
	Unknown Posture = "unknown"  // built from a checkout without tags
	Newest  Posture = "newest"   // 1.6.45
)

func stock() []entry {
	return []entry{
		{Open, "TCP without credentials, text and binary", flags(daemon{release: v1618})},
		{ASCIIOnly, "TCP without credentials, text only", flags(daemon{release: v1618, protocol: "ascii"})},
		{BinaryOnly, "TCP without credentials, binary only: silent to text", flags(daemon{release: v1618, protocol: "binary"})},
		{Reflector, "TCP without credentials, and UDP", flags(daemon{release: v1618, udp: true})},
		{UDPOnly, "UDP; TCP is closed", flags(daemon{release: v1618, udp: true, noTCP: true})},
		{Multihomed, "bound to every address: answers UDP from another one", flags(daemon{release: v1618, udp: true, wildcard: true})},
		{ASCIIAuth, "wants a password in the text protocol", flags(daemon{release: v1618, protocol: "ascii", asciiAuth: true})},
		{SASL, "wants SASL: silent to text, tells version and mechanisms in binary", flags(daemon{release: v1618, sasl: true})},
		{TLS, "TLS, and no credentials inside", flags(daemon{release: v1618, tls: true})},
		{MutualTLS, "TLS that wants a client certificate", mutualTLS},
		{TLSReflector, "TLS over TCP, and UDP in clear", flags(daemon{release: v1618, tls: true, udp: true})},
		{Full, "at its connection limit, and says so", always(Script{TCP: say("ERROR Too many open connections\r\n")})},
		{FullSilent, "at its connection limit, and lets clients wait", always(Script{TCP: silent})},
		{UnixOnly, "on a unix socket: nothing to see on the network", always(Script{})},
		{OldSASL, "1.4.25 with SASL over TCP, which UDP bypasses", flags(daemon{release: v1425, sasl: true, udp: true})},
		{Ubuntu, "a version with a distribution's name behind it", flags(daemon{release: v1425, version: "1.4.25 Ubuntu", udp: true})},
		{Unknown, "a version that is no number", flags(daemon{release: v1618, version: "UNKNOWN", udp: true})},
		{Newest, "1.6.45, TCP without credentials, and UDP", flags(daemon{release: v1645, udp: true})},
	}
}

// flags is the script of a stock memcached that was started with them.
func flags(d daemon) func(Config) (Script, error) {
	return func(c Config) (s Script, err error) {
		own := d // the entry's flags serve every server of its posture
		if c.Version != "" {
			own.version = c.Version
		}
		d := newDaemon(own)
		if !d.noTCP {
			s.TCP = d.converse
		}
		if d.tls {
			s.TCP, err = secured(d.converse, (*Conn).Reset, tls.NoClientCert)
		}
		switch {
		case d.wildcard:
			s.UDP = func(p *Packet) { d.receive(p, p.ReplyBeside, untouched) }
			s.Beside = otherAddress
		case d.udp:
			s.UDP = func(p *Packet) { d.receive(p, p.Reply, untouched) }
		}
		return s, err
	}
}

func mutualTLS(Config) (s Script, err error) {
	d := newDaemon(daemon{release: v1618, tls: true})
	s.TCP, err = secured(d.converse, (*Conn).Reset, tls.RequireAndVerifyClientCert)
	return s, err
}

// otherAddress is another loopback address with the same port, far enough
// away that a sweep which covers the first does not cover it as well. IPv6
// has only one loopback address, so there the port differs instead.
func otherAddress(at netip.AddrPort) netip.AddrPort {
	if !at.Addr().Is4() {
		return otherPort(at)
	}
	b := at.Addr().As4()
	b[1] ^= 0x80
	return netip.AddrPortFrom(netip.AddrFrom4(b), at.Port())
}

// otherPort is any other port of the same address.
func otherPort(at netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(at.Addr(), 0)
}
