package memtest

import (
	"fmt"
	"net/netip"
	"time"
)

// Posture is one way for a server to be.
type Posture string

// Config says which server to start, and where.
type Config struct {
	Addr    netip.AddrPort // loopback; port 0 means any free port
	Posture Posture
	// Version is what a stock memcached says it is; "" means the posture's own.
	Version string
	// Interval is the time between the bytes of Dribble; 0 means a second.
	Interval time.Duration
}

// About describes a posture in one line.
type About struct {
	Posture Posture
	Summary string
}

// entry is one posture: a new one is a constant and one of these.
type entry struct {
	posture Posture
	summary string
	script  func(Config) (Script, error)
}

// catalogue is every posture there is.
func catalogue() []entry {
	var all []entry
	all = append(all, stock()...)
	all = append(all, lookalikes()...)
	all = append(all, misbehaviours()...)
	return append(all, hostileVersions()...)
}

// Postures lists every posture: stock servers first, then what is mistaken
// for one, then what misbehaves.
func Postures() []About {
	var all []About
	for _, e := range catalogue() {
		all = append(all, About{e.posture, e.summary})
	}
	return all
}

// Start runs a server.
func Start(c Config) (*Server, error) {
	for _, e := range catalogue() {
		if e.posture != c.Posture {
			continue
		}
		script, err := e.script(c)
		if err != nil {
			return nil, fmt.Errorf("start %s at %s: %w", c.Posture, c.Addr, err)
		}
		s, err := Serve(c.Addr, script)
		if err != nil {
			return nil, fmt.Errorf("start %s at %s: %w", c.Posture, c.Addr, err)
		}
		return s, nil
	}
	return nil, fmt.Errorf("start %s at %s: no such posture", c.Posture, c.Addr)
}

// always is the script of a posture that depends on nothing.
func always(s Script) func(Config) (Script, error) {
	return func(Config) (Script, error) { return s, nil }
}

// say is the conversation of a server that speaks first and hangs up.
func say(text string) func(*Conn) {
	return func(c *Conn) { c.Say(text) }
}

// silent is the conversation of a server that accepts and says nothing.
func silent(c *Conn) { c.Ignore() }

// untouched leaves a reply's datagrams as they are.
func untouched(datagrams [][]byte) [][]byte { return datagrams }
