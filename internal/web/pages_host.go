package web

import (
	"fmt"
	"html/template"
	"net/http"
	"net/netip"
	"time"

	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/history/life"
	"github.com/memsweep/memsweep/report"
)

// hostPage is the whole life of one address.
type hostPage struct {
	frame
	IP       string
	Names    []string
	Headline string
	Lives    []lifeLine
	Axis     [2]moment // what the bars begin and end at
	Findings []finding // of what is open
	Past     []finding // of what was fixed
	Changes  []changeLine
	Cut      bool // there are more changes
	Export   []entry
}

// Table is what changed.
func (h hostPage) Table() changeTable {
	return changeTable{Caption: "Changes of this host, the newest first", Rows: h.Changes}
}

// lifeLine is one exposure with its intervals.
type lifeLine struct {
	exposureLine
	Open      bool
	First     moment
	Last      moment
	Asked     moment
	Misses    int
	Stretches []stretch
}

// stretch is a time in which it was open, as a part of the bar.
type stretch struct {
	Start, Width float64 // percent
	Seen         float64 // percent: as much of it is known; what follows it was not asked
	From         moment
	To           *moment // nil: it goes on
	Last         *moment // when it was seen last; nil: it ended
	Lasted       string
}

// finding is what the report of a sweep had of a host, as that report shows it.
type finding struct {
	Vantage, Trust string
	Endpoints      []string
	Card           template.HTML // nil: it was not kept
	Sweep          string        // the path of the page of the sweep, "" when it is not kept
	badge
	Does, Mend string
}

func (p *pages) host(r *http.Request, pulse history.Pulse) (string, any, error) {
	ip, err := netip.ParseAddr(r.PathValue("ip"))
	if err != nil || ip.Zone() != "" {
		return "", nil, refused(http.StatusBadRequest, "write an address, as 192.0.2.7 or 2001:db8::7")
	}
	h, err := p.store.Host(r.Context(), ip.Unmap())
	if err != nil {
		return "", nil, err
	}
	page := hostPage{
		frame: p.frame(r, pulse, "/", ip.Unmap().String()), IP: h.IP.String(), Names: lines(h.Names, 8), Cut: len(h.Changes) >= 500,
		Export: newPager(r, "").Exports,
	}
	page.Search = page.IP
	p.addLives(&page, h.Exposures)
	if err := p.addFindings(&page, h.Exposures); err != nil {
		return "", nil, err
	}
	for i := range h.Changes {
		page.Changes = append(page.Changes, p.newChangeLine(&h.Changes[i]))
	}
	return "host", page, nil
}

// addLives lays the intervals of all exposures of the host on one axis.
func (p *pages) addLives(page *hostPage, list []history.Life) {
	from, to, open := p.now(), p.now(), 0
	for _, l := range list {
		if l.FirstSeen.Before(from) {
			from = l.FirstSeen
		}
	}
	page.Axis = [2]moment{p.moment(from), p.moment(to)}
	for i := range list {
		l := &list[i]
		line := lifeLine{
			exposureLine: p.newExposureLine(&l.Exposure), Open: l.Open,
			First: p.moment(l.FirstSeen), Last: p.moment(l.LastSeen), Asked: p.moment(l.LastAsked),
		}
		if l.LastSeen.Before(l.LastAsked) { // else it answered in part
			line.Misses = l.Misses
		}
		for _, interval := range l.Intervals[max(0, len(l.Intervals)-maxStretches):] {
			line.Stretches = append(line.Stretches, p.newStretch(interval, l.LastSeen, from, to))
		}
		if l.Open {
			open++
		}
		page.Lives = append(page.Lives, line)
	}
	switch {
	case open == 0:
		page.Headline = "Nothing is open here, as far as is known."
	case open == 1:
		page.Headline = "1 exposure is open here."
	default:
		page.Headline = thousands(open) + " exposures are open here."
	}
}

// maxStretches is how many intervals of one exposure are shown, the newest.
const maxStretches = 40

func (p *pages) newStretch(interval life.Interval, seen, from, to time.Time) stretch {
	end := to
	if interval.Fixed != nil {
		end = *interval.Fixed
	}
	whole := float64(max(to.Sub(from), time.Second))
	share := func(t time.Time) float64 { return min(100, max(0, 100*float64(t.Sub(from))/whole)) }
	s := stretch{Start: share(interval.Opened), From: p.moment(interval.Opened), To: p.maybe(interval.Fixed), Lasted: age(end.Sub(interval.Opened))}
	s.Width = max(0.5, share(end)-s.Start)
	s.Start = min(s.Start, 100-s.Width)
	s.Seen = s.Width
	if interval.Fixed == nil {
		s.Last, s.Seen = p.maybe(&seen), min(s.Width, max(0.5, share(seen)-s.Start))
	}
	return s
}

// addFindings shows each finding once: one of them may serve both endpoints of
// the host.
func (p *pages) addFindings(page *hostPage, list []history.Life) error {
	seen := map[string]int{}
	for i := range list {
		l := &list[i]
		key := fmt.Sprint(l.Open, l.Vantage.Name, l.Evidence)
		if l.Finding != nil {
			key += l.Finding.ID
		} else {
			key += fmt.Sprint(" ", i)
		}
		into := &page.Findings
		if !l.Open {
			into = &page.Past
		}
		if at, ok := seen[key]; ok {
			(*into)[at].Endpoints = append((*into)[at].Endpoints, endpointText(l.Endpoint))
			continue
		}
		seen[key] = len(*into)
		f := finding{
			Vantage: oneLine(l.Vantage.Name), Trust: oneLine(string(l.Vantage.Trust)), Endpoints: []string{endpointText(l.Endpoint)},
			badge: newBadge(l.Severity), Does: does(l.Seen), Mend: mend(l.Seen),
		}
		if l.Evidence != "" {
			f.Sweep = sweepPath(l.Evidence)
		}
		if l.Finding != nil {
			card, err := report.FindingHTML(l.Finding, fmt.Sprintf("finding-%d", i+1), l.Vantage.Name)
			if err != nil {
				return err
			}
			f.Card = card
		}
		*into = append(*into, f)
	}
	return nil
}
