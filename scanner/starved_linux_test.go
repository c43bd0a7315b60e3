package scanner

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/memsweep/memsweep/probes"
)

// starvedTimeout is what the process that is kept from running waits for an
// answer.
const starvedTimeout = 1500 * time.Millisecond

// TestStarvedChild is the process that TestStarved stops.
func TestStarvedChild(t *testing.T) {
	what, address, _ := strings.Cut(os.Getenv("MEMSWEEP_STARVED"), " ")
	if what == "" {
		t.Skip("only for TestStarved")
	}
	// One processor, and never idle: deadlines are looked at before sockets.
	runtime.GOMAXPROCS(1)
	go func() {
		for t.Context().Err() == nil {
			runtime.Gosched()
		}
	}()
	to := netip.MustParseAddrPort(address)
	gate := NewGate(1000, 0, func(netip.Addr) bool { return true }, func(time.Time) bool { return true })
	dial, err := newDialer(starvedTimeout, From{})
	if err != nil {
		t.Fatal(err)
	}
	switch what {
	case "connect":
		fmt.Println("waiting")
		_, err = dial.connect(t.Context(), to)
		fmt.Println("got", err)
	case "tcp":
		wire := newStream(gate, to, dial, nil)
		if err := wire.Redial(t.Context()); err != nil {
			t.Fatal(err)
		}
		fmt.Println("waiting")
		reply := wire.Ask(t.Context(), []byte("version\r\n"), func(b []byte) bool { return len(b) > 0 })
		fmt.Println("got", string(reply.Data), reply.Ending)
	case "udp":
		wire, err := newDatagrams(gate, to, From{}, starvedTimeout, make([]byte, maxUDP))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("waiting")
		_, err = wire.Ask(t.Context(), []byte("version\r\n"), func(d probes.Datagram) probes.Patience {
			fmt.Println("got", string(d.Payload))
			return probes.Enough
		})
		fmt.Println("ended", err)
	}
}

// starve starts this test again as a process that waits for an answer, stops it,
// has the answer given, and lets it go on when its time for one is over. It
// returns what it then says.
func starve(t *testing.T, what string, to net.Addr, answer func()) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	child := exec.CommandContext(ctx, "/proc/self/exe", "-test.run", "^TestStarvedChild$")
	child.Env = append(child.Environ(), "MEMSWEEP_STARVED="+what+" "+to.String())
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	lines := bufio.NewReader(out)
	for line := ""; line != "waiting\n"; {
		if line, err = lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	begin := time.Now()
	time.Sleep(100 * time.Millisecond) // it is on its way
	child.Process.Signal(syscall.SIGSTOP)
	answer()
	time.Sleep(time.Until(begin.Add(starvedTimeout + 300*time.Millisecond)))
	child.Process.Signal(syscall.SIGCONT)
	said, err := io.ReadAll(lines)
	if err != nil {
		t.Fatal(err)
	}
	return string(said)
}

// TestStarved: what was answered in time is an answer, even where this process
// got no turn to look before the time was over.
func TestStarved(t *testing.T) {
	t.Parallel()
	t.Run("connect", func(t *testing.T) {
		t.Parallel()
		l := fullListener(t)
		said := starve(t, "connect", l.Addr(), func() {
			for range 2 { // the one that is in the way, and the child's: its kernel asks again after a second
				if c, err := l.Accept(); err == nil {
					defer c.Close()
				}
			}
		})
		if !strings.Contains(said, "got <nil>") {
			t.Errorf("the connection was accepted; the dialer says %q", said)
		}
	})
	t.Run("tcp", func(t *testing.T) {
		t.Parallel()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		said := starve(t, "tcp", l.Addr(), func() {
			c, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			fmt.Fprint(c, "VERSION 1.6.18\r\n")
		})
		if !strings.Contains(said, "got VERSION 1.6.18") {
			t.Errorf("the reply came; the stream says %q", said)
		}
	})
	t.Run("udp", func(t *testing.T) {
		t.Parallel()
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		said := starve(t, "udp", c.LocalAddr(), func() {
			_, from, err := c.ReadFrom(make([]byte, 100))
			if err != nil {
				t.Fatal(err)
			}
			c.WriteTo([]byte("VERSION 1.6.18\r\n"), from)
		})
		if !strings.Contains(said, "got VERSION 1.6.18") {
			t.Errorf("the reply came; the datagrams say %q", said)
		}
	})
}

// fullListener accepts nobody else before Accept is called: its queue has room
// for one connection, which it holds.
func fullListener(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = unix.Listen(int(fd), 0) })
	if err := errors.Join(err, failed); err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return l
}
