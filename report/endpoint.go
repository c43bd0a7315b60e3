package report

import (
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/memsweep/memsweep/exposure"
)

// observed lists every observation of a finding, UDP first: it is the worse one
// to have open. A finding about a justification has none.
func observed(f *exposure.Finding) []*exposure.Observation {
	var list []*exposure.Observation
	for _, o := range []*exposure.Observation{f.UDP, f.TCP} {
		if o != nil {
			list = append(list, o)
		}
	}
	for i := range f.Also {
		list = append(list, &f.Also[i])
	}
	return list
}

// exposed lists the observations at which something answered, or all of them
// where a report says of none that it did.
func exposed(f *exposure.Finding) []*exposure.Observation {
	var list []*exposure.Observation
	for _, o := range observed(f) {
		if o.State.Answered() {
			list = append(list, o)
		}
	}
	if list == nil {
		return observed(f)
	}
	return list
}

// plain is an address as others can read it: an IPv6 zone is a name that only
// the scanning machine knows.
func plain(ip netip.Addr) string { return ip.WithZone("").String() }

// endpointName names an endpoint: "192.0.2.7:11211/udp".
func endpointName(ip netip.Addr, o *exposure.Observation) string {
	return net.JoinHostPort(plain(ip), strconv.Itoa(int(o.Port))) + "/" + exposure.Escape(string(o.Transport))
}

// whereabouts names all exposed endpoints of a finding, or its address alone.
func whereabouts(f *exposure.Finding) string {
	var names []string
	for _, o := range exposed(f) {
		names = append(names, endpointName(f.IP, o))
	}
	if names == nil {
		return plain(f.IP)
	}
	return strings.Join(names, ", ")
}

// justified reports whether the owner's policy expects a finding, or somebody
// answers for it.
func justified(f *exposure.Finding) bool { return f.Policy != nil && f.Policy.Justified }

// standing is what the policy says of a finding, in one paragraph; "" without
// a policy.
func standing(f *exposure.Finding) string {
	if f.Policy == nil {
		return ""
	}
	return exposure.Escape(strings.Join(f.Policy.Explain(), " "))
}

// proven reports whether a sweep asked all that was planned: only then does
// what is missing from its findings mean anything.
func proven(s Summary) bool {
	c := knownCoverage(s.Coverage)
	return s.Status == exposure.Complete && c != nil && c.Outcomes.NotScanned+c.Outcomes.LocalError == 0
}

// knownVersion is what a finding's server calls itself, "" when it did not say.
func knownVersion(f *exposure.Finding) string {
	for _, o := range observed(f) {
		switch {
		case o.Version != nil:
			return *o.Version
		case o.Stats != nil && o.Stats.Version != nil:
			return *o.Stats.Version
		}
	}
	return ""
}
