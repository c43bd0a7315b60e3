// Package web shows a history to people and to programs: pages, a JSON API that
// asks the same questions, and what happens at the moment as a stream of events.
// It reads, and changes nothing but who is signed in.
//
// Whoever listens beyond this machine must have TLS and a token.
package web

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
)

// MinToken is how long a token must be, in bytes.
const MinToken = 16

// Options are how a Site is shown.
type Options struct {
	// Listen is where to listen: "127.0.0.1:8411".
	Listen string
	// Certificate and Key are files (PEM); both or none. They are read again when
	// they change.
	Certificate, Key string
	// Token is what a client must know; empty: nothing, and then only clients on
	// this machine are let in.
	Token []byte
	// Version is shown at the foot of the pages.
	Version string
	// Metrics answers /metrics, behind the same token; nil: nobody does.
	Metrics http.Handler
	// Log is told of failures that clients are not told the cause of; nil: nobody.
	Log io.Writer
}

// Site is a history as HTTP shows it.
type Site struct {
	store   *history.Store
	options Options
	door    *door // nil: open
	feed    *feed
	shown   *pages
	exports chan struct{} // a place for each at a time
	routes  *http.ServeMux
	outside http.Handler
	log     sync.Mutex
}

// maxExports is how many whole lists are written at a time.
const maxExports = 4

// New makes the handler of all requests.
func New(store *history.Store, o Options) *Site {
	s := &Site{store: store, options: o, exports: make(chan struct{}, maxExports), routes: http.NewServeMux()}
	s.feed, s.shown = newFeed(store, s.note, s.warm), s.look()
	if len(o.Token) > 0 {
		s.door = newDoor(o.Token, time.Now)
	}
	s.api(s.routes)
	s.pages(s.routes)
	s.entrance(s.routes)
	if o.Metrics != nil {
		s.routes.Handle("GET /metrics", o.Metrics)
	}
	crossing := http.NewCrossOriginProtection() // of requests that could change something
	crossing.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, refused(http.StatusForbidden, "this came from another site, or from a browser that does not say from which: open the page itself and try again"))
	}))
	s.outside = s.guarded(crossing.Handler(http.HandlerFunc(s.route)))
	return s
}

// ServeHTTP implements http.Handler.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.outside.ServeHTTP(w, r) }

// Close ends the streams of events, so that the server can end.
func (s *Site) Close() { s.feed.close() }

// route lets in who may come in, and answers what nobody else does.
func (s *Site) route(w http.ResponseWriter, r *http.Request) {
	handler, pattern := s.routes.Handler(r)
	if !open(pattern) {
		if err := s.admit(r); err != nil {
			s.turnAway(w, r, err)
			return
		}
	}
	if pattern == "" { // there is none, it is not asked so, or it is elsewhere
		s.unrouted(w, r, handler)
		return
	}
	if within := timeFor(pattern, r); within > 0 {
		ctx, cancel := context.WithTimeout(r.Context(), within)
		defer cancel()
		r = r.WithContext(ctx)
	}
	s.routes.ServeHTTP(w, r)
}

// answerWithin is how long the history may be asked for one answer.
const answerWithin = 30 * time.Second

// timeFor is how long an answer may take; 0: any time.
func timeFor(pattern string, r *http.Request) time.Duration {
	switch {
	case pattern == eventsPattern:
		return 0
	case isExport(r):
		return exportWithin
	}
	return answerWithin
}

// unrouted says in our own words what the mux would say.
func (s *Site) unrouted(w http.ResponseWriter, r *http.Request, handler http.Handler) {
	quiet := &silent{header: http.Header{}}
	handler.ServeHTTP(quiet, r)
	switch {
	case quiet.status == http.StatusMethodNotAllowed:
		w.Header().Set("Allow", quiet.header.Get("Allow"))
		s.fail(w, r, refused(http.StatusMethodNotAllowed, "it can only be asked with "+quiet.header.Get("Allow")))
	case quiet.status >= 300 && quiet.status < 400: // the path in its shortest form
		http.Redirect(w, r, localPath(quiet.header.Get("Location")), quiet.status)
	default:
		s.fail(w, r, refused(http.StatusNotFound, "there is nothing at this address"))
	}
}

// silent keeps the head of an answer and drops its body.
type silent struct {
	header http.Header
	status int
}

func (q *silent) Header() http.Header         { return q.header }
func (q *silent) Write(b []byte) (int, error) { return len(b), nil }
func (q *silent) WriteHeader(status int)      { q.status = status }

// note tells the operator what a client is not told.
func (s *Site) note(format string, args ...any) {
	if s.options.Log == nil {
		return
	}
	s.log.Lock()
	defer s.log.Unlock()
	fmt.Fprintln(s.options.Log, exposure.Escape(fmt.Sprintf(format, args...)))
}

// secure says whether r came over TLS.
func secure(r *http.Request) bool { return r.TLS != nil && r.TLS.Version >= tls.VersionTLS12 }
