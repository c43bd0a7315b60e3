package web

import (
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/report"
)

// view is what can be asked for: a part of it is the answer of the API, and the
// whole of it an export.
type view struct {
	parameters []string
	ask        func(r *http.Request, page history.Page) (part, error)
	ranked     bool // its rows have a severity
}

// part is a part of a view, or all of it.
type part struct {
	answer  any // as JSON
	columns []report.Column
	rows    []report.Row
	next    string // the cursor of the next part; "": it has ended
}

// views are all, by their path below /api/v1/.
func (s *Site) views() map[string]view {
	only := []string{"format"}
	return map[string]view{
		"overview":      {only, s.askOverview, false},
		"owners":        {only, s.askOwners, false},
		"exposures":     {with(filterNames, pageNames), s.askExposures, true},
		"hosts/{ip}":    {only, s.askHost, true},
		"changes":       {with(filterNames, []string{"kind", "since", "until"}, pageNames), s.askChanges, true},
		"matrix":        {with(filterNames, pageNames), s.askMatrix, true},
		"sweeps":        {with([]string{"vantage", "job"}, pageNames), s.askSweeps, false},
		"sweeps/{scan}": {only, s.askSweep, false},
		"trend":         {[]string{"vantage", "since", "until", "points", "format"}, s.askTrend, false},
		"runs":          {with([]string{"job"}, pageNames), s.askRuns, false},
	}
}

func (s *Site) askOverview(r *http.Request, _ history.Page) (part, error) {
	o, err := s.store.Overview(r.Context())
	p := part{answer: o, columns: severityColumns("vantage", "trust", "open", "last_sweep", "last_complete")}
	started := func(s *history.Sweep) string {
		if s == nil {
			return ""
		}
		return stamp(s.Started)
	}
	for _, v := range o.Vantages {
		p.rows = append(p.rows, report.Row{Cells: severityCells(v.Severities, v.Vantage.Name, string(v.Vantage.Trust), strconv.Itoa(v.Open), started(v.Last), started(v.Complete))})
	}
	return p, err
}

// ownerList is the answer of /owners.
type ownerList struct {
	Owners []string `json:"owners"`
}

func (s *Site) askOwners(r *http.Request, _ history.Page) (part, error) {
	owners, err := s.store.Owners(r.Context())
	rows := rowsOf(owners, func(owner string) report.Row { return report.Row{Cells: []string{owner}} })
	return part{answer: ownerList{nonNil(owners)}, columns: columnsOf("owner"), rows: rows}, err
}

// askHost answers with all that is known of an address; its rows are its
// exposures.
func (s *Site) askHost(r *http.Request, _ history.Page) (part, error) {
	ip, err := netip.ParseAddr(r.PathValue("ip"))
	if err != nil || ip.Zone() != "" {
		return part{}, refused(http.StatusBadRequest, "write an address, as 192.0.2.7 or 2001:db8::7")
	}
	h, err := s.store.Host(r.Context(), ip)
	rows := rowsOf(h.Exposures, func(l history.Life) report.Row { return exposureRow(l.Exposure) })
	return part{answer: h, columns: exposureColumns(), rows: rows}, err
}

type exposureList struct {
	Exposures []history.Exposure `json:"exposures"`
	Next      *string            `json:"next"`
}

func (s *Site) askExposures(r *http.Request, page history.Page) (part, error) {
	f, err := filterOf(r.URL.Query())
	if err != nil {
		return part{}, err
	}
	list, next, err := s.store.Exposures(r.Context(), f, page)
	return part{exposureList{nonNil(list), cursorOrNull(next)}, exposureColumns(), rowsOf(list, exposureRow), next}, err
}

type changeList struct {
	Changes []history.Change `json:"changes"`
	Next    *string          `json:"next"`
}

func (s *Site) askChanges(r *http.Request, page history.Page) (part, error) {
	f, err := changeFilterOf(r.URL.Query(), time.Now())
	if err != nil {
		return part{}, err
	}
	list, next, err := s.store.Changes(r.Context(), f, page)
	return part{changeList{nonNil(list), cursorOrNull(next)}, changeColumns(), rowsOf(list, changeRow), next}, err
}

// matrixPart is the answer of /matrix.
type matrixPart struct {
	history.Matrix
	Next *string `json:"next"`
}

func (s *Site) askMatrix(r *http.Request, page history.Page) (part, error) {
	f, err := filterOf(r.URL.Query())
	if err != nil {
		return part{}, err
	}
	m, next, err := s.store.Matrix(r.Context(), f, page)
	return part{matrixPart{m, cursorOrNull(next)}, matrixColumns(m.Vantages), rowsOf(m.Rows, matrixRow), next}, err
}

type sweepList struct {
	Sweeps []history.Sweep `json:"sweeps"`
	Next   *string         `json:"next"`
}

func (s *Site) askSweeps(r *http.Request, page history.Page) (part, error) {
	p := &parameters{values: r.URL.Query()}
	vantage, job := p.one("vantage"), p.one("job")
	if p.wrong != nil {
		return part{}, p.wrong
	}
	list, next, err := s.store.Sweeps(r.Context(), vantage, job, page)
	return part{sweepList{nonNil(list), cursorOrNull(next)}, sweepColumns(), rowsOf(list, sweepRow), next}, err
}

func (s *Site) askSweep(r *http.Request, _ history.Page) (part, error) {
	found, err := s.store.Sweep(r.Context(), r.PathValue("scan"))
	return part{answer: found, columns: sweepColumns(), rows: []report.Row{sweepRow(found)}}, err
}

// pointList is the answer of /trend.
type pointList struct {
	Points []history.Point `json:"points"`
}

func (s *Site) askTrend(r *http.Request, _ history.Page) (part, error) {
	p, now := &parameters{values: r.URL.Query()}, time.Now()
	vantage, since, until, points := p.one("vantage"), p.moment("since", now), p.moment("until", now), p.count("points", history.MaxPoints)
	if p.wrong != nil {
		return part{}, p.wrong
	}
	list, err := s.store.Trend(r.Context(), vantage, since, until, points)
	rows := rowsOf(list, func(p history.Point) report.Row { return report.Row{Cells: severityCells(p.Open, stamp(p.At))} })
	return part{answer: pointList{nonNil(list)}, columns: severityColumns("at"), rows: rows}, err
}

type runList struct {
	Runs []history.Run `json:"runs"`
	Next *string       `json:"next"`
}

func (s *Site) askRuns(r *http.Request, page history.Page) (part, error) {
	p := &parameters{values: r.URL.Query()}
	job := p.one("job")
	if p.wrong != nil {
		return part{}, p.wrong
	}
	list, next, err := s.store.Runs(r.Context(), job, page)
	return part{runList{nonNil(list), cursorOrNull(next)}, runColumns(), rowsOf(list, runRow), next}, err
}

func rowsOf[T any](list []T, row func(T) report.Row) []report.Row {
	rows := make([]report.Row, len(list))
	for i, v := range list {
		rows[i] = row(v)
	}
	return rows
}

// nonNil is an empty list for none: in JSON it is [] and not null.
func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// cursorOrNull is null at the end of a list.
func cursorOrNull(next string) *string {
	if next == "" {
		return nil
	}
	return &next
}
