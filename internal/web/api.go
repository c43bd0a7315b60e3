package web

import (
	_ "embed" // for openapi.yaml
	"encoding/json"
	"net/http"
	"slices"
)

//go:embed openapi.yaml
var openAPI []byte

const apiPrefix = "GET /api/v1/"

// eventsPattern is the one route whose answer does not end by itself.
const eventsPattern = apiPrefix + "events"

// api adds the routes of the API. openapi.yaml describes them, and a test holds
// the two together.
func (s *Site) api(mux *http.ServeMux) {
	for path, view := range s.views() {
		mux.HandleFunc(apiPrefix+path, func(w http.ResponseWriter, r *http.Request) {
			if err := known(r, view.parameters...); err != nil {
				s.fail(w, r, err)
				return
			}
			s.write(w, r, path, view)
		})
	}
	mux.HandleFunc(eventsPattern, s.events)
	mux.HandleFunc(apiPrefix+"openapi.yaml", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/yaml")
		w.Write(openAPI) // a client that went away is no news
	})
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

// with joins lists of names.
func with(names ...[]string) []string { return slices.Concat(names...) }
