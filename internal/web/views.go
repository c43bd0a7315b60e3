package web

import (
	"net/http"
	"net/url"
	"time"

	"github.com/memsweep/memsweep/history"
)

// listing is a view that is a list: a part of it is the answer of the API, and
// the whole of it an export.
type listing struct {
	parameters []string
	// ask finds a part: what the API answers, its rows for an export, and the
	// cursor of the next part.
	ask func(r *http.Request, page history.Page) (part, error)
	// columns are those of the rows.
	columns []string
}

// part is a part of a list.
type part struct {
	answer any // as JSON
	rows   [][]string
	next   string
}

// views are the lists, by the last part of their route.
func (s *Site) views() map[string]listing {
	return map[string]listing{
		"exposures": {with(filterNames, pageNames), s.askExposures, exposureColumns()},
		"changes":   {with(filterNames, []string{"kind", "since", "until"}, pageNames), s.askChanges, changeColumns()},
		"matrix":    {with(filterNames, pageNames), s.askMatrix, nil},
		"sweeps":    {with([]string{"vantage", "job"}, pageNames), s.askSweeps, sweepColumns()},
		"runs":      {with([]string{"job"}, pageNames), s.askRuns, runColumns()},
	}
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
	return part{exposureList{nonNil(list), cursorOrNull(next)}, rowsOf(list, exposureCells), next}, err
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
	return part{changeList{nonNil(list), cursorOrNull(next)}, rowsOf(list, changeCells), next}, err
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
	return part{matrixPart{m, cursorOrNull(next)}, rowsOf(m.Rows, matrixCells), next}, err
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
	return part{sweepList{nonNil(list), cursorOrNull(next)}, rowsOf(list, sweepCells), next}, err
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
	return part{runList{nonNil(list), cursorOrNull(next)}, rowsOf(list, runCells), next}, err
}

func rowsOf[T any](list []T, cells func(T) []string) [][]string {
	rows := make([][]string, len(list))
	for i, v := range list {
		rows[i] = cells(v)
	}
	return rows
}

// formatOf reads how an answer is to be written; "": as the address says.
func formatOf(q url.Values) (string, error) {
	p := &parameters{values: q}
	format := among(p, "format", "json", "csv", "markdown")
	return format, p.wrong
}
