package web

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// maxURL bounds the address of a request, in bytes. A filter of a hundred ranges
// has room in it.
const maxURL = 8 << 10

// contentPolicy allows our own style sheet and script, as files, and nothing
// else: no text of a page is ever executed.
const contentPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// guarded sets what every answer says of itself, and refuses what was not meant
// for us.
func (s *Site) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		for name, value := range protections {
			h.Set(name, value)
		}
		if secure(r) {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		switch {
		case !s.meant(r):
			s.fail(w, r, refused(http.StatusMisdirectedRequest, "this server is called by its address, or as localhost"))
		case foreign(r):
			s.fail(w, r, refused(http.StatusForbidden, "another site asked for this in your name: open the page itself"))
		case len(r.RequestURI) > maxURL:
			s.fail(w, r, refused(http.StatusRequestURITooLong, "the address is too long: ask with fewer ranges"))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// protections are headers of every answer.
var protections = map[string]string{
	"Content-Security-Policy":      contentPolicy,
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Referrer-Policy":              "no-referrer",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Permissions-Policy":           "camera=(), geolocation=(), microphone=()",
	"Cache-Control":                "no-store",
}

// meant says whether a request is for this server. On this machine alone, a name
// that is not ours is somebody's who lets it point here, to have a browser read
// for them what they cannot reach (DNS rebinding). Beyond it the certificate
// says who we are, and the token is not sent to other names.
func (s *Site) meant(r *http.Request) bool {
	if !s.local() {
		return true
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// foreign says whether another site's page asked, other than by a link that
// somebody followed. Browsers say so (Fetch Metadata, 2); programs say nothing.
func foreign(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		return r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Method != http.MethodGet || strings.HasPrefix(r.URL.Path, "/api/")
	}
	return false
}

// local says whether only this machine can reach us.
func (s *Site) local() bool {
	host, _, err := net.SplitHostPort(s.options.Listen)
	return err != nil || loopback(host)
}

// loopback says whether a host is this machine, for itself alone.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
