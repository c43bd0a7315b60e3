package memtest

import (
	"cmp"
	"fmt"
	"io"
	"math/bits"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Servers that no client should trust.
const (
	Tarpit         Posture = "tarpit"
	Dribble        Posture = "dribble"
	Endless        Posture = "endless"
	AcceptReset    Posture = "accept-reset"
	HalfClose      Posture = "half-close"
	Echo           Posture = "echo"
	LiarMore       Posture = "liar-more"
	LiarFewer      Posture = "liar-fewer"
	OutOfOrder     Posture = "out-of-order"
	Duplicated     Posture = "duplicated"
	Lossy          Posture = "lossy"
	OtherPort      Posture = "other-port"
	Forged         Posture = "forged"
	HostileEscapes Posture = "hostile-escapes"
	HostileFormula Posture = "hostile-formula"
	HostileHTML    Posture = "hostile-html"
	HostileUTF8    Posture = "hostile-utf8"
	HostileLong    Posture = "hostile-long"
	HostileCR      Posture = "hostile-cr"
)

// endlessDatagrams is how many Endless sends for one stats over UDP: 7 MB,
// far beyond any cap worth having, and over in a moment.
const endlessDatagrams = 5000

func misbehaviours() []entry {
	return []entry{
		{Tarpit, "accepts and says nothing", always(Script{TCP: silent})},
		{Dribble, "answers a byte at a time", dribble},
		{Endless, "never ends a stats reply", always(endless())},
		{AcceptReset, "accepts and resets", always(Script{TCP: (*Conn).Reset})},
		{HalfClose, "reads the question, sends FIN and stays", always(Script{TCP: halfClose})},
		{Echo, "sends everything back", always(Script{TCP: echo, UDP: func(p *Packet) { p.Reply(p.Payload) }})},
		{LiarMore, "declares 65,535 datagrams for every reply", mangled(declaring(0xffff))},
		{LiarFewer, "declares one datagram, sends more", mangled(declaring(1))},
		{OutOfOrder, "sends the last datagram first", mangled(backwards)},
		{Duplicated, "sends every datagram twice", mangled(twice)},
		{Lossy, "loses the second datagram", mangled(withoutSecond)},
		{OtherPort, "answers UDP from another port", besides(otherPort)},
		{Forged, "answers UDP with IDs that were never asked", always(Script{UDP: forge, Beside: otherAddress})},
	}
}

// hostileVersions are servers whose version means harm to whoever prints it.
func hostileVersions() []entry {
	hostile := func(p Posture, summary, version string) entry {
		return entry{p, summary, flags(daemon{release: v1618, udp: true, version: version})}
	}
	return []entry{
		hostile(HostileEscapes, "terminal escapes in the version", "1.6.18\x1b[2J\x1b]0;owned\x07\x1b[31m\x9b1A"),
		hostile(HostileFormula, "a spreadsheet formula for a version", "=cmd|' /C calc'!A0"),
		hostile(HostileHTML, "a script in the version", `1.6.18"><script>alert(1)</script>`),
		hostile(HostileUTF8, "invalid UTF-8 in the version", "1.6.18 \xff\xfe\xc3\x28\u202e\x00"),
		hostile(HostileLong, "a version of 100,000 bytes", strings.Repeat("9", 100_000)),
		hostile(HostileCR, "carriage returns in the version", "1.6.18\rVERSION 1.6.45\r\rSTAT pid 1"),
	}
}

func dribble(c Config) (Script, error) {
	d := newDaemon(daemon{release: v1618})
	interval := cmp.Or(c.Interval, time.Second)
	return Script{TCP: func(c *Conn) {
		for {
			line, ok := c.Line()
			if !ok {
				return
			}
			reply, _ := d.answer(line, c.At())
			for i := range len(reply) {
				if !c.Pause(interval) || !c.Say(reply[i:i+1]) {
					return
				}
			}
		}
	}}, nil
}

// endless answers version like anyone. Its stats over TCP end with the
// connection; over UDP they end, but without an END.
func endless() Script {
	d := newDaemon(daemon{release: v1618, udp: true})
	page := strings.Repeat("STAT forever_and_a_day 1\r\n", 53) // 1,378 bytes
	return Script{
		TCP: func(c *Conn) {
			lines("", func(line string) (string, bool) {
				if !strings.HasPrefix(line, "stats") {
					return d.answer(line, c.At())
				}
				for c.Say(page) {
				}
				return "", true
			})(c)
		},
		UDP: func(p *Packet) {
			id, command, ok := p.Request()
			if !ok || !strings.HasPrefix(string(command), "stats") {
				d.receive(p, p.Reply, untouched)
				return
			}
			for seq := 0; seq < endlessDatagrams && !p.Closed(); seq++ {
				p.Reply(frame(id, seq, endlessDatagrams+1, page))
			}
		},
	}
}

func halfClose(c *Conn) {
	c.Line()
	c.tcp.CloseWrite()
	c.Ignore()
}

func echo(c *Conn) { io.Copy(c.Conn, c.in) }

// bulky is a server whose stats fill eight datagrams, so that order matters.
func bulky() *daemon {
	d := newDaemon(daemon{release: v1618, udp: true})
	for i := range 300 {
		d.stats = append(d.stats, stat{fmt.Sprintf("filler_%03d", i), "0123456789"})
	}
	return d
}

// mangled is a stock server with UDP whose datagrams are spoiled on the way.
func mangled(mangle func([][]byte) [][]byte) func(Config) (Script, error) {
	return func(Config) (Script, error) {
		d := bulky()
		return Script{
			TCP: d.converse,
			UDP: func(p *Packet) { d.receive(p, p.Reply, mangle) },
		}, nil
	}
}

func declaring(total uint16) func([][]byte) [][]byte {
	return func(datagrams [][]byte) [][]byte {
		for _, d := range datagrams {
			d[4], d[5] = byte(total>>8), byte(total)
		}
		return datagrams
	}
}

func backwards(datagrams [][]byte) [][]byte {
	slices.Reverse(datagrams)
	return datagrams
}

func twice(datagrams [][]byte) (out [][]byte) {
	for _, d := range datagrams {
		out = append(out, d, d)
	}
	return out
}

func withoutSecond(datagrams [][]byte) [][]byte {
	if len(datagrams) < 2 {
		return datagrams
	}
	return slices.Delete(datagrams, 1, 2)
}

// besides is a stock server with UDP that answers from elsewhere.
func besides(elsewhere func(netip.AddrPort) netip.AddrPort) func(Config) (Script, error) {
	return func(Config) (Script, error) {
		d := newDaemon(daemon{release: v1618, udp: true})
		return Script{
			TCP:    d.converse,
			UDP:    func(p *Packet) { d.receive(p, p.ReplyBeside, untouched) },
			Beside: elsewhere,
		}, nil
	}
}

// forge answers with every ID but the right one, from both addresses, framed
// and not: nothing of it is a reply.
func forge(p *Packet) {
	id, _, ok := p.Request()
	if !ok {
		return
	}
	for _, wrong := range []uint16{id + 1, id - 1, ^id, bits.ReverseBytes16(id)} {
		if wrong == id {
			continue
		}
		d := frame(wrong, 0, 1, "VERSION 1.6.18\r\n")
		p.Reply(d)
		p.ReplyBeside(d)
	}
	p.Reply([]byte("VERSION 1.6.18\r\n"))
	p.Reply(nil)
}
