package memtest

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// What is found on memcached's port without being memcached, or without being
// stock.
const (
	Redis     Posture = "redis"
	HTTP      Posture = "http"
	SSH       Posture = "ssh"
	SMTP      Posture = "smtp"
	TLSOther  Posture = "tls-other"
	TLSAlert  Posture = "tls-alert"
	Mcrouter  Posture = "mcrouter"
	Twemproxy Posture = "twemproxy"
	Dragonfly Posture = "dragonfly"
	Hazelcast Posture = "hazelcast"
	Dionaea   Posture = "dionaea"
	Qeeqbox   Posture = "qeeqbox"
	DNS       Posture = "dns"
)

func lookalikes() []entry {
	return []entry{
		{Redis, "Redis: does not know the command", always(Script{TCP: lines("", redis)})},
		{HTTP, "a web server: 400 and hangs up", always(Script{TCP: web})},
		{SSH, "an SSH server: speaks first", always(Script{TCP: lines("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7\r\n", ssh)})},
		{SMTP, "a mail server: speaks first", always(Script{TCP: lines("220 mail.example.test ESMTP Postfix\r\n", smtp)})},
		{TLSOther, "a web server behind TLS", tlsWeb(hangUp)},
		{TLSAlert, "a web server behind TLS that meets plain text with an alert", tlsWeb(alert)},
		{Mcrouter, "mcrouter, a proxy: tells its command line", always(Script{TCP: lines("", mcrouter)})},
		{Twemproxy, "twemproxy, a proxy: forwards version, hangs up on stats", always(Script{TCP: twemproxy})},
		{Dragonfly, "Dragonfly, a clone", always(Script{TCP: lines("", dragonfly)})},
		{Hazelcast, "Hazelcast, a data grid with memcached's text protocol", always(Script{TCP: lines("", hazelcast)})},
		{Dionaea, "the honeypot dionaea: stats but no version", always(Script{TCP: lines("", dionaea)})},
		{Qeeqbox, "the honeypot of qeeqbox: hangs up after every command", always(Script{TCP: lines("", qeeqbox)})},
		{DNS, "a DNS server over UDP: takes the frame for a broken query", always(Script{UDP: dns})},
	}
}

// lines is the conversation of a server that may greet, and then answers line
// by line until it says that it ends, or the client is gone.
func lines(greeting string, answer func(line string) (reply string, end bool)) func(*Conn) {
	return func(c *Conn) {
		if greeting != "" && !c.Say(greeting) {
			return
		}
		for {
			line, ok := c.Line()
			if !ok {
				return
			}
			reply, end := answer(line)
			if !c.Say(reply) || end {
				return
			}
		}
	}
}

// redis answers like Redis 7.0: inline commands, one a line.
func redis(line string) (string, bool) {
	words := strings.Fields(line)
	switch {
	case len(words) == 0:
		return "", false
	case strings.EqualFold(words[0], "ping"):
		return "+PONG\r\n", false
	case strings.EqualFold(words[0], "get") && len(words) != 2:
		return "-ERR wrong number of arguments for 'get' command\r\n", false
	case strings.EqualFold(words[0], "host:"): // takes it for a cross-protocol attack
		return "", true
	}
	var args strings.Builder
	for _, w := range words[1:] {
		fmt.Fprintf(&args, "'%s' ", w)
	}
	return fmt.Sprintf("-ERR unknown command '%s', with args beginning with: %s\r\n", words[0], args.String()), false
}

// web answers the first request: 200 when it is HTTP, else 400 like nginx.
func web(c *Conn) {
	status := "400 Bad Request"
	if _, err := http.ReadRequest(bufio.NewReader(io.LimitReader(c, 65536))); err == nil {
		status = "200 OK"
	}
	body := "<html><body><h1>" + status + "</h1></body></html>\r\n"
	c.Say(fmt.Sprintf("HTTP/1.1 %s\r\nServer: nginx/1.22.1\r\nContent-Type: text/html\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		status, len(body), body))
}

// tlsWeb is web behind TLS.
func tlsWeb(refuse func(*Conn)) func(Config) (Script, error) {
	return func(Config) (s Script, err error) {
		s.TCP, err = secured(web, refuse, tls.NoClientCert)
		return s, err
	}
}

func hangUp(*Conn) {}

// alert is a fatal unexpected_message (RFC 8446, section 6).
func alert(c *Conn) { c.Say("\x15\x03\x03\x00\x02\x02\x0a") }

func ssh(string) (string, bool) { return "Invalid SSH identification string.\r\n", true }

func smtp(line string) (string, bool) {
	if strings.EqualFold(line, "QUIT") {
		return "221 2.0.0 Bye\r\n", true
	}
	return "502 5.5.2 Error: command not recognized\r\n", false
}

func mcrouter(line string) (string, bool) {
	switch line {
	case "version":
		return "VERSION 36.0.0 mcrouter\r\n", false
	case "stats":
		return parseStats(mcrouterStats).ascii(), false
	case "quit":
		return "", true
	}
	if strings.HasPrefix(line, "stats ") {
		return "CLIENT_ERROR bad stats command\r\n", false
	}
	return "ERROR\r\n", false
}

// twemproxy loses the reply to a version that comes together with anything
// that it hangs up on, which is all but keys.
func twemproxy(c *Conn) {
	for {
		line, ok := c.Line()
		if !ok || line != "version" || c.in.Buffered() > 0 || !c.Say("VERSION 1.6.18\r\n") {
			return
		}
	}
}

func dragonfly(line string) (string, bool) {
	switch line {
	case "version":
		return "VERSION 1.6.0 DF\r\n", false
	case "stats":
		return parseStats(dragonflyStats).ascii(), false
	}
	if strings.HasPrefix(line, "stats ") {
		return "ERROR\r\n", false
	}
	return "CLIENT_ERROR bad command line format\r\n", false
}

func hazelcast(line string) (string, bool) {
	switch {
	case line == "version":
		return "VERSION Hazelcast\r\n", false
	case strings.HasPrefix(line, "stats"):
		return parseStats(hazelcastStats).ascii(), false
	case line == "quit":
		return "", true
	}
	return "ERROR\r\n", false
}

// dionaea says nothing at all to the stats commands that it does not know.
func dionaea(line string) (string, bool) {
	switch {
	case line == "stats":
		return parseStats(dionaeaStats).ascii(), false
	case strings.HasPrefix(line, "stats "):
		return "", false
	}
	return "ERROR\r\n", false
}

func qeeqbox(line string) (string, bool) {
	if line == "stats" || strings.HasPrefix(line, "stats ") {
		return parseStats(qeeqboxStats).ascii(), true
	}
	return "ERROR\r\n", true
}

// dns answers FORMERR (RFC 1035, section 4.1.1), which carries the ID of the
// question: with memcached's frame, that is the request ID.
func dns(p *Packet) {
	if len(p.Payload) < 12 {
		return
	}
	const response, formatError = 0x80, 0x01
	p.Reply([]byte{p.Payload[0], p.Payload[1], response, formatError, 0, 0, 0, 0, 0, 0, 0, 0})
}
