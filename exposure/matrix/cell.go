package matrix

import (
	"fmt"

	"github.com/memsweep/memsweep/exposure"
)

// fate is what became of an endpoint that the view has no finding of.
func (v View) fate(e endpoint) exposure.State {
	if v.Fate == nil {
		return Unknown
	}
	switch s := v.Fate(e.at, e.transport); s {
	case exposure.Closed, exposure.Silent, exposure.LocalError, exposure.NotScanned, NotInPlan, NoAnswer:
		return s
	}
	return Unknown
}

// cell is what a view has to say of an endpoint that it has a finding of.
func (s sight) cell(v exposure.Vantage) Cell {
	o, f := s.observation, s.finding
	c := Cell{State: o.State, Finding: f.ID, Observation: o}
	switch o.State {
	case exposure.Closed, exposure.Silent, exposure.LocalError, exposure.NotScanned:
		if s := o.Inside(); o.Process != nil && s != exposure.Info {
			c.Severity = s // by an audit: a restart will open what is closed
		}
		return c
	}
	var ok bool
	if c.Verdict, c.Severity, ok = f.JudgeStored(o, v.Trust); !ok {
		c.State = Unknown // of a newer version
		return c
	}
	c.Policy, c.Version, c.BAF = f.Policy, o.NamedVersion(), o.MeasuredBAF()
	return c
}

// words are a cell in a few words. They quote nobody but the name of a service,
// and that never stands alone.
func words(c Cell) string {
	if !c.Answered() {
		return unanswered(c.State)
	}
	o := c.Observation
	within := ""
	if o.TLS {
		within = " in tls"
	}
	switch c.Verdict {
	case exposure.Reflector:
		return "reflector" + factor(o)
	case exposure.Impostor:
		return "impostor" + within
	case exposure.OpenTCP:
		return "open" + within
	case exposure.AuthVerdict:
		return "auth" + within
	case exposure.FullVerdict:
		return "full"
	case exposure.TLSVerdict:
		return "tls"
	}
	if o.PortOnly {
		return "open, unknown"
	}
	if o.State == exposure.Foreign && o.Service != "" {
		return "other: " + o.Service
	}
	if o.State == exposure.Mute {
		return "mute"
	}
	return "other"
}

func unanswered(s exposure.State) string {
	switch s {
	case exposure.Closed:
		return "closed"
	case exposure.Silent:
		return "silent"
	case exposure.LocalError:
		return "local error"
	case exposure.NotScanned:
		return "not scanned"
	case NotInPlan:
		return "not in plan"
	case NoAnswer:
		return "no answer"
	}
	return "unknown"
}

// factor is how much a reflector amplifies, where somebody measured that.
func factor(o *exposure.Observation) string {
	least, baf := "", 0.0
	switch a := o.Amplification; {
	case a != nil && a.Datagrams > 0:
		baf = a.BAF
		if !o.MeasuredWhole() {
			least = "≥"
		}
	case o.Reported != nil:
		baf = o.Reported.BAF
	default:
		return ""
	}
	if baf < 10 {
		return fmt.Sprintf(" %s×%.1f", least, baf)
	}
	return fmt.Sprintf(" %s×%.0f", least, baf)
}
