package report

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

func nmapFamily(ip netip.Addr) string {
	if ip.Is4() {
		return "ipv4"
	}
	return "ipv6"
}

// nmapHostScript says what follows for the host from what its ports said.
func nmapHostScript(f *exposure.Finding) nmapScript {
	script := nmapScript{ID: nmapOurScript, Elems: []nmapElem{
		{"id", exposure.Escape(f.ID)},
		{"ip", exposure.Escape(f.IP.String())},
		{"verdict", exposure.Escape(string(f.Verdict))},
		{"severity", exposure.Escape(string(f.Severity))},
		{"justified", strconv.FormatBool(justified(f))},
	}}
	lines := append([]string{string(f.Severity) + ", " + string(f.Verdict)}, withPolicy(f)...)
	if justified(f) {
		script.Elems = append(script.Elems, nmapElem{"justification", standing(f)})
	}
	if len(f.Fix) > 0 {
		lines = append(lines, "Fix: "+f.Fix[0].Title)
		for _, line := range indented(f.Fix[0].Lines) {
			lines = append(lines, "  "+line)
		}
	}
	for _, v := range f.Vulnerabilities {
		lines = append(lines, fmt.Sprintf("%s (%s): %s", v.ID, v.Certainty, v.Title))
	}
	script.Output = nmapOutput(lines)
	return script
}

func nmapPortOf(o *exposure.Observation) (nmapPort, error) {
	port := nmapPort{Protocol: "tcp", Port: strconv.Itoa(int(o.Port)), Service: nmapServiceOf(o)}
	if o.Transport == exposure.UDP {
		port.Protocol = "udp"
	}
	port.State = nmapStateOf(o)
	if info := nmapInfo(o); len(info) > 0 {
		var lines []string
		for _, e := range info {
			lines = append(lines, e.Key+": "+e.Value)
		}
		port.Scripts = append(port.Scripts, nmapScript{nmapInfoScript, nmapOutput(lines), info})
	}
	kept := *o
	kept.Evidence = nil
	text, err := encode(new(room).observation(&kept))
	if err != nil {
		return port, err
	}
	lines := []string{"State: " + string(o.State)}
	if a := o.Amplification; a != nil {
		lines = append(lines, fmt.Sprintf("Amplification: ×%.1f (BAF), %d bytes for %d", a.BAF, a.ResponseBytes, a.RequestBytes))
	}
	port.Scripts = append(port.Scripts, nmapScript{nmapOurScript, nmapOutput(lines), []nmapElem{
		{"state", exposure.Escape(string(o.State))},
		{elemObservation, string(text)},
	}})
	return port, nil
}

// nmapStateOf says the state in nmap's words. What was not asked is "unknown".
func nmapStateOf(o *exposure.Observation) nmapStatus {
	udp := o.Transport == exposure.UDP
	switch {
	case o.State.Answered() && udp:
		return nmapStatus{"open", "udp-response", "0"}
	case o.State.Answered():
		return nmapStatus{"open", "syn-ack", "0"}
	case o.State == exposure.Closed && udp:
		return nmapStatus{"closed", "port-unreach", "0"}
	case o.State == exposure.Closed:
		return nmapStatus{"closed", "conn-refused", "0"}
	case o.State == exposure.Silent && udp:
		return nmapStatus{"open|filtered", "no-response", "0"}
	case o.State == exposure.Silent:
		return nmapStatus{"filtered", "no-response", "0"}
	}
	return nmapStatus{"unknown", "unknown-response", "0"}
}

func nmapServiceOf(o *exposure.Observation) *nmapService {
	if !o.State.Answered() {
		return nil
	}
	s := &nmapService{Name: exposure.Escape(o.Service), Product: exposure.Escape(o.Product), Method: "probed", Conf: "10"}
	if o.Version != nil {
		s.Version = exposure.Escape(*o.Version)
	}
	if o.TLS {
		s.Tunnel = "ssl"
	}
	switch {
	case s.Name == "":
		s.Name, s.Conf = "unknown", "0"
	case s.Name == "memcached" && s.Product == "":
		s.Product = "Memcached"
	}
	return s
}

// nmapInfo is what nmap's script memcached-info would say, as far as it was
// measured.
func nmapInfo(o *exposure.Observation) []nmapElem {
	var list []nmapElem
	number := func(key string, n *uint64, unit string) {
		if n != nil {
			list = append(list, nmapElem{key, strconv.FormatUint(*n, 10) + unit})
		}
	}
	if s := o.Stats; s != nil {
		number("Process ID", s.PID, "")
		number("Uptime", s.Uptime, " seconds")
		if s.Time != nil {
			list = append(list, nmapElem{"Server time", time.Unix(*s.Time, 0).UTC().Format(nmapServerTime)})
		}
		number("Architecture", s.PointerSize, " bit")
		number("Current connections", s.CurrConnections, "")
		number("Total connections", s.TotalConnections, "")
	}
	if s := o.Settings; s != nil {
		number("Maximum connections", s.MaxConns, "")
		number("TCP Port", s.TCPPort, "")
		number("UDP Port", s.UDPPort, "")
		if s.AuthEnabledSASL != nil {
			list = append(list, nmapElem{"Authentication", exposure.Escape(*s.AuthEnabledSASL)})
		}
	}
	return list
}

// nmapServerTime is how memcached-info writes a time, in UTC.
const nmapServerTime = "2006-01-02T15:04:05"
