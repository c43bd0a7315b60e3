package exposure

import (
	"fmt"
	"net/netip"
	"strings"
)

// Process is the server behind an endpoint, as an audit on its own machine
// sees it.
type Process struct {
	PID        int      `json:"pid"`            // 0: it does not run
	User       string   `json:"user,omitempty"` // its name, or its number where that is not known
	Root       bool     `json:"root"`           // its effective user ID is 0, or would be
	Executable string   `json:"executable,omitempty"`
	Command    []string `json:"command,omitempty"`
	// Bound is the local address of its socket: 0.0.0.0 and :: are every
	// address of the family. Nil where there is no socket.
	Bound *netip.AddrPort `json:"bound,omitempty"`
	// Namespace is the network namespace of a process in another one than the
	// audit's own: "net:[4026532177]", or "another" where its name is not known.
	Namespace string `json:"namespace,omitempty"`
	Service   string `json:"service,omitempty"` // what starts it: "memcached.service"
	Drift     *Drift `json:"drift,omitempty"`
}

// Drift is what would change if a server were started again from its
// configuration as that is now, in sentences that follow "It would".
type Drift struct {
	Source string   `json:"source"` // "memcached.service, /etc/memcached.conf"
	Worse  []string `json:"worse,omitempty"`
	Better []string `json:"better,omitempty"`
}

// confined reports whether o is known to be bound to loopback, where other
// machines do not reach it.
func (o *Observation) confined() bool {
	return o.Process != nil && o.Process.Bound != nil && o.Process.Bound.Addr().IsLoopback()
}

// Inside is how bad f is for what an audit knows of its processes, whoever may
// reach them: a policy has no say in that.
func (f *Finding) Inside() Severity {
	worst := Info
	for o := range f.observed {
		if s := o.Inside(); s.AtLeast(worst) {
			worst = s
		}
	}
	return worst
}

// Inside is how bad an endpoint is for what an audit knows of its process,
// whatever it answers.
func (o *Observation) Inside() Severity {
	switch p := o.Process; {
	case p == nil:
		return Info
	case p.Root && o.State.Answered():
		return Medium
	case p.Drift != nil && len(p.Drift.Worse) > 0:
		return Low
	}
	return Info
}

// insideFirst: where nobody else reaches it, what makes it worse than info is
// said first.
func insideFirst(f *Finding, o *Observation) string {
	if !o.confined() {
		return ""
	}
	if s := runsAsRoot(f, o); s != "" {
		return s
	}
	return worseAgain(f, o)
}

func loopbackOnly(_ *Finding, o *Observation) string {
	if !o.confined() {
		return ""
	}
	return fmt.Sprintf("It listens on loopback only (%s): other machines do not reach it.", o.Process.Bound)
}

func runsAsRoot(_ *Finding, o *Observation) string {
	switch p := o.Process; {
	case p == nil || !p.Root || !o.State.Answered():
		return ""
	case p.PID == 0:
		return "It would run as root: a flaw in it gives away the whole machine (-u, or User= in its unit)."
	default:
		return fmt.Sprintf("It runs as root (PID %d): a flaw in it gives away the whole machine (-u, or User= in its unit).", p.PID)
	}
}

func elsewhere(_ *Finding, o *Observation) string {
	if o.Process == nil || o.Process.Namespace == "" {
		return ""
	}
	return fmt.Sprintf("It runs in another network namespace (%s), as in a container: its address is of that one.", quote(o.Process.Namespace))
}

func worseAgain(_ *Finding, o *Observation) string {
	if o.Process == nil || o.Process.Drift == nil {
		return ""
	}
	return again(o.Process, o.Process.Drift.Worse, "worse")
}

func betterAgain(_ *Finding, o *Observation) string {
	if o.Process == nil || o.Process.Drift == nil {
		return ""
	}
	return again(o.Process, o.Process.Drift.Better, "better")
}

func again(p *Process, changes []string, direction string) string {
	switch {
	case len(changes) == 0:
		return ""
	case p.PID == 0:
		return fmt.Sprintf("It does not run. Started from %s, it would %s.", quote(p.Drift.Source), inWords(changes))
	}
	return fmt.Sprintf("A restart makes it %s: from %s, it would %s.", direction, quote(p.Drift.Source), inWords(changes))
}

func inWords(changes []string) string {
	var short []string
	for _, c := range changes {
		short = append(short, quote(c))
	}
	return strings.Join(short, "; ")
}
