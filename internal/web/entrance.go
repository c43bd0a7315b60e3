package web

import (
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// open says which routes anybody may ask: what signing in needs, and nothing of
// the history.
func open(pattern string) bool {
	return pattern == loginPattern || pattern == "POST /login" || strings.HasPrefix(pattern, staticPattern)
}

const (
	loginPattern  = "GET /login"
	staticPattern = "GET /static/"
)

// maxForm bounds what signing in may send, in bytes.
const maxForm = 8 << 10

// entrance adds the routes for signing in and out.
func (s *Site) entrance(mux *http.ServeMux) {
	mux.HandleFunc(loginPattern, func(w http.ResponseWriter, r *http.Request) {
		if s.door == nil || s.signedIn(r) {
			http.Redirect(w, r, localPath(r.URL.Query().Get("next")), http.StatusSeeOther)
			return
		}
		s.loginPage(w, r, http.StatusOK, localPath(r.URL.Query().Get("next")), "")
	})
	mux.HandleFunc("POST /login", s.signIn)
	mux.HandleFunc("POST /logout", s.signOut)
}

func (s *Site) signIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		s.fail(w, r, refused(http.StatusBadRequest, "the form could not be read"))
		return
	}
	next := localPath(r.PostForm.Get("next"))
	if s.door == nil {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return
	}
	if err := s.try(r, r.PostForm.Get("token")); err != nil {
		p := asProblem(err)
		if p.Status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "60")
		}
		s.loginPage(w, r, p.Status, next, p.Detail)
		return
	}
	if old, err := r.Cookie(cookieName(r)); err == nil {
		s.door.end(old.Value) // nobody goes on in a session that was there before
	}
	s.setCookie(w, r, s.door.begin(), int(sessionLasts.Seconds()))
	http.Redirect(w, r, next, http.StatusSeeOther)
}

func (s *Site) signOut(w http.ResponseWriter, r *http.Request) {
	if s.door != nil {
		if c, err := r.Cookie(cookieName(r)); err == nil {
			s.door.end(c.Value)
		}
	}
	s.setCookie(w, r, "", -1)
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

func (s *Site) setCookie(w http.ResponseWriter, r *http.Request, value string, age int) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(r), Value: value, Path: "/", MaxAge: age,
		HttpOnly: true, Secure: secure(r), SameSite: http.SameSiteStrictMode,
	})
}

// turnAway answers who is not let in: people get the form, programs the reason.
func (s *Site) turnAway(w http.ResponseWriter, r *http.Request, err error) {
	var p *problem
	if errors.As(err, &p) && p.Status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "60")
	} else {
		w.Header().Set("WWW-Authenticate", `Bearer realm="memsweep"`)
	}
	if wantsPage(r) && r.Header.Get("Authorization") == "" && r.Method == http.MethodGet {
		w.Header().Del("WWW-Authenticate")
		http.Redirect(w, r, "/login?"+url.Values{"next": {localPath(r.URL.RequestURI())}}.Encode(), http.StatusSeeOther)
		return
	}
	s.fail(w, r, err)
}

// localPath is a path of this site, and nothing that leads elsewhere: else "/".
func localPath(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || u.Opaque != "" || !strings.HasPrefix(u.EscapedPath(), "/") || len(to) > maxURL {
		return "/"
	}
	if strings.ContainsAny(to+u.Path, "\\\r\n\t") || devious(u.Path) || devious(u.EscapedPath()) {
		return "/"
	}
	if plain := strings.TrimSuffix(u.Path, "/"); plain == "/login" || plain == "/logout" {
		return "/"
	}
	return (&url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}).String()
}

// devious says whether a path is not what it looks like: what cleans it on the
// way may make another site's address of it.
func devious(p string) bool {
	inside := strings.TrimSuffix(strings.TrimPrefix(p, "/"), "/")
	return strings.Contains(p, "//") || path.Clean("/"+inside) != "/"+inside
}
