package memtest

import (
	"bufio"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"
)

// maxLine is how much a memcached reads without finding a newline before it
// hangs up: 2,048 bytes stay open and 9,000 do not on every release measured.
const maxLine = 4096

// Conn is one accepted connection, as a script sees it. Reads pass through a
// buffer, so that a script can look ahead.
type Conn struct {
	net.Conn // the TCP connection, or the TLS one inside it
	in       *bufio.Reader
	tcp      *net.TCPConn
	done     <-chan struct{}
	reset    bool
}

func newConn(talk net.Conn, tcp *net.TCPConn, done <-chan struct{}) *Conn {
	return &Conn{Conn: talk, in: bufio.NewReaderSize(talk, maxLine), tcp: tcp, done: done}
}

// Read reads through the buffer.
func (c *Conn) Read(p []byte) (int, error) { return c.in.Read(p) }

// At is the address that the client connected to.
func (c *Conn) At() netip.AddrPort {
	at := c.tcp.LocalAddr().(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

// Line reads one line and returns it without its \n or \r\n; false when the
// client is gone or sends a line that is too long.
func (c *Conn) Line() (string, bool) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return "", false
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r"), true
}

// Say writes text as it is; false when the client is gone.
func (c *Conn) Say(text string) bool {
	_, err := io.WriteString(c.Conn, text)
	return err == nil
}

// Pause waits; false when the server was closed meanwhile.
func (c *Conn) Pause(d time.Duration) bool { return pause(c.done, d) }

// Reset ends the connection with RST.
func (c *Conn) Reset() {
	c.reset = true
	reset(c.tcp)
}

// Ignore reads and forgets until the client is gone.
func (c *Conn) Ignore() { io.Copy(io.Discard, c.in) }

// finish ends the connection with FIN. What the client still sends is read
// for a moment: closing with unread bytes would turn the FIN into RST and
// destroy a reply that is under way.
func (c *Conn) finish() {
	defer c.tcp.Close()
	if c.reset || c.tcp.CloseWrite() != nil {
		return
	}
	c.tcp.SetReadDeadline(time.Now().Add(time.Second))
	io.CopyN(io.Discard, c.tcp, 1<<20)
}

func reset(tcp *net.TCPConn) {
	tcp.SetLinger(0)
	tcp.Close()
}
