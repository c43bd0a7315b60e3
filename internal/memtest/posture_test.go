package memtest

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestFirstBytes is how each posture that realtest cannot compare begins.
func TestFirstBytes(t *testing.T) {
	const closed = "" // hangs up without a byte
	for _, c := range []struct {
		posture   Posture
		ask, want string
	}{
		{OldSASL, "\x80\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00mem1\x00\x00\x00\x00\x00\x00\x00\x00", "\x81\x20"},
		{Ubuntu, "version\r\n", "VERSION 1.4.25 Ubuntu\r\n"},
		{Ubuntu, "mn\r\n", "ERROR\r\n"},
		{Ubuntu, "GET / HTTP/1.1\r\nHost: x\r\n", "ERROR\r\nERROR\r\n"},
		{Unknown, "version\r\n", "VERSION UNKNOWN\r\n"},
		{Newest, "version\r\n", "VERSION 1.6.45\r\n"},
		{Open, "GET / HTTP/1.1\r\n", closed},
		{Open, strings.Repeat("x", 9000), closed},
		{SASL, "GET / HTTP/1.1\r\nHost: cache\r\n\r\n", closed},
		{Redis, "version\r\n", "-ERR unknown command 'version', with args beginning with: \r\n"},
		{Redis, "stats settings\r\n", "-ERR unknown command 'stats', with args beginning with: 'settings' \r\n"},
		{HTTP, "version\r\n", "HTTP/1.1 400 Bad Request\r\n"},
		{HTTP, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n"},
		{SSH, "", "SSH-2.0-OpenSSH"},
		{SMTP, "", "220 mail.example.test"},
		{TLSOther, "version\r\n", closed},
		{TLSAlert, "version\r\n", "\x15\x03\x03\x00\x02\x02\x0a"},
		{Mcrouter, "version\r\n", "VERSION 36.0.0 mcrouter\r\n"},
		{Mcrouter, "stats settings\r\n", "CLIENT_ERROR bad stats command\r\n"},
		{Twemproxy, "version\r\n", "VERSION 1.6.18\r\n"},
		{Twemproxy, "version\r\nstats\r\n", closed},
		{Twemproxy, "stats\r\n", closed},
		{Dragonfly, "version\r\n", "VERSION 1.6.0 DF\r\n"},
		{Hazelcast, "version\r\n", "VERSION Hazelcast\r\n"},
		{Dionaea, "version\r\n", "ERROR\r\n"},
		{Dionaea, "stats\r\n", "STAT pid "},
		{Qeeqbox, "version\r\n", "ERROR\r\n"},
		{Endless, "stats\r\n", strings.Repeat("STAT forever_and_a_day 1\r\n", 10_000)},
		{HalfClose, "version\r\n", closed},
		{Echo, "version\r\n", "version\r\n"},
		{HostileEscapes, "version\r\n", "VERSION 1.6.18\x1b[2J"},
		{HostileFormula, "version\r\n", "VERSION =cmd|"},
		{HostileHTML, "version\r\n", `VERSION 1.6.18"><script>`},
		{HostileUTF8, "version\r\n", "VERSION 1.6.18 \xff\xfe"},
		{HostileLong, "version\r\n", "VERSION " + strings.Repeat("9", 100_000) + "\r\n"},
		{HostileCR, "version\r\n", "VERSION 1.6.18\rVERSION 1.6.45"},
	} {
		at := start(t, Config{Posture: c.posture})
		got, err := ask(t, at, c.ask, max(len(c.want), 1))
		if got != c.want {
			t.Errorf("%s, %q: %.200q, want %.200q", c.posture, c.ask, got, c.want)
		}
		if c.want == closed && err != io.EOF {
			t.Errorf("%s, %q: ended with %v, want FIN", c.posture, c.ask, err)
		}
	}
}

func TestAcceptReset(t *testing.T) {
	at := start(t, Config{Posture: AcceptReset})
	c, err := net.Dial("tcp", at.String())
	if err == nil {
		defer c.Close()
		c.SetDeadline(time.Now().Add(patience))
		_, err = c.Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("error %v, want a reset", err)
	}
}

func TestDribble(t *testing.T) {
	at := start(t, Config{Posture: Dribble, Interval: time.Millisecond})
	const want = "VERSION 1.6.18\r\n"
	if got, err := ask(t, at, "version\r\n", len(want)); got != want {
		t.Errorf("%q, %v", got, err)
	}
}

func TestTarpit(t *testing.T) {
	at := start(t, Config{Posture: Tarpit})
	c := dial(t, at, "version\r\n")
	c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if n, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d bytes, %v; want silence", n, err)
	}
}

func TestTLSOther(t *testing.T) {
	at := start(t, Config{Posture: TLSOther})
	c := tls.Client(dial(t, at, ""), &tls.Config{InsecureSkipVerify: true})
	io.WriteString(c, "version\r\n")
	reply, err := io.ReadAll(c)
	if !strings.HasPrefix(string(reply), "HTTP/1.1 400 ") || err != nil {
		t.Errorf("%q, %v", reply, err)
	}
}

// TestDatagrams is what each posture that answers UDP makes of one stats: the
// sequence numbers in order of arrival, and the total that they declare.
func TestDatagrams(t *testing.T) {
	for _, c := range []struct {
		posture Posture
		order   []uint16
		total   uint16
	}{
		{Reflector, []uint16{0, 1}, 2},
		{LiarMore, []uint16{0, 1, 2, 3, 4, 5, 6, 7}, 65535},
		{LiarFewer, []uint16{0, 1, 2, 3, 4, 5, 6, 7}, 1},
		{OutOfOrder, []uint16{7, 6, 5, 4, 3, 2, 1, 0}, 8},
		{Duplicated, []uint16{0, 0, 1, 1, 2, 2}, 8},
		{Lossy, []uint16{0, 2, 3, 4, 5, 6, 7}, 8},
		{OldSASL, []uint16{0}, 1},
		{Endless, []uint16{0, 1, 2}, endlessDatagrams + 1},
		{HostileLong, []uint16{0, 1, 2}, 74}, // in STAT version
	} {
		socket := listen(t, start(t, Config{Posture: c.posture}), "stats\r\n")
		for i, want := range c.order {
			d, _ := receive(t, socket)
			seq, total := binary.BigEndian.Uint16(d[2:]), binary.BigEndian.Uint16(d[4:])
			if seq != want || total != c.total || len(d) > maxDatagram {
				t.Errorf("%s, datagram %d: sequence %d of %d, %d bytes; want %d of %d", c.posture, i, seq, total, len(d), want, c.total)
			}
		}
	}
}

func TestAnswersFromElsewhere(t *testing.T) {
	at := start(t, Config{Posture: OtherPort})
	if _, from := receive(t, listen(t, at, "version\r\n")); from.Addr() != at.Addr() || from.Port() == at.Port() {
		t.Errorf("asked at %s, answered from %s; want another port", at, from)
	}
	at = start(t, Config{Posture: Multihomed})
	if _, from := receive(t, listen(t, at, "version\r\n")); from.Addr() == at.Addr() || from.Port() != at.Port() {
		t.Errorf("asked at %s, answered from %s; want another address", at, from)
	}
}

// TestForged: nothing that comes back carries the ID of the question.
func TestForged(t *testing.T) {
	socket := listen(t, start(t, Config{Posture: Forged}), "version\r\n")
	for {
		d, _ := receive(t, socket)
		if len(d) == 0 { // the last of them
			return
		}
		if binary.BigEndian.Uint16(d) == 0x1234 {
			t.Fatalf("right ID: %q", d)
		}
	}
}

func TestDNS(t *testing.T) {
	d, _ := receive(t, listen(t, start(t, Config{Posture: DNS}), "version\r\n"))
	if string(d) != "\x12\x34\x80\x01\x00\x00\x00\x00\x00\x00\x00\x00" {
		t.Errorf("%x", d)
	}
}

// TestUnansweredDatagrams: what memcached drops, a pretend one drops too. The
// echo of a proper question behind them says that they have been read.
func TestUnansweredDatagrams(t *testing.T) {
	at := start(t, Config{Posture: Reflector})
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	for _, d := range [][]byte{
		[]byte("version\r\n"),
		frame(1, 0, 0, "version\r\n"),
		frame(2, 0, 2, "version\r\n"),
		frame(3, 0, 1, ""),
		frame(4, 0, 1, "version"),
		frame(5, 0, 1, "\x80\x0b\x00\x00"),
		frame(6, 9, 1, "version\r\n"), // the sequence number is ignored
	} {
		c.Write(d)
	}
	b := make([]byte, 1500)
	n, err := c.Read(b)
	if err != nil || string(b[:n]) != string(frame(6, 0, 1, "VERSION 1.6.18\r\n")) {
		t.Errorf("%q, %v", b[:n], err)
	}
}

// TestOldSASL: over UDP the text protocol knows nothing of SASL.
func TestOldSASL(t *testing.T) {
	at := start(t, Config{Posture: OldSASL})
	d, _ := receive(t, listen(t, at, "stats settings\r\n"))
	for _, want := range []string{"STAT auth_enabled_sasl yes\r\n", "STAT binding_protocol binary\r\n", "STAT inter " + at.Addr().String() + "\r\n"} {
		if !strings.Contains(string(d), want) {
			t.Errorf("no %q in\n%s", want, d)
		}
	}
}
