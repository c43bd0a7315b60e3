package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"time"
)

// What a client may cost.
const (
	headerWithin  = 5 * time.Second
	requestWithin = 15 * time.Second
	answerTimeout = time.Minute
	idleFor       = 2 * time.Minute
	maxHeader     = 16 << 10
	maxClients    = 512 // connections
	maxOfOne      = 64  // connections of one address, of those that others can reach
	stopWithin    = 5 * time.Second
)

// Check says what keeps these options from being served: whoever can be reached
// from elsewhere must have TLS and a token.
func (o Options) Check() error {
	host, _, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return fmt.Errorf("listen on %q: write an address and a port, as 127.0.0.1:8411 or [::1]:8411", o.Listen)
	}
	if (o.Certificate == "") != (o.Key == "") {
		return errors.New("TLS takes a certificate and its key: write --tls-cert FILE --tls-key FILE")
	}
	if n := len(o.Token); n > 0 && n < MinToken {
		return fmt.Errorf("the token has %d bytes, and must have %d: make one with `openssl rand -hex 32`", n, MinToken)
	}
	if loopback(host) {
		return nil
	}
	if o.Certificate == "" || len(o.Token) == 0 {
		return fmt.Errorf("listen on %s: others can reach it, so it needs TLS and a token: write --tls-cert FILE --tls-key FILE --token-file FILE (a token: `openssl rand -hex 32`), or listen on 127.0.0.1", o.Listen)
	}
	return nil
}

// Listen opens what Serve answers on.
func (s *Site) Listen(ctx context.Context) (net.Listener, error) {
	if err := s.options.Check(); err != nil {
		return nil, err
	}
	var pairs *certificate
	if s.options.Certificate != "" {
		pairs = &certificate{options: s.options}
		if _, err := pairs.get(nil); err != nil {
			return nil, err
		}
	}
	s.warm(ctx)
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.options.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", s.options.Listen, err)
	}
	if at, ok := l.Addr().(*net.TCPAddr); s.local() && (!ok || !at.IP.IsLoopback()) { // a name that is not what it says
		l.Close()
		return nil, fmt.Errorf("listen on %s: it is %s, which others can reach: write 127.0.0.1", s.options.Listen, l.Addr())
	}
	limited := &limitedListener{Listener: l, places: make(chan struct{}, maxClients), closed: make(chan struct{})}
	if !s.local() {
		limited.ofOne = maxOfOne
	}
	if pairs == nil {
		return limited, nil
	}
	return tls.NewListener(limited, &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: pairs.get}), nil
}

// Serve answers on l until ctx ends, then lets answers under way come to their
// end.
func (s *Site) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler: s, ReadHeaderTimeout: headerWithin, ReadTimeout: requestWithin, WriteTimeout: answerTimeout, IdleTimeout: idleFor,
		MaxHeaderBytes: maxHeader, ErrorLog: log.New(noted{s}, "", 0),
	}
	server.RegisterOnShutdown(s.Close)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		s.Close()
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	if server.Shutdown(patience) != nil {
		server.Close() // who still reads has had time
	}
	<-ended
	return nil
}

// noted is the log of net/http, as ours.
type noted struct{ site *Site }

func (n noted) Write(b []byte) (int, error) {
	n.site.note("%s", string(b[:max(0, len(b)-1)]))
	return len(b), nil
}

// certificate is read again when its file changes, as when it was renewed.
type certificate struct {
	options Options
	mu      sync.Mutex
	pair    *tls.Certificate
	changed time.Time // of the file
	looked  time.Time
}

const lookEvery = 10 * time.Second

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pair != nil && time.Since(c.looked) < lookEvery {
		return c.pair, nil
	}
	c.looked = time.Now()
	info, err := os.Stat(c.options.Certificate)
	if err == nil && c.pair != nil && info.ModTime().Equal(c.changed) {
		return c.pair, nil
	}
	pair, err := tls.LoadX509KeyPair(c.options.Certificate, c.options.Key)
	if err != nil {
		if c.pair != nil { // half renewed: the old one still holds
			return c.pair, nil
		}
		return nil, fmt.Errorf("read the certificate and key of --tls-cert and --tls-key: %w", err)
	}
	c.pair, c.changed = &pair, info.ModTime()
	return c.pair, nil
}

// limitedListener accepts no more clients than there are places. Those wait; of
// one address, what is more than ofOne is hung up on, so that it cannot take all.
type limitedListener struct {
	net.Listener
	places chan struct{}
	closed chan struct{}
	once   sync.Once
	ofOne  int // 0: no bound

	mu   sync.Mutex
	from map[netip.Addr]int // connections; as attempts are counted
}

func (l *limitedListener) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			<-l.places
			return nil, err
		}
		who := network(c.RemoteAddr().String())
		if l.enter(who) {
			return &placedConn{Conn: c, leave: sync.OnceFunc(func() { l.exit(who); <-l.places })}, nil
		}
		c.Close()
	}
}

func (l *limitedListener) enter(who netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ofOne > 0 && l.from[who] >= l.ofOne {
		return false
	}
	if l.from == nil {
		l.from = map[netip.Addr]int{}
	}
	l.from[who]++
	return true
}

func (l *limitedListener) exit(who netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.from[who]--; l.from[who] == 0 {
		delete(l.from, who)
	}
}

func (l *limitedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// placedConn gives its place back.
type placedConn struct {
	net.Conn
	leave func()
}

func (c *placedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
