package web

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
	"time"
)

// The life of a session.
const (
	sessionLasts = 12 * time.Hour
	sessionIdle  = 2 * time.Hour
	maxSessions  = 1000
)

// door lets in who knows the token, or has a session because they did.
type door struct {
	token    [sha256.Size]byte
	now      func() time.Time
	attempts attempts

	mu       sync.Mutex
	sessions map[[sha256.Size]byte]*session // by the digest of their ID
}

type session struct{ begun, used time.Time }

func newDoor(token []byte, now func() time.Time) *door {
	return &door{token: sha256.Sum256(token), now: now, attempts: newAttempts(now), sessions: map[[sha256.Size]byte]*session{}}
}

// try compares a token in a time that says nothing of it. The right one is let in
// always: it is too long to be guessed, and who sends wrong ones must not keep out
// those that share an address with them. Failures are slowed.
func (d *door) try(from, token string) error {
	digest := sha256.Sum256([]byte(token))
	if subtle.ConstantTimeCompare(digest[:], d.token[:]) == 1 {
		return nil
	}
	if !d.attempts.take(from) {
		return errTooMany
	}
	return errWrongToken
}

var (
	errTooMany    = refused(http.StatusTooManyRequests, "too many wrong tokens: try again in a minute")
	errWrongToken = refused(http.StatusUnauthorized, "this is not the token")
	errNoToken    = refused(http.StatusUnauthorized, "send the header `Authorization: Bearer TOKEN`")
)

// begin makes a session and returns its ID.
func (d *door) begin() string {
	raw := make([]byte, 32)
	rand.Read(raw) // never fails
	id := base64.RawURLEncoding.EncodeToString(raw)
	now := d.now()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sweep(now)
	d.sessions[sha256.Sum256([]byte(id))] = &session{begun: now, used: now}
	return id
}

// sweep forgets what has expired and, to make room, what was not used longest.
func (d *door) sweep(now time.Time) {
	var oldest [sha256.Size]byte
	var since time.Time
	for key, s := range d.sessions {
		if s.expired(now) {
			delete(d.sessions, key)
		} else if since.IsZero() || s.used.Before(since) {
			oldest, since = key, s.used
		}
	}
	if len(d.sessions) >= maxSessions {
		delete(d.sessions, oldest)
	}
}

func (s *session) expired(now time.Time) bool {
	return now.Sub(s.begun) > sessionLasts || now.Sub(s.used) > sessionIdle
}

// known says whether a session of that ID goes on, and notes that it is used.
func (d *door) known(id string) bool { return d.look(id, true) }

// look says whether a session of that ID goes on; use: somebody uses it now. It is
// found by a digest, which nobody who guesses can come closer to step by step.
func (d *door) look(id string, use bool) bool {
	key, now := sha256.Sum256([]byte(id)), d.now()
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.sessions[key]
	if s == nil {
		return false
	}
	if s.expired(now) {
		delete(d.sessions, key)
		return false
	}
	if use {
		s.used = now
	}
	return true
}

func (d *door) end(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.sessions, sha256.Sum256([]byte(id)))
}

// cookieName is that of the session. With the prefix a browser takes it only
// over TLS, for this host alone (RFC 6265bis, 4.1.3.2).
func cookieName(r *http.Request) string {
	if secure(r) {
		return "__Host-memsweep"
	}
	return "memsweep"
}

// admit says why r is not let in.
func (s *Site) admit(r *http.Request) error {
	if s.door == nil {
		return nil
	}
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, token, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return errNoToken
		}
		return s.try(r, token)
	}
	if s.signedIn(r) {
		return nil
	}
	return errNoToken
}

// try is for the operator to know of.
func (s *Site) try(r *http.Request, token string) error {
	err := s.door.try(r.RemoteAddr, strings.TrimSpace(token))
	if err == errWrongToken {
		s.note("a wrong token from %s", r.RemoteAddr)
	}
	return err
}

// stays says whether who was let in with r still may be there. That is no use of
// a session: a page that is left open does not keep it alive.
func (s *Site) stays(r *http.Request) bool {
	if s.door == nil || r.Header.Get("Authorization") != "" { // the token is for as long as we run
		return true
	}
	c, err := r.Cookie(cookieName(r))
	return err == nil && s.door.look(c.Value, false)
}

// signedIn says whether r comes with a session that can be ended.
func (s *Site) signedIn(r *http.Request) bool {
	if s.door == nil {
		return false
	}
	c, err := r.Cookie(cookieName(r))
	return err == nil && s.door.known(c.Value)
}
