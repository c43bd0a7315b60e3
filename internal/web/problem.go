package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/memsweep/memsweep/history"
)

// problem is what a client is told of a failure (RFC 9457). Detail never holds
// what happened inside.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
}

func (p *problem) Error() string { return p.Detail }

// refused is a failure that is told as it is; detail says what to do instead.
func refused(status int, detail string) error {
	return &problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail}
}

// asProblem says what a client is told of err.
func asProblem(err error) *problem {
	var p *problem
	switch {
	case errors.As(err, &p):
	case errors.Is(err, history.ErrNotFound):
		p = refused(http.StatusNotFound, "this is not in the history").(*problem)
	case errors.Is(err, history.ErrCursor):
		p = refused(http.StatusBadRequest, "after: "+history.ErrCursor.Error()).(*problem)
	case errors.Is(err, history.ErrRanges):
		p = refused(http.StatusBadRequest, "range: "+history.ErrRanges.Error()).(*problem)
	case errors.Is(err, history.ErrReplaced):
		p = refused(http.StatusServiceUnavailable, "the file of the history was deleted, or another was put in its place: start this server again").(*problem)
	case errors.Is(err, context.DeadlineExceeded):
		p = refused(http.StatusServiceUnavailable, "the history is busy: try again").(*problem)
	default:
		p = refused(http.StatusInternalServerError, "the history could not be read; the server's log says why").(*problem)
	}
	return p
}

// fail answers with what went wrong, as a page or as JSON.
func (s *Site) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		return // nobody is there to be told
	}
	p := asProblem(err)
	if p.Status >= 500 {
		s.note("%s %s: %v", r.Method, r.URL.Path, err)
	}
	if wantsPage(r) {
		s.errorPage(w, r, p)
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p) // a client that went away is no news
}

// wantsPage says whether people ask, not a program.
func wantsPage(r *http.Request) bool {
	return !strings.HasPrefix(r.URL.Path, "/api/") && r.URL.Path != "/metrics" && r.URL.Query().Get("format") == ""
}
