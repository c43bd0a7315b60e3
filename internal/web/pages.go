package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/report"
)

//go:embed templates static
var pageFiles embed.FS

// pageTemplates are parsed when the first page is shown.
var pageTemplates = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{"plural": plural[int], "thousands": thousands[int], "count": thousands[uint64]}).ParseFS(pageFiles, "templates/*.tmpl"))
})

// pages shows people what the history knows. Its pages ask the same questions as
// the API, change nothing, and work without the script.
type pages struct {
	site  *Site
	store *history.Store
	now   func() time.Time

	mu      sync.Mutex
	known   knowledge
	counted string // as of what
}

// look answers one page: what to show it with, or why not. It is told the pulse
// of before it asks, so that the script misses nothing that came since.
type look func(*http.Request, history.Pulse) (template string, page any, err error)

// pages adds the routes of the pages, and of what they load.
func (s *Site) pages(mux *http.ServeMux) {
	p := s.shown
	list := with(filterNames, pageNames)
	mux.HandleFunc("GET /{$}", p.show("exposures", list, p.open))
	mux.HandleFunc("GET /changes", p.show("changes", with(list, []string{paramKind, paramSince, paramUntil}), p.changes))
	mux.HandleFunc("GET /trend", p.show("trend", []string{paramVantage, paramSince, paramUntil, "format"}, p.trend))
	mux.HandleFunc("GET /matrix", p.show("matrix", list, p.matrix))
	mux.HandleFunc("GET /host/{ip}", p.show("hosts/{ip}", []string{"format"}, p.host))
	mux.HandleFunc("GET /sweeps", p.show("sweeps", with(pageNames, []string{paramVantage, paramJob, paramRunsAfter}), p.sweeps))
	mux.HandleFunc("GET /sweeps/{scan}", p.show("sweeps/{scan}", []string{"format"}, p.sweep))
	mux.HandleFunc(staticPattern+"{name}", static)
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/static/icon.svg", http.StatusFound)
	})
}

// warm asks for each page of the navigation once, so that nobody waits for what is
// counted, parsed or read from the disk at the first time.
func (s *Site) warm(ctx context.Context) {
	for _, e := range (frame{}).Entries() {
		if r, err := http.NewRequestWithContext(ctx, http.MethodGet, e.Path, nil); err == nil {
			s.routes.ServeHTTP(&silent{header: http.Header{}}, r)
		}
	}
}

func (s *Site) look() *pages { return &pages{site: s, store: s.store, now: time.Now} }

// frame is what every page has.
type frame struct {
	Title   string
	At      string // the path of the entry in the navigation that it belongs to
	Search  string // what stands in the search field
	Version string
	SignOut bool
	Alone   bool // nothing leads on from here: nobody signed in
	Now     moment
	Pulse   string // what the page knows, for the script
}

func (p *pages) frame(r *http.Request, pulse history.Pulse, at, title string) frame {
	return frame{
		Title: title, At: at, Search: rangesText(r.URL.Query()), Version: oneLine(p.site.options.Version),
		SignOut: p.site.signedIn(r), Now: p.moment(p.now()), Pulse: pulse.ID(),
	}
}

// Entries are the navigation.
func (frame) Entries() []entry {
	return []entry{{"/", "Open now"}, {"/changes", "Changes"}, {"/trend", "Trend"}, {"/matrix", "Vantages"}, {"/sweeps", "Sweeps"}}
}

type entry struct{ Path, Name string }

// Asset is the address of a file under /static, which changes with its content.
func (frame) Asset(name string) string {
	return "/static/" + name + "?v=" + assets()[name].digest[:12]
}

// show answers a page or, when a format is asked for, what it shows as a document.
func (p *pages) show(view string, parameters []string, l look) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := known(r, parameters...); err != nil {
			p.site.fail(w, r, err)
			return
		}
		if p.site.exported(w, r, view) {
			return
		}
		pulse, err := p.store.Pulse(r.Context())
		if err != nil {
			p.site.fail(w, r, err)
			return
		}
		name, page, err := l(r, pulse)
		if err != nil {
			p.site.fail(w, r, err)
			return
		}
		p.write(w, http.StatusOK, name, page)
	}
}

// write executes the template before anything is sent: a page comes whole or not
// at all.
func (p *pages) write(w http.ResponseWriter, status int, name string, page any) {
	var b bytes.Buffer
	if err := pageTemplates().ExecuteTemplate(&b, name, page); err != nil {
		p.site.note("page %s: %v", name, err)
		http.Error(w, "This page could not be made; the server's log says why.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", fmt.Sprint(b.Len()))
	w.WriteHeader(status)
	w.Write(b.Bytes()) // a client that went away is no news
}

// asset is a file that is the same for everybody.
type asset struct {
	body         []byte
	kind, digest string
}

// assets are the one style sheet, which begins with that of the reports, the one
// script, and the icon.
var assets = sync.OnceValue(func() map[string]asset {
	kinds := map[string]string{"style.css": "text/css; charset=utf-8", "script.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml"}
	list := map[string]asset{}
	for name, kind := range kinds {
		body, err := pageFiles.ReadFile("static/" + name)
		if err != nil {
			panic(err) // it is embedded
		}
		text := strings.ReplaceAll(string(body), "\r\n", "\n")
		if name == "style.css" {
			text = report.StyleSheet() + text
		}
		digest := sha256.Sum256([]byte(text))
		list[name] = asset{[]byte(text), kind, hex.EncodeToString(digest[:])}
	}
	return list
})

// static answers GET /static/{name}. It holds nothing that is secret, so that the
// page to sign in can use it.
func static(w http.ResponseWriter, r *http.Request) {
	a, ok := assets()[r.PathValue("name")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	if r.URL.Query().Get("v") != a.digest[:12] {
		h.Set("Cache-Control", "no-cache")
	}
	h.Set("ETag", `"`+a.digest[:32]+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.body))
}

// signInPage is the form that asks for the token. Its fields are token and next,
// the path to go on to.
type signInPage struct {
	frame
	Next    string
	Problem string
}

// loginPage asks for the token, to go on at next; detail says what was wrong with
// the one before, "": nothing.
func (s *Site) loginPage(w http.ResponseWriter, r *http.Request, status int, next, detail string) {
	p := s.look()
	f := p.frame(r, history.Pulse{}, "", "Sign in")
	f.Alone = true
	p.write(w, status, "login", signInPage{f, next, sentence(detail)})
}

// problemPage says what went wrong.
type problemPage struct {
	frame
	Status int
	Detail string
	Back   string
}

func (s *Site) errorPage(w http.ResponseWriter, r *http.Request, e *problem) {
	p := s.look()
	page := problemPage{p.frame(r, history.Pulse{}, "", e.Title), e.Status, sentence(e.Detail), "/"}
	page.Alone = s.admit(r) != nil
	if e.Status == http.StatusBadRequest && r.URL.RawQuery != "" {
		page.Back = r.URL.Path
	}
	p.write(w, e.Status, "problem", page)
}
