package web

import (
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
)

// openPage is what is open now.
type openPage struct {
	frame
	Empty    bool // nothing was ever imported: that is no all-clear
	Headline string
	Oldest   *moment // since when the oldest is open
	Changed  string  // in the 24 hours before the newest sweep
	Open     int
	Filtered bool   // not everything that is open was asked for
	FixedToo bool   // what was fixed may be among the rows
	Caption  string // of the rows
	Host     string // the path of the page of the one address that was asked for; "": it was not one, or it has none
	Unseen   bool   // the one address that was asked for was never seen to answer
	Warnings []string
	Tiles    []tile
	Form     filterForm
	Rows     []exposureLine
	Pager    pager
	Vantages []vantageLine
	Jobs     []jobLine
	Running  []runLine
}

// tile is how many exposures are open of one severity, and the way to them.
type tile struct {
	badge
	Count  int
	Path   string
	Chosen bool
}

// exposureLine is one exposure in a list.
type exposureLine struct {
	badge
	Endpoint, Host string // Host: the path of its page
	Names          []string
	Vantage, Trust string
	Since          moment
	Fixed          *moment
	Unasked        *moment // the last time that it was asked, when that is longer ago than the newest sweep
	Does, Version  string
	Owner, Mend    string
	Justified      bool
}

func (p *pages) newExposureLine(e *history.Exposure) exposureLine {
	row := exposureLine{
		badge: newBadge(e.Severity), Endpoint: endpointText(e.Endpoint), Host: hostPath(e.Endpoint), Names: lines(e.Names, 3),
		Vantage: oneLine(e.Vantage.Name), Trust: oneLine(string(e.Vantage.Trust)),
		Since: p.moment(e.Since), Fixed: p.maybe(e.Fixed), Does: does(e.Seen), Owner: oneLine(e.Owner), Mend: mend(e.Seen), Justified: e.Justified,
	}
	if e.Version != nil {
		row.Version = said(*e.Version)
	}
	return row
}

// vantageLine is what one vantage knows.
type vantageLine struct {
	Name, Trust, Path string
	Open              int
	Last, Complete    *sweepLine
	Stale             bool
}

// jobLine is how a scheduled job does.
type jobLine struct {
	Name     string
	Last     *runLine
	Complete *runLine
}

func (p *pages) open(r *http.Request, pulse history.Pulse) (string, any, error) {
	filter, err := filterOf(r.URL.Query())
	if err != nil {
		return "", nil, err
	}
	page, err := pageOf(r.URL.Query())
	if err != nil {
		return "", nil, err
	}
	known, err := p.knowledge(r.Context(), pulse)
	if err != nil {
		return "", nil, err
	}
	list, next, err := p.store.Exposures(r.Context(), filter, page)
	if err != nil {
		return "", nil, err
	}
	owners, err := p.store.Owners(r.Context())
	if err != nil {
		return "", nil, err
	}
	view := p.newOpenPage(r, pulse, known.Overview, list, next, owners)
	view.Warnings = p.warnings(known)
	err = p.addHost(r, &view, filter.Ranges)
	return "open", view, err
}

// addHost leads to the page of a host, when its one address was asked for.
func (p *pages) addHost(r *http.Request, page *openPage, ranges []netip.Prefix) error {
	if len(ranges) != 1 || !ranges[0].IsSingleIP() {
		return nil
	}
	seen, err := p.store.Count(r.Context(), history.Filter{Ranges: ranges, State: history.Any})
	if page.Unseen = seen == 0; !page.Unseen {
		page.Host = hostPath(history.Endpoint{IP: ranges[0].Addr()})
	}
	return err
}

func (p *pages) newOpenPage(r *http.Request, pulse history.Pulse, o history.Overview, list []history.Exposure, next string, owners []string) openPage {
	page := openPage{
		frame: p.frame(r, pulse, "/", "Open now"), Empty: len(o.Vantages) == 0, Headline: headline(o), Open: o.Open,
		Oldest: p.maybe(o.Oldest), Changed: countWords(o.Changed), Tiles: tiles(r, o.Severities),
		Form:  newFilterForm(r, vantagesOf(o), owners, paramSeverity, paramOnly, paramVantage, paramOwner, paramVerdict, paramTransport, paramState),
		Pager: newPager(r, next), Running: p.running(pulse.Running),
	}
	page.Filtered, page.FixedToo = len(page.Form.Active) > 0 || r.URL.Query().Get("after") != "", r.URL.Query().Get(paramState) != "" && r.URL.Query().Get(paramState) != string(history.OnlyOpen)
	page.Caption = "What is open: worst first, then what amplifies most, then by how long"
	if page.FixedToo {
		page.Caption = "What was picked, worst first"
	}
	newest := map[string]time.Time{}
	for _, v := range o.Vantages {
		page.Vantages = append(page.Vantages, p.newVantageLine(v))
		if v.Last != nil {
			newest[v.Vantage.Name] = v.Last.Started
		}
	}
	for i := range list {
		row := p.newExposureLine(&list[i])
		if list[i].Open && list[i].LastAsked.Before(newest[list[i].Vantage.Name]) {
			row.Unasked = p.maybe(&list[i].LastAsked)
		}
		page.Rows = append(page.Rows, row)
	}
	for _, j := range o.Jobs {
		page.Jobs = append(page.Jobs, jobLine{oneLine(j.Job), p.maybeRun(j.Last), p.maybeRun(j.Complete)})
	}
	return page
}

func headline(o history.Overview) string {
	worst := ""
	for _, s := range exposure.Severities()[:2] {
		if n := o.Severities[s]; n > 0 && n < o.Open {
			worst = fmt.Sprintf(", %s of them %s", thousands(n), s)
			break
		} else if n > 0 {
			worst = fmt.Sprintf(", %s", s)
			if n > 1 {
				worst = fmt.Sprintf(", all %s", s)
			}
			break
		}
	}
	switch o.Open {
	case 0:
		return "Nothing is open, as far as is known"
	case 1:
		return "1 exposure is open" + worst
	}
	return thousands(o.Open) + " exposures are open" + worst
}

// tiles are the counts by severity, worst first.
func tiles(r *http.Request, counts map[exposure.Severity]int) []tile {
	var list []tile
	only := r.URL.Query().Get(paramOnly)
	for _, s := range exposure.Severities() {
		t := tile{newBadge(s), counts[s], "/?" + paramOnly + "=" + string(s), only == string(s)}
		if t.Chosen {
			t.Path = linkWith(r, paramOnly, "")
		}
		list = append(list, t)
	}
	return list
}

func (p *pages) newVantageLine(v history.VantageState) vantageLine {
	row := vantageLine{Name: oneLine(v.Vantage.Name), Trust: oneLine(string(v.Vantage.Trust)), Open: v.Open, Path: linkTo("/", paramVantage, v.Vantage.Name)}
	if v.Last != nil {
		s := p.newSweepLine(v.Last)
		row.Last = &s
	}
	if v.Complete != nil {
		s := p.newSweepLine(v.Complete)
		row.Complete = &s
	}
	row.Stale = v.Complete == nil || p.now().Sub(v.Complete.Started) > patienceWith(v.Complete)
	return row
}
