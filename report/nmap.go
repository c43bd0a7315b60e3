package report

import (
	"bufio"
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

// nmapWriter writes nmap's XML. Hosts in it are those with findings; what is
// memsweep's own stands in the script "memsweep" of each port, host and of the
// run. A sweep that did not ask everything is a run that finished with an error.
type nmapWriter struct {
	w      io.Writer
	header Header
	hosts  []nmapFound
	ports  map[string]map[uint16]bool // by protocol
}

type nmapFound struct {
	ip   netip.Addr
	id   string
	host nmapHost
}

func newNmap(w io.Writer, _ Options) Writer {
	return &nmapWriter{w: w, ports: map[string]map[uint16]bool{"tcp": {}, "udp": {}}}
}

func (n *nmapWriter) Begin(h Header) error {
	n.header = h
	return nil
}

func (n *nmapWriter) Finding(f exposure.Finding) error {
	host := nmapHost{
		Status:    nmapStatus{"up", "user-set", "0"},
		Addresses: []nmapAddress{{plain(f.IP), nmapFamily(f.IP)}},
		Ports:     &nmapPorts{},
		Scripts:   []nmapScript{nmapHostScript(&f)},
	}
	for _, name := range f.Names {
		host.Names = append(host.Names, nmapHostname{exposure.Escape(name), "user"})
	}
	for _, o := range observed(&f) {
		port, err := nmapPortOf(o)
		if err != nil {
			return fmt.Errorf("write finding %s: %w", f.ID, err)
		}
		host.Ports.Ports = append(host.Ports.Ports, port)
		n.ports[port.Protocol][o.Port] = true
	}
	n.hosts = append(n.hosts, nmapFound{f.IP, f.ID, host})
	return nil
}

func (n *nmapWriter) End(s Summary) error {
	b := bufio.NewWriter(n.w) // keeps the first error; Flush returns it
	b.WriteString(xml.Header + "<!DOCTYPE nmaprun>\n")
	fmt.Fprintf(b, "<nmaprun scanner=\"nmap\" args=\"%s\" start=\"%d\" version=\"%s\" xmloutputversion=\"1.05\">\n",
		xmlText("memsweep, sweep "+n.header.Sweep.ID+" from "+n.header.Sweep.Vantage.Name), n.header.Sweep.Started.Unix(),
		xmlText(n.header.Tool.Name+" "+n.header.Tool.Version))
	e := xml.NewEncoder(b)
	e.Indent("", " ")
	element := func(name string, v any) error {
		return e.EncodeElement(v, xml.StartElement{Name: xml.Name{Local: name}})
	}
	for _, info := range n.scanInfo() {
		if err := element("scaninfo", info); err != nil {
			return fmt.Errorf("write nmap: %w", err)
		}
	}
	b.WriteString("\n<verbose level=\"0\"/>\n<debugging level=\"0\"/>")
	hosts := n.merged()
	for _, h := range hosts {
		if err := element("host", h); err != nil {
			return fmt.Errorf("write nmap: %w", err)
		}
	}
	run, err := n.runScript(s)
	if err != nil {
		return err
	}
	err = cmp.Or(element("postscript", struct {
		Script nmapScript `xml:"script"`
	}{run}), element("runstats", n.runStats(s, len(hosts))))
	if err != nil {
		return fmt.Errorf("write nmap: %w", err)
	}
	b.WriteString("\n</nmaprun>\n")
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write nmap: %w", err)
	}
	return nil
}

// merged has one host for each address, in order: a finding about a
// justification has no ports, and stands with the finding it is about.
func (n *nmapWriter) merged() []nmapHost {
	slices.SortStableFunc(n.hosts, func(a, b nmapFound) int {
		return cmp.Or(a.ip.Compare(b.ip), cmp.Compare(a.id, b.id))
	})
	var hosts []nmapHost
	for i, h := range n.hosts {
		if i == 0 || n.hosts[i-1].ip != h.ip {
			hosts = append(hosts, h.host)
			continue
		}
		last := &hosts[len(hosts)-1]
		last.Ports.Ports = append(last.Ports.Ports, h.host.Ports.Ports...)
		last.Scripts = append(last.Scripts, h.host.Scripts...)
	}
	return hosts
}

// scanInfo names the ports that findings are at: the sweep had one.
func (n *nmapWriter) scanInfo() []nmapScanInfo {
	var list []nmapScanInfo
	for _, protocol := range []string{"tcp", "udp"} {
		var ports []string
		for port := range n.ports[protocol] {
			ports = append(ports, strconv.Itoa(int(port)))
		}
		if len(ports) == 0 {
			continue
		}
		slices.Sort(ports)
		kind := "udp"
		if protocol == "tcp" {
			kind = "connect"
		}
		list = append(list, nmapScanInfo{kind, protocol, strconv.Itoa(len(ports)), strings.Join(ports, ",")})
	}
	return list
}

func (n *nmapWriter) runStats(s Summary, found int) nmapRunStats {
	finished := n.header.Sweep.Started
	if end := known(s.Finished); end != nil {
		finished = *end
	}
	total := max(s.Coverage.Addresses, uint64(found))
	stats := nmapRunStats{
		Finished: nmapFinished{
			Time: strconv.FormatInt(finished.Unix(), 10), TimeStr: finished.UTC().Format(time.ANSIC), Exit: "success",
			Elapsed: strconv.FormatFloat(finished.Sub(n.header.Sweep.Started).Seconds(), 'f', 2, 64),
		},
		Hosts: nmapHosts{strconv.Itoa(found), strconv.FormatUint(total-uint64(found), 10), strconv.FormatUint(total, 10)},
	}
	if c := knownCoverage(s.Coverage); c != nil {
		stats.Finished.Summary = endpoints(c)
	}
	if !proven(s) {
		stats.Finished.Exit = "error"
		stats.Finished.Error = strings.Join(alarms(s, knownCoverage(s.Coverage)), " ")
	}
	return stats
}

// runScript says how the sweep ended, which runstats has no room for.
func (n *nmapWriter) runScript(s Summary) (nmapScript, error) {
	sweep := n.header.Sweep
	script := nmapScript{ID: nmapOurScript, Elems: []nmapElem{
		{"sweep", exposure.Escape(sweep.ID)},
		{"vantage", exposure.Escape(sweep.Vantage.Name)},
		{"trust", exposure.Escape(string(sweep.Vantage.Trust))},
		{elemStatus, exposure.Escape(string(s.Status))},
	}}
	lines := []string{fmt.Sprintf("Swept from %s (%s): %s", sweep.Vantage.Name, sweep.Vantage.Trust, s.Status)}
	if p := n.header.Policy; p != nil {
		lines = append(lines, underPolicy(p, s))
	}
	if c := knownCoverage(s.Coverage); c != nil {
		c.Fates = nil // by their place in the plan, which this document does not have
		text, err := encode(c)
		if err != nil {
			return script, fmt.Errorf("write nmap: coverage: %w", err)
		}
		script.Elems = append(script.Elems, nmapElem{elemCoverage, string(text)})
		lines = append(lines, endpoints(c))
	}
	script.Output = nmapOutput(append(lines, alarms(s, knownCoverage(s.Coverage))...))
	return script, nil
}

// nmapOutput is a script's output for people: lines, each but the first indented.
func nmapOutput(lines []string) string { return "\n  " + strings.Join(escaped(lines), "\n  ") }

// xmlText escapes text for an attribute.
func xmlText(text string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(exposure.Escape(text))) // a strings.Builder does not fail
	return b.String()
}
