package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/memsweep/memsweep/exposure"
)

// endpointColumns are the columns that both transports have.
func endpointColumns(prefix string, of func(*exposure.Finding) *exposure.Observation) []column {
	cell := func(get func(*exposure.Observation) string) func(*exposure.Finding) string {
		return func(f *exposure.Finding) string {
			if o := of(f); o != nil {
				return get(o)
			}
			return ""
		}
	}
	return []column{
		{prefix + "_port", false, cell(func(o *exposure.Observation) string { return strconv.Itoa(int(o.Port)) })},
		{prefix + "_state", true, cell(func(o *exposure.Observation) string { return string(o.State) })},
		{prefix + "_service", true, cell(func(o *exposure.Observation) string { return o.Service })},
		{prefix + "_product", true, cell(func(o *exposure.Observation) string { return o.Product })},
		{prefix + "_version", true, cell(func(o *exposure.Observation) string {
			if o.Version == nil {
				return ""
			}
			return *o.Version
		})},
	}
}

func tcp(get func(*exposure.Observation) string) func(*exposure.Finding) string {
	return func(f *exposure.Finding) string {
		if f.TCP == nil {
			return ""
		}
		return get(f.TCP)
	}
}

func inter(o *exposure.Observation) string {
	if o.Settings == nil || o.Settings.Inter == nil {
		return ""
	}
	return *o.Settings.Inter
}

// stat takes a number from the statistics of TCP, or else of UDP.
func stat(get func(*exposure.Stats) *uint64) func(*exposure.Finding) string {
	return func(f *exposure.Finding) string {
		for _, o := range []*exposure.Observation{f.TCP, f.UDP} {
			if o == nil || o.Stats == nil {
				continue
			}
			if n := get(o.Stats); n != nil {
				return strconv.FormatUint(*n, 10)
			}
		}
		return ""
	}
}

func repliedFrom(f *exposure.Finding) string {
	if f.UDP == nil || f.UDP.RepliedFrom == nil {
		return ""
	}
	return f.UDP.RepliedFrom.String()
}

func measured(get func(*exposure.Amplification) string) func(*exposure.Finding) string {
	return func(f *exposure.Finding) string {
		if f.UDP == nil || f.UDP.Amplification == nil {
			return ""
		}
		return get(f.UDP.Amplification)
	}
}

func count(get func(*exposure.Amplification) int) func(*exposure.Finding) string {
	return measured(func(a *exposure.Amplification) string { return strconv.Itoa(get(a)) })
}

func ratio(get func(*exposure.Amplification) *float64) func(*exposure.Finding) string {
	return measured(func(a *exposure.Amplification) string {
		if v := get(a); v != nil {
			return strconv.FormatFloat(*v, 'f', -1, 64)
		}
		return ""
	})
}

// firstFix is the first way to close the finding, in one cell.
func firstFix(f *exposure.Finding) string {
	if len(f.Fix) == 0 {
		return ""
	}
	fix := f.Fix[0]
	return fix.Title + ": " + strings.Join(fix.Lines, " ; ")
}

// releaseColumns are about the release that a server names. The vulnerabilities
// stand in one cell, the surest and worst first.
func releaseColumns() []column {
	of := func(get func(*exposure.Lifecycle) string) func(*exposure.Finding) string {
		return func(f *exposure.Finding) string {
			if f.Release == nil {
				return ""
			}
			return get(f.Release)
		}
	}
	return []column{
		{"release", true, of(func(l *exposure.Lifecycle) string { return l.Version })},
		{"release_udp_default", true, of(func(l *exposure.Lifecycle) string { return l.UDPDefault })},
		{"release_end_of_life", false, of(func(l *exposure.Lifecycle) string { return strconv.FormatBool(l.EndOfLife) })},
		{"release_caveat", true, of(func(l *exposure.Lifecycle) string { return l.Caveat })},
		{"vulnerabilities", true, func(f *exposure.Finding) string {
			var list []string
			for _, v := range f.Vulnerabilities {
				list = append(list, fmt.Sprintf("%s %s %s", v.ID, v.Certainty, score(v)))
			}
			return strings.Join(list, "; ")
		}},
	}
}
