package probes

import "bytes"

// Names of services that the conversations themselves have to know.
const (
	serviceMemcached = "memcached"
	serviceUnknown   = "unknown"
	serviceTLS       = "tls"
	serviceHTTP      = "http"
	serviceHTTPS     = "https"
	serviceDNS       = "dns"
	serviceEcho      = "echo"
)

// foreignPattern recognises a service by the beginning of what it said to
// `version`, or before it was asked anything.
type foreignPattern struct {
	service string
	matches func(reply []byte) bool
}

// foreignPatterns is searched from the top; the first match counts.
var foreignPatterns = []foreignPattern{
	{serviceHTTP, startsWith("HTTP/", "<!doctype html", "<html", "<head", "<?xml")},
	{"redis", startsWith("-ERR", "-NOAUTH", "-DENIED", "-MISCONF", "-LOADING", "-NOPERM", "-MASTERDOWN", "-WRONGPASS")},
	{"ssh", startsWith("SSH-")},
	{"ftp", func(reply []byte) bool { return isGreeting220(reply) && mentions(reply, "ftp") }},
	{"smtp", func(reply []byte) bool { return isGreeting220(reply) || startsWith("421 ", "554 ")(reply) }},
	{"imap", startsWith("* OK", "* PREAUTH", "* BYE", "* BAD")},
	{"pop3", startsWith("+OK")},
	{"beanstalkd", startsWith("UNKNOWN_COMMAND", "BAD_FORMAT")},
	{"gearmand", isGearmand},
	{serviceTLS, isTLSRecord},
	{"mysql", isMySQL},
	{"postgresql", startsWith("E\x00\x00\x00", "FATAL: ")},
	{"amqp", startsWith("AMQP")},
	{"nats", startsWith("INFO {")},
	{"vnc", startsWith("RFB ")},
	{"rtsp", startsWith("RTSP/")},
	{"sip", startsWith("SIP/2.0")},
	{"rsync", startsWith("@RSYNCD:")},
	{"telnet", isTelnet},
	{"finger", startsWith("finger:", "Login: ", "Login name: ")},
	{serviceEcho, startsWith(askVersion)},
}

// foreignService names what sent the reply, "unknown" when no pattern matches.
// It goes by the first line, so that it does not matter in what pieces the
// rest came.
func foreignService(reply []byte) string {
	if i := bytes.IndexByte(reply, '\n'); i >= 0 {
		reply = reply[:i+1]
	}
	for _, p := range foreignPatterns {
		if p.matches(reply) {
			return p.service
		}
	}
	return serviceUnknown
}

// startsWith matches any of the prefixes, whatever their case.
func startsWith(prefixes ...string) func([]byte) bool {
	return func(reply []byte) bool {
		for _, p := range prefixes {
			if len(reply) >= len(p) && bytes.EqualFold(reply[:len(p)], []byte(p)) {
				return true
			}
		}
		return false
	}
}

func mentions(reply []byte, word string) bool {
	line, _ := firstLine(reply)
	return bytes.Contains(bytes.ToLower(line), []byte(word))
}

// isGreeting220: SMTP and FTP both greet with 220 (RFC 5321, RFC 959).
func isGreeting220(reply []byte) bool { return startsWith("220 ", "220-")(reply) }

// isGearmand: gearmand 1.1 answers its own version to `version`, "OK 1.1.20".
func isGearmand(reply []byte) bool {
	rest, ok := bytes.CutPrefix(reply, []byte("OK "))
	return ok && len(rest) > 0 && '0' <= rest[0] && rest[0] <= '9'
}

// isTLSRecord: an alert or a handshake record, major version 3 (RFC 8446 section 5.1).
func isTLSRecord(reply []byte) bool {
	return len(reply) >= 2 && (reply[0] == 0x15 || reply[0] == 0x16) && reply[1] == 0x03
}

// isMySQL: a packet with sequence number 0 that holds a greeting of protocol
// 10, or an error because this host may not connect.
func isMySQL(reply []byte) bool {
	return len(reply) >= 5 && reply[2] == 0 && reply[3] == 0 && (reply[4] == 0x0a || reply[4] == 0xff)
}

// isTelnet: IAC, then WILL, WONT, DO or DONT (RFC 854).
func isTelnet(reply []byte) bool {
	return len(reply) >= 2 && reply[0] == 0xff && reply[1] >= 0xfb && reply[1] <= 0xfe
}

// isDNS: a response to a standard query. A name server reads the request ID
// of a memcached frame as its own, and answers FORMERR.
func isDNS(datagram []byte) bool {
	const headerLen, response, opcode = 12, 0x80, 0x78
	return len(datagram) >= headerLen && datagram[2]&response != 0 && datagram[2]&opcode == 0
}
