package matrix

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

// tolerance is by how much two times of start may differ that are one: the
// server counts whole seconds, and clocks are set right now and then.
const tolerance = 10 * time.Second

// unknownClock is by how much a vantage's clock may be wrong that its report
// says nothing about.
const unknownClock = time.Minute

// maxQuoted is how much of a server's own words a pattern quotes.
const maxQuoted = 40

// server is what one vantage knows of the process that answered it. Counters
// are no part of it: they differ from one second to the next.
type server struct {
	column  member
	what    string // "memcached", or what else it is; "": not known
	version string // "": not known
	pid     string // "": not known
	// started is when the process started by its own clock, in Unix seconds.
	// memcached counts its time from there, so it never changes.
	started *int64
	// born is the same by the vantage's clock, earliest and latest: the report
	// does not say when during the sweep the server was asked.
	born *[2]time.Time
}

// servers finds different processes that answer at one address.
func (m *Matrix) servers(r, _ *Row) (p Pattern, ok bool) {
	var all []server
	for _, c := range m.where(r, Cell.Answered) {
		all = append(all, newServer(c, r.Cells[c.at].Observation))
	}
	differ := make([]bool, len(all))
	replaced, together := true, false
	for i, a := range all {
		for k, b := range all[:i] {
			if a.differs(b) {
				differ[i], differ[k] = true, true
				replaced = replaced && a.replaces(b)
				together = together || a.livedWith(b)
			}
		}
	}
	if !slices.Contains(differ, true) {
		return p, false
	}
	var seen group
	for i, s := range all {
		if differ[i] {
			seen = append(seen, s.column)
		}
	}
	p = Pattern{Kind: DifferentServers, Vantages: seen.names(), Text: "Different servers answer behind this address: " + traits(all) + "."}
	switch {
	case replaced:
		p.Kind = Restarted
		p.Text = "The server was restarted or replaced between the sweeps, unless different ones answer behind this address: " + traits(all) + "."
	case !together:
		p.Text += " Or one has taken the other's place between the sweeps: the reports do not tell."
	}
	return p, true
}

func newServer(c member, o *exposure.Observation) server {
	s := server{column: c, what: "memcached"}
	switch {
	case o.Product != "":
		s.what = o.Product
	case o.State == exposure.Foreign:
		s.what = o.Service
	case o.State == exposure.Mute, o.State == exposure.TLS:
		s.what = ""
	}
	if o.Version != nil {
		s.version = *o.Version
	}
	if o.Stats == nil {
		return s
	}
	if s.version == "" && o.Stats.Version != nil {
		s.version = *o.Stats.Version
	}
	if o.Stats.PID != nil {
		s.pid = strconv.FormatUint(*o.Stats.PID, 10)
	}
	if up := o.Stats.Uptime; up != nil && *up < maxUptime {
		s.age(time.Duration(*up)*time.Second, o.Stats.Time)
	}
	return s
}

// maxUptime, in seconds, is longer than any server has run: about 68 years.
const maxUptime = 1 << 31

func (s *server) age(up time.Duration, clock *int64) {
	if clock != nil && *clock > 0 && *clock < 1<<40 {
		started := *clock - int64(up/time.Second)
		s.started = &started
	}
	slack, known := s.column.slack()
	if s.column.Started.IsZero() || s.column.Finished == nil || !known {
		return
	}
	s.born = &[2]time.Time{s.column.Started.Add(-up - slack), s.column.Finished.Add(-up + slack)}
}

// slack is how far off the times of a column may be; known is false when there
// is no telling.
func (c Column) slack() (slack time.Duration, known bool) {
	switch clock := c.Vantage.Clock; {
	case clock == nil:
		return unknownClock, true
	case !clock.Synchronised || clock.MaxErrorUS < 0 || clock.MaxErrorUS > int64(time.Hour/time.Microsecond):
		return 0, false
	default:
		return tolerance + time.Duration(clock.MaxErrorUS)*time.Microsecond, true
	}
}

// differs reports whether two vantages cannot have talked to one process.
func (s server) differs(t server) bool {
	return different(s.what, t.what) || different(s.version, t.version) || different(s.pid, t.pid) || s.startedApart(t)
}

func different(a, b string) bool { return a != "" && b != "" && a != b }

func (s server) startedApart(t server) bool {
	if s.started != nil && t.started != nil {
		return max(*s.started, *t.started)-min(*s.started, *t.started) > int64(tolerance/time.Second)
	}
	return s.born != nil && t.born != nil && (s.born[1].Before(t.born[0]) || t.born[1].Before(s.born[0]))
}

// replaces reports whether one of the two processes is known to have started
// only after the other was asked: it may have taken its place.
func (s server) replaces(t server) bool {
	after := func(young, old server) bool {
		return young.born != nil && !old.column.Started.IsZero() && young.born[0].After(old.column.Started)
	}
	return after(s, t) || after(t, s)
}

// livedWith reports whether the two processes are known to have run at the
// same time: the one asked later had started before the other was asked.
func (s server) livedWith(t server) bool {
	early, late := s, t
	if late.column.Started.Before(early.column.Started) {
		early, late = late, early
	}
	return late.born != nil && late.born[1].Before(early.column.Started)
}

// traits lists in what the servers differ, and who saw which.
func traits(all []server) string {
	var list []string
	for _, trait := range []struct {
		name string
		of   func(server) string
	}{
		{"", func(s server) string { return s.what }},
		{"version ", func(s server) string { return s.version }},
		{"process ID ", func(s server) string { return s.pid }},
	} {
		if text := split(all, trait.of); text != "" {
			list = append(list, trait.name+text)
		}
	}
	for i, s := range all {
		if slices.ContainsFunc(all[:i], s.startedApart) {
			return strings.Join(append(list, "started "+split(all, server.start)), "; ")
		}
	}
	return strings.Join(list, "; ")
}

// split says who saw which value of a trait; "" when there are not two.
func split(all []server, of func(server) string) string {
	seen := map[string]group{}
	var values []string
	for _, s := range all {
		v := of(s)
		if v == "" {
			continue
		}
		if seen[v] == nil {
			values = append(values, v)
		}
		seen[v] = append(seen[v], s.column)
	}
	if len(values) < 2 {
		return ""
	}
	var parts []string
	for _, v := range values {
		parts = append(parts, fmt.Sprintf("%s to %s", shortened(v), enumerate(seen[v].names())))
	}
	return enumerate(parts)
}

// start is when the server started, as well as that is known.
func (s server) start() string {
	switch {
	case s.started != nil:
		return time.Unix(*s.started, 0).UTC().Format(time.DateTime)
	case s.born != nil:
		return "about " + s.born[1].UTC().Format(time.DateTime)
	}
	return ""
}

func shortened(text string) string {
	if r := []rune(text); len(r) > maxQuoted {
		return string(r[:maxQuoted]) + "…"
	}
	return text
}
