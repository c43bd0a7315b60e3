package exposure

import "net/netip"

// remedy knows how to close what is exposed on one kind of system, and appends
// that to a list: nothing when it has nothing to close there.
type remedy func([]Fix, exposed) []Fix

// form is what a remedy's ready file is.
type form int

const (
	advice   form = iota // nothing to run or to load as it is
	script               // a shell script
	document             // the one file that the remedy makes; how to load it stands in it
)

// system is a kind of system that something can be closed on.
type system struct {
	name     string // Fix.For
	remedy   remedy
	form     form
	reported bool // in every report; else only where it is asked for
}

// systems lists them, what helps everywhere first. A new one is one file and
// one line here.
var systems = []system{
	{"owner", fixOwner, advice, true},
	{"memcached", fixMemcached, advice, true},
	{"debian", fixDebian, script, true},
	{"rhel", fixRHEL, script, true},
	{"systemd", fixSystemd, document, true},
	{"iptables", fixIptables, document, true},
	{"nftables", fixNftables, document, true},
	{"csf", fixCSF, script, true},
	{"aws-sg", fixAWS, script, false},
	{"kubernetes-networkpolicy", fixKubernetes, document, false},
}

// Systems lists the kinds of system that Remedy has more than advice for.
func Systems() []string {
	var names []string
	for _, s := range systems {
		if s.form != advice {
			names = append(names, s.name)
		}
	}
	return names
}

// Remedy says how to close what f exposes on one kind of system, one of
// Systems, and still let clients in (see ParseClients; none: the host alone).
// It is empty where there is nothing to change. It rests on addresses, ports,
// release numbers, and the name of the unit that an audit saw: nothing that a
// server said in words gets into it, nor what a stored report calls its fix.
//
// It is to be run as it is, again too, without anybody reading it: see
// ReadyFile. Advice is the same for people.
func Remedy(f *Finding, name string, clients []netip.Prefix) []Fix {
	x := exposedBy(f)
	x.clients, x.alone, x.run = clients, true, true
	return x.remedy(name)
}

// Advice is Remedy in the words of a report: short lines, to be read and pasted
// by somebody who sees what is there already.
func Advice(f *Finding, name string, clients []netip.Prefix) []Fix {
	x := exposedBy(f)
	x.clients, x.alone = clients, true
	return x.remedy(name)
}

func (x exposed) remedy(name string) []Fix {
	for _, s := range systems {
		if s.name == name {
			return s.appendFixes(nil, x)
		}
	}
	return nil
}

// usualFixes is how many there are of a memcached that answers TCP and UDP.
const usualFixes = 20

// fixes says how to close f, for every kind of system that reports speak of.
func fixes(f *Finding) []Fix {
	x := exposedBy(f)
	list := make([]Fix, 0, usualFixes)
	for _, s := range systems {
		if s.reported {
			list = s.appendFixes(list, x)
		}
	}
	list = append(list, fixUser(f)...)
	if len(list) == 0 {
		return nil
	}
	return list
}

func (s *system) appendFixes(list []Fix, x exposed) []Fix {
	if len(x.udp)+len(x.tcp) == 0 {
		return list
	}
	others := len(list)
	list = s.remedy(list, x)
	for i := range list[others:] {
		list[others+i].For = s.name
	}
	return list
}
