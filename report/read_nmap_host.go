package report

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/memsweep/memsweep/exposure"
)

// memcachedPort is where memcached is looked for; elsewhere it counts only when
// nmap says that it is there.
const memcachedPort = 11211

func probeOf(protocol string) string { return "nmap-" + protocol }

// host takes in one host; found is false where nothing answered.
func (n *nmapFile) host(h *nmapHost) (f exposure.Finding, found bool, err error) {
	if h.Status.State == "down" {
		return f, false, nil // counted in the summary
	}
	n.up++
	ip, err := nmapAddr(h.Addresses)
	if err != nil {
		return f, false, err
	}
	observations, err := n.observations(h)
	if err != nil {
		return f, false, fmt.Errorf("host %s: %w", ip, err)
	}
	n.tally(h, observations)
	f, found, err = n.judge(exposure.Host{Addr: ip, Observations: observations})
	for _, name := range h.Names {
		if found && name.Type == "user" && !slices.Contains(f.Names, name.Name) {
			f.Names = append(f.Names, name.Name)
		}
	}
	return f, found, err
}

// observations are what is said of a host's ports: first of those that answer,
// so that the finding is named after one of them.
func (n *nmapFile) observations(h *nmapHost) (list []exposure.Observation, err error) {
	ours := false
	if h.Ports != nil {
		for _, port := range h.Ports.Ports {
			_, told := scriptOf(port.Scripts, nmapOurScript)
			ours = ours || told
			o, about, err := nmapObservation(port)
			if err != nil {
				return nil, err
			}
			if about {
				list = append(list, o)
			}
		}
	}
	if !ours { // memsweep lists whatever was in its plan
		list = append(list, n.unlisted(h, list)...)
	}
	slices.SortStableFunc(list, func(a, b exposure.Observation) int {
		return cmp.Or(
			compareBool(!a.State.Answered(), !b.State.Answered()),
			compareBool(a.Port != memcachedPort, b.Port != memcachedPort),
			cmp.Compare(a.Port, b.Port),
			cmp.Compare(a.Transport, b.Transport),
		)
	})
	return list, nil
}

// tally counts what became of a host's endpoints.
func (n *nmapFile) tally(h *nmapHost, list []exposure.Observation) {
	gaveUp := h.TimedOut == "true"
	if gaveUp {
		n.gaveUp++
	}
	for _, o := range list {
		n.count(o.Probe, outcomeOf(o.State))
		if o.State == exposure.NotScanned && !gaveUp {
			n.unclear++
		}
	}
}

// compareBool orders false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// unlisted sees to the ports that were asked and are not in the host's list:
// they are among those that nmap only counts, or nothing is known of them.
func (n *nmapFile) unlisted(h *nmapHost, listed []exposure.Observation) (list []exposure.Observation) {
	for _, protocol := range []string{"tcp", "udp"} {
		if !n.asked[protocol] || slices.ContainsFunc(listed, func(o exposure.Observation) bool {
			return string(o.Transport) == protocol && o.Port == memcachedPort
		}) {
			continue
		}
		state := exposure.NotScanned
		if h.Ports != nil {
			state = extraState(h.Ports.Extra, protocol)
		}
		list = append(list, exposure.Observation{
			Probe: probeOf(protocol), Transport: exposure.Transport(protocol), Port: memcachedPort, State: state, Auth: exposure.AuthUnknown,
		})
	}
	return list
}

// extraState is the state of memcached's port where it is only counted.
func extraState(extra []nmapExtra, protocol string) exposure.State {
	listed := false
	for _, e := range extra {
		for _, r := range e.Reasons {
			listed = listed || r.Ports != ""
			if r.Proto == protocol && containsPort(r.Ports, memcachedPort) {
				return closedState(e.State, r.Reason)
			}
		}
	}
	if len(extra) == 1 && !listed && len(extra[0].Reasons) == 1 { // before 7.92 it did not say which ports
		return closedState(extra[0].State, extra[0].Reasons[0].Reason)
	}
	return exposure.NotScanned
}

// closedState reads the states in which nothing answered. A filter that says so
// by ICMP refuses; one that says nothing is silence.
func closedState(state, reason string) exposure.State {
	refused := strings.Contains(reason, "unreach") || strings.Contains(reason, "prohibited")
	switch {
	case state == "closed", state == "filtered" && refused:
		return exposure.Closed
	case state == "filtered", state == "open|filtered", state == "closed|filtered":
		return exposure.Silent
	}
	return exposure.NotScanned // "unfiltered", "unknown": nothing is known
}

func outcomeOf(s exposure.State) exposure.Outcomes {
	switch {
	case s.Answered():
		return exposure.Outcomes{Answered: 1}
	case s == exposure.Closed:
		return exposure.Outcomes{Closed: 1}
	case s == exposure.Silent:
		return exposure.Outcomes{Silent: 1}
	}
	return exposure.Outcomes{NotScanned: 1}
}

func nmapAddr(list []nmapAddress) (netip.Addr, error) {
	for _, a := range list {
		if a.Type == "mac" {
			continue
		}
		ip, err := netip.ParseAddr(a.Addr)
		if err != nil {
			return ip, fmt.Errorf("address %q is no address", exposure.Escape(a.Addr))
		}
		return ip.Unmap(), nil
	}
	return netip.Addr{}, errors.New("a host without an address")
}
