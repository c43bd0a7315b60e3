package web

import (
	_ "embed" // for openapi.yaml
	"encoding/json"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/memsweep/memsweep/history"
)

//go:embed openapi.yaml
var openAPI []byte

// eventsPattern is the one route whose answer does not end by itself.
const eventsPattern = "GET /api/v1/events"

// api adds the routes of the API. openapi.yaml describes them, and a test holds
// the two together.
func (s *Site) api(mux *http.ServeMux) {
	for pattern, ask := range map[string]func(*http.Request) (any, error){
		"GET /api/v1/overview":      s.askOverview,
		"GET /api/v1/owners":        s.askOwners,
		"GET /api/v1/hosts/{ip}":    s.askHost,
		"GET /api/v1/sweeps/{scan}": s.askSweep,
		"GET /api/v1/trend":         s.askTrend,
	} {
		mux.HandleFunc(pattern, s.answer(ask))
	}
	for pattern, view := range s.views() {
		mux.HandleFunc("GET /api/v1/"+pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := known(r.URL.Query(), view.parameters...); err != nil {
				s.fail(w, r, err)
				return
			}
			s.export(w, r, view)
		})
	}
	mux.HandleFunc(eventsPattern, s.events)
	mux.HandleFunc("GET /api/v1/openapi.yaml", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/yaml")
		w.Write(openAPI) // a client that went away is no news
	})
}

// answer writes what ask finds as JSON.
func (s *Site) answer(ask func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		found, err := ask(r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		s.writeJSON(w, r, found)
	}
}

func (s *Site) writeJSON(w http.ResponseWriter, r *http.Request, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(append(body, '\n')) // a client that went away is no news
}

func (s *Site) askOverview(r *http.Request) (any, error) {
	if err := known(r.URL.Query()); err != nil {
		return nil, err
	}
	return s.store.Overview(r.Context())
}

// ownerList is the answer of /owners.
type ownerList struct {
	Owners []string `json:"owners"`
}

func (s *Site) askOwners(r *http.Request) (any, error) {
	if err := known(r.URL.Query()); err != nil {
		return nil, err
	}
	owners, err := s.store.Owners(r.Context())
	return ownerList{nonNil(owners)}, err
}

func (s *Site) askHost(r *http.Request) (any, error) {
	if err := known(r.URL.Query()); err != nil {
		return nil, err
	}
	ip, err := addressOf(r)
	if err != nil {
		return nil, err
	}
	return s.store.Host(r.Context(), ip)
}

// addressOf reads the address in the path of a request.
func addressOf(r *http.Request) (netip.Addr, error) {
	ip, err := netip.ParseAddr(r.PathValue("ip"))
	if err != nil || ip.Zone() != "" {
		return ip, refused(http.StatusBadRequest, "write an address, as 192.0.2.7 or 2001:db8::7")
	}
	return ip.Unmap(), nil
}

func (s *Site) askSweep(r *http.Request) (any, error) {
	if err := known(r.URL.Query()); err != nil {
		return nil, err
	}
	return s.store.Sweep(r.Context(), r.PathValue("scan"))
}

// trend is the answer of /trend.
type trend struct {
	Points []history.Point `json:"points"`
}

func (s *Site) askTrend(r *http.Request) (any, error) {
	q := r.URL.Query()
	if err := known(q, "vantage", "since", "until", "points"); err != nil {
		return nil, err
	}
	p, now := &parameters{values: q}, time.Now()
	vantage, since, until, points := p.one("vantage"), p.moment("since", now), p.moment("until", now), p.count("points", history.MaxPoints)
	if p.wrong != nil {
		return nil, p.wrong
	}
	list, err := s.store.Trend(r.Context(), vantage, since, until, points)
	return trend{list}, err
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

// with joins lists of names.
func with(names ...[]string) []string { return slices.Concat(names...) }
