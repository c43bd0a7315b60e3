package exposure

import "slices"

// condition is what a weakness needs beyond its release.
type condition struct {
	words string // after the releases: "1.6.0 to 1.6.7, where UDP is on"; "" for nothing
	test  func(server) answer
}

// answer says whether a condition holds.
type answer int

const (
	unknown answer = iota // nothing was seen that tells
	yes
	no
)

// server is what was observed of one process that is memcached itself, at one
// endpoint or more. At least one observation holds its release.
type server []*Observation

var (
	always         = condition{"", func(server) answer { return yes }}
	binarySpoken   = condition{"over the binary protocol", server.speaksBinary}
	asciiSpoken    = condition{"over the ASCII protocol", server.speaksASCII}
	commandsInLog  = condition{"where commands are logged (-vv)", server.logsCommands}
	saslOn         = condition{"where SASL is on (-S)", server.wantsSASL}
	saslPasswordDB = condition{"where SASL is on (-S), in a build with --enable-sasl-pwdb", server.mayHavePasswordDB}
	passwordFile   = condition{"where a password file is read (-Y)", server.readsPasswords}
	udpOn          = condition{"where UDP is on (-U)", server.hasUDP}
	udpAnswers     = condition{"where UDP answers; on by default from 1.2.7 to 1.5.5", server.answersOverUDP}
	proxyOn        = condition{"where the proxy is on", server.isProxy}
	unixSocket     = condition{"where clients come over a UNIX socket", func(server) answer { return unknown }}
)

// said asks every observation in turn, and returns the first answer that is one.
func (s server) said(ask func(*Observation) answer) answer {
	for _, o := range s {
		if a := ask(o); a != unknown {
			return a
		}
	}
	return unknown
}

// speaksBinary: anyone may speak it at an open port unless -B says ascii. That
// does not count for UDP, and a server with SASL asks for credentials first.
func (s server) speaksBinary() answer { return s.speaks("binary", "ascii") }

func (s server) speaksASCII() answer { return s.speaks("ascii", "binary") }

func (s server) speaks(dialect, only string) answer {
	return s.said(func(o *Observation) answer {
		binding := ""
		if o.Settings != nil && o.Settings.BindingProtocol != nil {
			binding = *o.Settings.BindingProtocol
		}
		switch {
		case o.State == Open && (slices.Contains(o.Dialect, dialect) || binding == "auto-negotiate"):
			return yes
		case (binding == only || binding == "proxy" && dialect == "binary") && s.hasUDP() == no:
			return no
		case dialect == "ascii" && o.Auth == AuthSASL && s.hasUDP() == no: // over TCP, -S takes the binary one alone
			return no
		}
		return unknown
	})
}

func (s server) logsCommands() answer {
	return s.said(func(o *Observation) answer {
		switch {
		case o.Settings == nil || o.Settings.Verbosity == nil:
			return unknown
		case *o.Settings.Verbosity >= 2:
			return yes
		}
		return no
	})
}

// wantsSASL: over TCP a server with SASL answers nobody without credentials,
// but for the bypass that openThoughAuth looks for.
func (s server) wantsSASL() answer {
	return s.said(func(o *Observation) answer {
		setting := o.Settings != nil && o.Settings.AuthEnabledSASL != nil
		switch {
		case o.Auth == AuthSASL, setting && *o.Settings.AuthEnabledSASL == "yes":
			return yes
		case setting, o.Transport == TCP && o.State == Open && !openThoughAuth(o):
			return no
		}
		return unknown
	})
}

// mayHavePasswordDB: how it was built shows nowhere.
func (s server) mayHavePasswordDB() answer {
	if s.wantsSASL() == no {
		return no
	}
	return unknown
}

// readsPasswords: with -S and -Y, a server asks for the latter's.
func (s server) readsPasswords() answer {
	return s.said(func(o *Observation) answer {
		setting := o.Settings != nil && o.Settings.AuthEnabledASCII != nil
		switch {
		case o.Auth == AuthASCII, setting && *o.Settings.AuthEnabledASCII != "no":
			return yes
		case setting, o.Auth == AuthSASL:
			return no
		}
		return unknown
	})
}

// hasUDP: a -l with a port of its own makes the setting worthless. From 1.5.20
// on, memcached refuses to start with both -S and -U.
func (s server) hasUDP() answer {
	if s.answersOverUDP() == yes {
		return yes
	}
	return s.said(func(o *Observation) answer {
		if r, ok := ParseRelease(o.version()); ok && o.Auth == AuthSASL && !r.Before(1, 5, 20) {
			return no
		}
		if o.Settings == nil || o.Settings.UDPPort == nil || listensOnOwnPort(o) {
			return unknown
		}
		if _, on := udpSetting(o); on {
			return yes
		}
		return no
	})
}

func (s server) answersOverUDP() answer {
	if slices.ContainsFunc(s, speaksUDP) {
		return yes
	}
	return no
}

// isProxy: since 1.6.15 a build with the proxy says whether it is on, so that a
// later one whose settings do not say is a build without.
func (s server) isProxy() answer {
	return s.said(func(o *Observation) answer {
		r, _ := ParseRelease(o.version())
		switch {
		case o.Product == builtInProxy:
			return yes
		case o.Settings == nil:
			return unknown
		case is(o.Settings.ProxyEnabled, "yes"):
			return yes
		case o.Settings.ProxyEnabled != nil || !r.Before(1, 6, 15):
			return no
		}
		return unknown
	})
}
