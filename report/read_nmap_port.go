package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

// nmapObservation is what nmap says of one port; about is false when that has
// nothing to do with memcached.
func nmapObservation(p nmapPort) (o exposure.Observation, about bool, err error) {
	if p.Protocol != "tcp" && p.Protocol != "udp" {
		return o, false, nil
	}
	port, err := strconv.ParseUint(p.Port, 10, 16)
	if err != nil {
		return o, false, fmt.Errorf("port %q is no port", exposure.Escape(p.Port))
	}
	o = exposure.Observation{Probe: probeOf(p.Protocol), Transport: exposure.Transport(p.Protocol), Port: uint16(port), Auth: exposure.AuthUnknown}
	if ours, ok := scriptOf(p.Scripts, nmapOurScript); ok {
		if err := readOurs(&o, ours); err != nil {
			return o, false, fmt.Errorf("port %d/%s: %w", port, p.Protocol, err)
		}
		return o, true, nil
	}
	if p.State.State == "open" {
		readOpen(&o, p)
	} else {
		o.State = closedState(p.State.State, p.State.Reason)
	}
	return o, port == memcachedPort || o.Service == "memcached", nil
}

// readOurs takes over the observation that memsweep wrote for this port.
func readOurs(o *exposure.Observation, script nmapScript) error {
	port, transport := o.Port, o.Transport
	if err := json.Unmarshal([]byte(script.elem(elemObservation)), o); err != nil {
		return fmt.Errorf("script memsweep: %w", err)
	}
	if o.Port != port || o.Transport != transport || o.State == "" {
		return errors.New("script memsweep: it is about another port, or says no state")
	}
	return nil
}

// readOpen says what answers, as far as nmap knows.
func readOpen(o *exposure.Observation, p nmapPort) {
	service := nmapService{}
	if p.Service != nil {
		service = *p.Service
	}
	o.TLS = service.Tunnel == "ssl"
	info, _ := scriptOf(p.Scripts, nmapInfoScript)
	answer := func(state exposure.State, auth exposure.Auth) { o.State, o.Auth, o.Service = state, auth, "memcached" }
	switch {
	case info.elem("Process ID") != "":
		answer(exposure.Open, exposure.AuthNone)
		readInfo(o, info)
	case service.Method == "probed" && strings.HasPrefix(service.Name, "memcache"):
		answer(exposure.Open, exposure.AuthNone)
	case strings.Contains(service.Fingerprint, `CLIENT_ERROR\x20unauthenticated`):
		answer(exposure.AuthRequired, exposure.AuthASCII)
	case strings.Contains(service.Fingerprint, `ERROR\x20Too\x20many\x20open\x20connections`):
		answer(exposure.Full, exposure.AuthUnknown)
	case strings.Contains(service.Fingerprint, `STAT\x20pid\x20`):
		answer(exposure.Open, exposure.AuthNone)
	case service.Method == "probed" && service.Name == "tcpwrapped":
		o.State = exposure.Mute
	case service.Method == "probed", service.Fingerprint != "":
		o.State, o.Service = exposure.Foreign, nmapForeign(service)
	case p.Protocol == "udp" && p.State.Reason == "udp-response" && o.Port == memcachedPort:
		// What nmap sends there is memcached's own version (nmap-payloads); it
		// keeps nothing of the reply.
		answer(exposure.Open, exposure.AuthUnknown)
		o.Unconfirmed = true
	default:
		o.State, o.PortOnly = exposure.Mute, true
	}
	if o.Service == "memcached" {
		o.Version = nmapVersion(service)
	}
}

func nmapForeign(s nmapService) string {
	switch {
	case s.Method != "probed", s.Name == "":
		return "unknown"
	case s.Name == "ssl":
		return "tls"
	}
	return s.Name
}

// fingerprintVersion finds the version in the reply to stats that nmap prints
// when it knows no better.
var fingerprintVersion = regexp.MustCompile(`STAT\\x20version\\x20([0-9.\\]{1,40}?)\\r`)

func nmapVersion(s nmapService) *string {
	version := s.Version
	if m := fingerprintVersion.FindStringSubmatch(s.Fingerprint); version == "" && m != nil {
		version = strings.ReplaceAll(m[1], `\`, "")
	}
	if version == "" {
		return nil
	}
	return &version
}

// readInfo reads what nmap's script memcached-info found.
func readInfo(o *exposure.Observation, info nmapScript) {
	number := func(key string) *uint64 {
		word, _, _ := strings.Cut(info.elem(key), " ") // "254 seconds", "64 bit"
		if n, err := strconv.ParseUint(word, 10, 64); err == nil {
			return &n
		}
		return nil
	}
	o.Stats = &exposure.Stats{
		PID: number("Process ID"), Uptime: number("Uptime"), PointerSize: number("Architecture"),
		CurrConnections: number("Current connections"), TotalConnections: number("Total connections"),
	}
	if at, err := time.Parse(nmapServerTime, info.elem("Server time")); err == nil {
		unix := at.Unix()
		o.Stats.Time = &unix
	}
	o.Settings = &exposure.Settings{MaxConns: number("Maximum connections"), TCPPort: number("TCP Port"), UDPPort: number("UDP Port")}
	if auth := info.elem("Authentication"); auth != "" {
		o.Settings.AuthEnabledSASL = &auth
	}
}
