package exposure

import (
	"fmt"
	"slices"
	"strings"
)

// is reports whether a setting was read and has this value.
func is(setting *string, value string) bool { return setting != nil && *setting == value }

func dataHeld(_ *Finding, o *Observation) string {
	s := o.Stats
	switch {
	case s == nil || s.CurrItems == nil:
		return ""
	case *s.CurrItems == 0:
		return "It holds no items at present."
	case s.Bytes == nil:
		return fmt.Sprintf("It holds %s.", count(*s.CurrItems, "item"))
	}
	return fmt.Sprintf("It holds %s, %s.", count(*s.CurrItems, "item"), size(*s.Bytes))
}

// authBypassed: a listener of the form -l proto[negotiating]:addr answers
// without the credentials of -Y (upstream issue 1283, fixed in 1.6.43).
func authBypassed(_ *Finding, o *Observation) string {
	const said = "Its settings say that authentication is on, yet it answered without"
	switch {
	case bypassed(o):
		return said + ": up to 1.6.42 a listener written as -l proto[...]: bypasses it."
	case openThoughAuth(o):
		return said + "."
	}
	return ""
}

// openThoughAuth reports whether o answers without the credentials that its
// own settings say are asked for.
func openThoughAuth(o *Observation) bool {
	s := o.Settings
	if s == nil || o.State != Open {
		return false
	}
	ascii := s.AuthEnabledASCII != nil && *s.AuthEnabledASCII != "" && *s.AuthEnabledASCII != "no"
	return ascii || is(s.AuthEnabledSASL, "yes")
}

// bypassed reports whether that is explained by a listener with a proto[...]
// of its own: only memcached itself has these, up to 1.6.42.
func bypassed(o *Observation) bool {
	r, ok := ParseRelease(o.version())
	return openThoughAuth(o) && o.Product == "" && (!ok || r.Before(1, 6, 43))
}

func passwordInClear(_ *Finding, o *Observation) string {
	switch {
	case o.TLS || o.State != AuthRequired:
		return ""
	case o.Auth == AuthASCII:
		return "Clients send its password in clear: it asks for credentials without TLS."
	case slices.Contains(o.SASLMechanisms, "PLAIN"):
		return "Clients send its password in clear: it offers SASL PLAIN without TLS."
	}
	return ""
}

func anyoneMayStop(_ *Finding, o *Observation) string {
	if o.Settings == nil || !is(o.Settings.ShutdownCommand, "yes") {
		return ""
	}
	return "Whoever reaches it can stop the server: the shutdown command is on (-A)."
}

func anyoneMayFlush(_ *Finding, o *Observation) string {
	if o.Settings == nil || !is(o.Settings.FlushEnabled, "yes") {
		return ""
	}
	return "Whoever reaches it can empty it with one flush_all (-F turns that off)."
}

func anyoneMayDump(_ *Finding, o *Observation) string {
	if o.Settings == nil || !is(o.Settings.DumpEnabled, "yes") {
		return ""
	}
	return "Whoever reaches it can list every key (-X turns that off)."
}

func commandsLogged(_ *Finding, o *Observation) string {
	if o.Settings == nil || o.Settings.Verbosity == nil || *o.Settings.Verbosity < 2 {
		return ""
	}
	return "It writes every command, keys included, into its log (-vv)."
}

func listensEverywhere(_ *Finding, o *Observation) string {
	if o.Settings == nil || o.Settings.Inter == nil {
		return ""
	}
	inter := *o.Settings.Inter
	switch l := readInter(inter); {
	case inter == "NULL":
		return "It listens on every interface: no -l is set."
	case l.everywhere:
		return fmt.Sprintf("It listens on every interface: -l %s.", quote(inter))
	}
	return ""
}

// udpStillOn: the settings of a server say that UDP is on although it did not
// answer from here, or was not asked at that port.
func udpStillOn(f *Finding, o *Observation) string {
	port, ok := udpSetting(o)
	if !ok || f.answersUDP() || listensOnOwnPort(o) {
		return ""
	}
	if f.unansweredUDP(port) {
		return fmt.Sprintf("Its settings say that UDP is on (port %d) although it did not answer from here: "+
			"it is filtered on the way or bound elsewhere, and other networks may reach it.", port)
	}
	return fmt.Sprintf("Its settings say that UDP is on at port %d, which was not asked: "+
		"rescan with --probe udp --port %d.", port, port)
}

// udpElsewhere: with -l host:port both TCP and UDP use that port, while
// udpport repeats -U.
func udpElsewhere(f *Finding, o *Observation) string {
	port, ok := udpSetting(o)
	if !ok || f.answersUDP() || !listensOnOwnPort(o) {
		return ""
	}
	return fmt.Sprintf("Its settings say that UDP is on (port %d), but its -l names a port of its own: "+
		"UDP may be on that one.", port)
}

// udpSetting is the port that UDP is on by the settings; ok is false when they
// were not read, or UDP is off in them.
func udpSetting(o *Observation) (port uint16, ok bool) {
	if o.Settings == nil || o.Settings.UDPPort == nil {
		return 0, false
	}
	n := *o.Settings.UDPPort
	return uint16(n), 0 < n && n < 1<<16
}

// listensOnOwnPort reports whether an entry of -l names a port, which counts
// for TCP and UDP whatever the settings say.
func listensOnOwnPort(o *Observation) bool {
	return o.Settings != nil && o.Settings.Inter != nil && readInter(*o.Settings.Inter).withPort
}

func (f *Finding) answersUDP() bool {
	for o := range f.observed {
		if speaksUDP(o) {
			return true
		}
	}
	return false
}

// unansweredUDP reports whether a UDP port was asked, and did not answer.
func (f *Finding) unansweredUDP(port uint16) bool {
	for o := range f.observed {
		if o.Transport == UDP && o.Port == port && (o.State == Silent || o.State == Closed) {
			return true
		}
	}
	return false
}

func proxyBuilt(_ *Finding, o *Observation) string {
	if o.Settings == nil || !is(o.Settings.ProxyEnabled, "yes") {
		return ""
	}
	return "It runs as memcached's built-in proxy, so what is reachable here may be other servers' data."
}

func tells(_ *Finding, o *Observation) string {
	if len(o.Tells) == 0 {
		return ""
	}
	const most = 5
	list := make([]string, 0, most)
	for _, t := range o.Tells[:min(most, len(o.Tells))] {
		list = append(list, quote(t))
	}
	return "What gives it away: " + strings.Join(list, "; ") + "."
}

func versionCaution(_ *Finding, o *Observation) string {
	version := o.version()
	if version == "" || o.Product != "" {
		return ""
	}
	r, ok := ParseRelease(version)
	switch {
	case version == "UNKNOWN":
		return "It calls its version UNKNOWN: it was built outside a release, and nothing follows about its bugs."
	case !ok:
		return fmt.Sprintf("Its version string is no memcached release: %s.", quote(version))
	case r.Suffix != "" || r.Rest != "":
		return fmt.Sprintf("It says it is %s, a vendor's or pre-release build: compare it with that vendor's fixes, not with upstream's.", quote(version))
	}
	return fmt.Sprintf("It says it is %s; distributions fix bugs without changing that number, so look at the package before calling it vulnerable.", version)
}
