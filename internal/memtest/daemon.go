package memtest

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// daemon is a stock memcached: a release under a set of flags.
type daemon struct {
	release   release
	protocol  string // -B: "auto-negotiate", "ascii" or "binary"
	sasl      bool   // -S, which implies the binary protocol over TCP
	asciiAuth bool   // -Y
	tls       bool   // -Z; the handshake is the business of secured
	noTCP     bool   // -p 0
	udp       bool   // -U
	wildcard  bool   // no -l

	version         string // what it says it is; the release's own when empty
	stats, settings stats
}

// newDaemon makes a daemon ready to answer.
func newDaemon(d daemon) *daemon {
	if d.version == "" {
		d.version = d.release.version
	}
	if d.protocol == "" {
		d.protocol = "auto-negotiate"
	}
	d.stats = recorded(d.release.version, "stats")
	d.stats.set("version", d.version)
	d.settings = recorded(d.release.version, "settings")
	d.settings.set("binding_protocol", d.protocol)
	if d.sasl {
		d.settings.set("binding_protocol", "binary")
		d.settings.set("auth_enabled_sasl", "yes")
	}
	if d.tls {
		d.stats = d.stats.after("log_watchers",
			stat{"ssl_handshake_errors", "0"}, stat{"time_since_server_cert_refresh", "258"})
		d.settings.set("ssl_enabled", "yes")
		d.settings.set("ssl_chain_cert", "/etc/memcached/cert.pem")
		d.settings.set("ssl_key", "/etc/memcached/key.pem")
	}
	return &d
}

// settingsAt is the settings of a daemon that listens at an address.
func (d *daemon) settingsAt(at netip.AddrPort) stats {
	s := slices.Clone(d.settings)
	port := strconv.Itoa(int(at.Port()))
	ports := map[bool]string{true: port, false: "0"}
	s.set("tcpport", ports[!d.noTCP])
	s.set("udpport", ports[d.udp])
	s.set("inter", at.Addr().String())
	if d.wildcard {
		s.set("inter", "NULL")
	}
	return s
}

// converse is the TCP side. An auto-negotiating server looks at the first
// byte of a connection only.
func (d *daemon) converse(c *Conn) {
	first, err := c.in.Peek(1)
	if err != nil {
		return
	}
	switch {
	case d.sasl, d.protocol == "binary", d.protocol == "auto-negotiate" && first[0] == magicRequest:
		d.converseBinary(c)
	default:
		d.converseASCII(c)
	}
}

func (d *daemon) converseASCII(c *Conn) {
	for {
		line, ok := c.Line()
		if !ok {
			return
		}
		reply, end := "CLIENT_ERROR unauthenticated\r\n", false
		if !d.asciiAuth {
			reply, end = d.answer(line, c.At())
		}
		if !c.Say(reply) || end {
			return
		}
	}
}

// answer is the reply to one line of the text protocol; end means that the
// server hangs up after it.
func (d *daemon) answer(line string, at netip.AddrPort) (reply string, end bool) {
	switch words := strings.Fields(line); strings.Join(words, " ") {
	case "version":
		return "VERSION " + d.version + "\r\n", false
	case "stats":
		return d.stats.ascii(), false
	case "stats settings":
		return d.settingsAt(at).ascii(), false
	case "mn":
		return d.release.mn, false
	case "quit":
		return "", true
	case "":
		return d.release.emptyLine, false
	}
	if d.release.dropsHTTP && strings.Contains(line, " HTTP/") {
		return "", true
	}
	return "ERROR\r\n", false
}

// receive is the UDP side: it knows neither -B nor -Y nor -Z, and -S only in
// the binary protocol. Each command has a reply of its own, all with the
// question's ID; mangle may spoil its datagrams before send gets them.
func (d *daemon) receive(p *Packet, send func([]byte), mangle func([][]byte) [][]byte) {
	id, command, ok := p.Request()
	if !ok {
		return
	}
	for _, reply := range d.answerDatagram(command, p.At) {
		for _, datagram := range mangle(frames(id, reply)) {
			send(datagram)
		}
	}
}

func (d *daemon) answerDatagram(command []byte, at netip.AddrPort) (replies []string) {
	if command[0] == magicRequest {
		q, ok := parseBinary(command)
		if !ok {
			return nil
		}
		reply, _ := d.answerBinary(q, at)
		return []string{reply}
	}
	for line := range strings.Lines(string(command)) {
		line, ended := strings.CutSuffix(line, "\n")
		if !ended {
			break
		}
		if reply, _ := d.answer(strings.TrimSuffix(line, "\r"), at); reply != "" {
			replies = append(replies, reply)
		}
	}
	return replies
}
