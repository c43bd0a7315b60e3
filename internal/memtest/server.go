// Package memtest is a memcached that follows a script, for tests and for the
// demo: every posture a server can be found in, every way one can misbehave,
// and the other services that are mistaken for it. It is pure Go, runs
// in-process, and listens on loopback addresses only.
//
// The replies are those of real servers, byte for byte; package realtest
// holds them against a real memcached.
package memtest

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// maxConns bounds the connections that one Server keeps; more are reset.
const maxConns = 256

// Script is what a server does with those who talk to it. A nil function
// means that nothing listens there.
type Script struct {
	TCP func(*Conn)   // runs in its own goroutine; when it returns, the connection ends with FIN
	UDP func(*Packet) // runs once a datagram, one after the other
	// Beside names a further address to answer UDP from, given the server's
	// own; nil when every answer comes from where the question went.
	Beside func(at netip.AddrPort) netip.AddrPort
}

// Server is one running script. Close ends everything that it started.
type Server struct {
	addr   netip.AddrPort
	script Script
	tcp    *net.TCPListener
	udp    *net.UDPConn
	beside *net.UDPConn

	done  chan struct{}
	tasks sync.WaitGroup
	once  sync.Once

	mu    sync.Mutex
	conns map[*net.TCPConn]struct{} // nil once the server is closed
}

// Serve runs script at a loopback address. Port 0 means any free port, the
// same for TCP and UDP.
func Serve(at netip.AddrPort, script Script) (*Server, error) {
	if !at.Addr().IsLoopback() {
		return nil, fmt.Errorf("listen on %s: not a loopback address", at)
	}
	s := &Server{script: script, done: make(chan struct{}), conns: map[*net.TCPConn]struct{}{}}
	if err := s.listen(at); err != nil {
		return nil, err
	}
	if s.tcp != nil {
		s.tasks.Go(s.accept)
	}
	if s.udp != nil {
		s.tasks.Go(s.receive)
	}
	return s, nil
}

// Addr is where the server listens, its port never 0.
func (s *Server) Addr() netip.AddrPort { return s.addr }

// Close stops the server, drops its connections and waits for its goroutines.
func (s *Server) Close() {
	s.once.Do(func() {
		close(s.done)
		s.closeSockets()
		s.mu.Lock()
		open := s.conns
		s.conns = nil
		s.mu.Unlock()
		for c := range open {
			c.Close()
		}
		s.tasks.Wait()
	})
}

// listen opens the sockets that the script needs. The port that the system
// picks for TCP may be taken for UDP, so a free one may need several tries.
func (s *Server) listen(at netip.AddrPort) error {
	for try := 1; ; try++ {
		err := s.listenOnce(at)
		if err == nil {
			return nil
		}
		s.closeSockets()
		if at.Port() != 0 || try == 8 {
			return err
		}
	}
}

func (s *Server) listenOnce(at netip.AddrPort) (err error) {
	s.addr, s.tcp, s.udp, s.beside = at, nil, nil, nil
	if s.script.TCP != nil || s.script.UDP == nil {
		l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
		if err != nil {
			return err
		}
		s.addr = netip.AddrPortFrom(at.Addr(), l.Addr().(*net.TCPAddr).AddrPort().Port())
		if s.script.TCP == nil { // a closed port: only its number was wanted
			return l.Close()
		}
		s.tcp = l
	}
	if s.script.UDP == nil {
		return nil
	}
	if s.udp, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(s.addr)); err != nil {
		return err
	}
	s.addr = netip.AddrPortFrom(at.Addr(), s.udp.LocalAddr().(*net.UDPAddr).AddrPort().Port())
	if s.script.Beside == nil {
		return nil
	}
	s.beside, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(s.script.Beside(s.addr)))
	return err
}

func (s *Server) closeSockets() {
	if s.tcp != nil {
		s.tcp.Close()
	}
	if s.udp != nil {
		s.udp.Close()
	}
	if s.beside != nil {
		s.beside.Close()
	}
}

func (s *Server) accept() {
	for {
		tcp, err := s.tcp.AcceptTCP()
		switch {
		case err == nil && s.track(tcp):
			s.tasks.Go(func() { s.converse(tcp) })
		case err == nil:
			reset(tcp)
		case !pause(s.done, 10*time.Millisecond): // out of descriptors, or closed
			return
		}
	}
}

// track adds a connection to those that Close ends; false when there is no
// room, or the server is closed.
func (s *Server) track(tcp *net.TCPConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns == nil || len(s.conns) >= maxConns {
		return false
	}
	s.conns[tcp] = struct{}{}
	return true
}

func (s *Server) converse(tcp *net.TCPConn) {
	c := newConn(tcp, tcp, s.done)
	s.script.TCP(c)
	c.finish()
	s.mu.Lock()
	delete(s.conns, tcp)
	s.mu.Unlock()
}

func (s *Server) receive() {
	buf := make([]byte, 65536)
	for {
		n, from, err := s.udp.ReadFromUDPAddrPort(buf)
		if err == nil {
			s.script.UDP(&Packet{Payload: buf[:n], From: from, At: s.addr, s: s})
			continue
		}
		if !pause(s.done, time.Millisecond) {
			return
		}
	}
}

// pause waits; false when done came first.
func pause(done <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
		return false
	case <-t.C:
		return true
	}
}
