package web

import (
	"fmt"
	"html/template"
	"net/http"
)

// pages adds the routes of the pages.
func (s *Site) pages(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		plain(w, http.StatusOK, "memsweep", "The pages are not built yet; the API is at /api/v1/.")
	})
}

// loginPage asks for the token, to go on at next; detail says what was wrong with
// the one before, "": nothing.
func (s *Site) loginPage(w http.ResponseWriter, r *http.Request, status int, next, detail string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<!doctype html><html lang="en"><title>Sign in</title><p>%s</p>
<form method="post" action="/login"><input type="hidden" name="next" value="%s"><label>Token <input type="password" name="token" autocomplete="current-password" required></label><button>Sign in</button></form>`,
		template.HTMLEscapeString(detail), template.HTMLEscapeString(next))
}

// errorPage says what went wrong.
func (s *Site) errorPage(w http.ResponseWriter, r *http.Request, p *problem) {
	plain(w, p.Status, p.Title, p.Detail)
}

func plain(w http.ResponseWriter, status int, title, text string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<!doctype html><html lang="en"><title>%s</title><h1>%s</h1><p>%s</p>`,
		template.HTMLEscapeString(title), template.HTMLEscapeString(title), template.HTMLEscapeString(text))
}
