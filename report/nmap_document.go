package report

// The parts of nmap's XML (nmap.dtd, output version 1.05) that memsweep writes
// or reads. Numbers are text: what another program wrote is read with care.
type (
	nmapRun struct {
		Scanner string `xml:"scanner,attr"`
		Args    string `xml:"args,attr,omitempty"`
		Start   string `xml:"start,attr,omitempty"`
		Version string `xml:"version,attr"`
	}
	nmapScanInfo struct {
		Type        string `xml:"type,attr"`
		Protocol    string `xml:"protocol,attr"`
		NumServices string `xml:"numservices,attr"`
		Services    string `xml:"services,attr"`
	}
	nmapTarget struct {
		Status string `xml:"status,attr"`
	}
	nmapHost struct {
		TimedOut  string         `xml:"timedout,attr,omitempty"`
		Status    nmapStatus     `xml:"status"`
		Addresses []nmapAddress  `xml:"address"`
		Names     []nmapHostname `xml:"hostnames>hostname"`
		Ports     *nmapPorts     `xml:"ports"`
		Scripts   []nmapScript   `xml:"hostscript>script"`
	}
	nmapStatus struct {
		State     string `xml:"state,attr"`
		Reason    string `xml:"reason,attr"`
		ReasonTTL string `xml:"reason_ttl,attr"`
	}
	nmapAddress struct {
		Addr string `xml:"addr,attr"`
		Type string `xml:"addrtype,attr"` // "" is ipv4
	}
	nmapHostname struct {
		Name string `xml:"name,attr"`
		Type string `xml:"type,attr"`
	}
	nmapPorts struct {
		Extra []nmapExtra `xml:"extraports"`
		Ports []nmapPort  `xml:"port"`
	}
	// nmapExtra stands for ports in a state that too many were in.
	nmapExtra struct {
		State   string            `xml:"state,attr"`
		Count   string            `xml:"count,attr"`
		Reasons []nmapExtraReason `xml:"extrareasons"`
	}
	nmapExtraReason struct {
		Reason string `xml:"reason,attr"`
		Count  string `xml:"count,attr"`
		Proto  string `xml:"proto,attr,omitempty"`
		Ports  string `xml:"ports,attr,omitempty"`
	}
	nmapPort struct {
		Protocol string       `xml:"protocol,attr"`
		Port     string       `xml:"portid,attr"`
		State    nmapStatus   `xml:"state"`
		Service  *nmapService `xml:"service"`
		Scripts  []nmapScript `xml:"script"`
	}
	nmapService struct {
		Name        string `xml:"name,attr"`
		Product     string `xml:"product,attr,omitempty"`
		Version     string `xml:"version,attr,omitempty"`
		Tunnel      string `xml:"tunnel,attr,omitempty"`
		Fingerprint string `xml:"servicefp,attr,omitempty"`
		Method      string `xml:"method,attr"`
		Conf        string `xml:"conf,attr"`
	}
	nmapScript struct {
		ID     string     `xml:"id,attr"`
		Output string     `xml:"output,attr"`
		Elems  []nmapElem `xml:"elem"`
	}
	nmapElem struct {
		Key   string `xml:"key,attr,omitempty"`
		Value string `xml:",chardata"`
	}
	nmapRunStats struct {
		Finished nmapFinished `xml:"finished"`
		Hosts    nmapHosts    `xml:"hosts"`
	}
	nmapFinished struct {
		Time    string `xml:"time,attr"`
		TimeStr string `xml:"timestr,attr,omitempty"`
		Elapsed string `xml:"elapsed,attr"`
		Summary string `xml:"summary,attr,omitempty"`
		Exit    string `xml:"exit,attr,omitempty"`
		Error   string `xml:"errormsg,attr,omitempty"`
	}
	nmapHosts struct {
		Up    string `xml:"up,attr"`
		Down  string `xml:"down,attr"`
		Total string `xml:"total,attr"`
	}
)

// Scripts by which findings are told: nmap's own, and ours with all the rest.
const (
	nmapInfoScript = "memcached-info"
	nmapOurScript  = "memsweep"
)

// Elements of our script.
const (
	elemObservation = "observation" // of a port: the observation as JSON, without evidence
	elemStatus      = "status"      // of the run
	elemCoverage    = "coverage"    // of the run: as JSON, without fates
)

// elem is the value under a key, "" when there is none.
func (s nmapScript) elem(key string) string {
	for _, e := range s.Elems {
		if e.Key == key {
			return e.Value
		}
	}
	return ""
}

// scriptOf finds a script by its name.
func scriptOf(scripts []nmapScript, id string) (nmapScript, bool) {
	for _, s := range scripts {
		if s.ID == id {
			return s, true
		}
	}
	return nmapScript{}, false
}
