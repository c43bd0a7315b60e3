package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/memsweep/memsweep/internal/pretend"
)

const secret = "0123456789abcdef0123456789abcdef"

func TestEveryAnswerIsProtected(t *testing.T) {
	t.Parallel()
	at := served(t, pretended(t, pretend.Size{Exposures: 30, Sweeps: 9, Hostile: true}), Options{Token: []byte(secret)})
	bearer := []string{"Authorization", "Bearer " + secret}
	for _, c := range []struct {
		method, path string
		header       []string
		status       int
	}{
		{"GET", "/", nil, 303},
		{"GET", "/login", nil, 200},
		{"GET", "/api/v1/overview", nil, 401},
		{"GET", "/api/v1/overview", bearer, 200},
		{"HEAD", "/api/v1/overview", bearer, 200},
		{"GET", "/api/v1/exposures?format=csv", bearer, 200},
		{"GET", "/api/v1/exposures?after=" + strings.Repeat("A", 300), bearer, 400},
		{"GET", "/api/v1/exposures?after=AQ", bearer, 400},
		{"GET", "/api/v1/exposures?limit=1001", bearer, 400},
		{"GET", "/api/v1/exposures?limit=-1", bearer, 400},
		{"GET", "/api/v1/exposures?sevrity=high", bearer, 400},
		{"GET", "/api/v1/exposures?severity=%", bearer, 400},
		{"GET", "/api/v1/exposures?vantage=a;b", bearer, 400},
		{"GET", "/?range=%zz", bearer, 400},
		{"GET", "/api/v1/events?%", bearer, 400},
		{"GET", "/sweeps?vantage=a&vantage=b", bearer, 400},
		{"GET", "/sweeps?job=" + strings.Repeat("x", maxParameter+1), bearer, 400},
		{"GET", "/api/v1/exposures?severity=high&severity=low", bearer, 400},
		{"GET", "/api/v1/exposures?range=10.0.0.0/33", bearer, 400},
		{"GET", "/api/v1/exposures?range=fe80::1%25eth0", bearer, 400},
		{"GET", "/api/v1/exposures?range=" + strings.Repeat("10.0.0.1,", 101), bearer, 400},
		{"GET", "/api/v1/exposures?owner=" + strings.Repeat("x", maxParameter+1), bearer, 400},
		{"GET", "/api/v1/exposures?format=html", bearer, 400},
		{"GET", "/api/v1/changes?since=9999999d", bearer, 400},
		{"GET", "/api/v1/changes?since=0001-01-01", bearer, 400},
		{"GET", "/api/v1/changes?kind=still", bearer, 400},
		{"GET", "/api/v1/trend?points=501", bearer, 400},
		{"GET", "/api/v1/hosts/example.com", bearer, 400},
		{"GET", "/api/v1/hosts/192.0.2.200", bearer, 404},
		{"GET", "/api/v1/sweeps/%00%0d%0a", bearer, 404},
		{"GET", "/api/v1/nothing", bearer, 404},
		{"GET", "/%2e%2e/%2e%2e/etc/passwd", bearer, 404},
		{"GET", "/nothing", bearer, 404},
		{"GET", "/nothing", nil, 303},
		{"GET", "/" + strings.Repeat("x", maxURL), bearer, 414},
		{"GET", "/metrics", nil, 401},
		{"POST", "/api/v1/exposures", bearer, 405},
		{"DELETE", "/api/v1/hosts/10.0.0.1", bearer, 405},
		{"TRACE", "/", bearer, 405},
		{"GET", "/", []string{"Host", "attacker.example"}, 421},
		{"GET", "/api/v1/overview", []string{"Host", "attacker.example:80", "Authorization", "Bearer " + secret}, 421},
		{"GET", "/api/v1/overview", []string{"Host", "127.0.0.1.attacker.example", "Authorization", "Bearer " + secret}, 421},
		{"GET", "/api/v1/overview", []string{"Host", "localhost:9999", "Authorization", "Bearer " + secret}, 200},
		{"GET", "/api/v1/overview", []string{"Host", "[::1]:9999", "Authorization", "Bearer " + secret}, 200},
		{"POST", "/login", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"POST", "/login", []string{"Origin", "https://attacker.example"}, 403},
		{"POST", "/login", []string{"Origin", "null"}, 403},
		{"POST", "/logout", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"GET", "/logout", bearer, 405},
		{"GET", "/api/v1/overview", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Authorization", "Bearer " + secret}, 403},
		{"GET", "/login", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 200},
	} {
		a, body := do(t, c.method, "http://"+at+c.path, "", c.header...)
		what := fmt.Sprintf("%s %.80s %v", c.method, c.path, c.header)
		if a.StatusCode != c.status {
			t.Errorf("%s: %s, want %d\n%.300s", what, a.Status, c.status, body)
		}
		for name, value := range protections {
			if got := a.Header.Values(name); len(got) != 1 || got[0] != value {
				t.Errorf("%s: %s is %q", what, name, got)
			}
		}
		if kind := a.Header.Get("Content-Type"); a.StatusCode >= 400 && strings.HasPrefix(c.path, "/api/") && kind != "application/problem+json" {
			t.Errorf("%s: an error as %q: %s", what, kind, body)
		}
		for _, inner := range []string{"SELECT", "sqlite", ".go:", "history:", "/tmp", "goroutine"} {
			if a.StatusCode >= 400 && strings.Contains(body, inner) {
				t.Errorf("%s: it tells what happens inside: %s", what, body)
			}
		}
	}
}

func TestSigningIn(t *testing.T) {
	t.Parallel()
	at := "http://" + served(t, pretended(t, pretend.Size{}), Options{Token: []byte(secret)})
	form := func(token, next string) string { return url.Values{"token": {token}, "next": {next}}.Encode() }
	kind := []string{"Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin", "Origin", "null"}
	if a, body := do(t, "POST", at+"/login", form("wrong", "/"), kind...); a.StatusCode != 401 || a.Header.Get("Set-Cookie") != "" || !strings.Contains(strings.ToLower(body), "this is not the token") {
		t.Errorf("a wrong token: %s %v", a.Status, a.Header)
	}
	if a, _ := do(t, "POST", at+"/login", form(secret, strings.Repeat("x", maxForm)), kind...); a.StatusCode != 400 {
		t.Errorf("a long form: %s", a.Status)
	}
	for next, want := range map[string]string{
		"/changes?kind=new": "/changes?kind=new", "//attacker.example/": "/", "https://attacker.example/": "/", `/\attacker.example`: "/", "/%5cattacker.example": "/",
		"javascript:alert(1)": "/", "": "/", "/login?next=/": "/", "/a\r\nSet-Cookie: x=y": "/", "http:/attacker.example": "/", "/host/10.0.0.1": "/host/10.0.0.1",
		"/.//evil.com": "/", "/x/..//evil.com": "/", "/x//y": "/", "/./x": "/", "/x/.": "/", "/x/..": "/", "/x/../login": "/", "/%2e%2e/x": "/", "/.%2f/evil.com": "/",
		"/%2f/evil.com": "/", "/x%2f%2fevil.com": "/", "/x/%2e": "/", "/sweeps/a%2fb": "/sweeps/a%2fb", "/x/": "/x/", "/x/..y?a=//b": "/x/..y?a=//b", "/login/": "/",
	} {
		a, _ := do(t, "POST", at+"/login", form(secret, next), kind...)
		if got := a.Header.Get("Location"); a.StatusCode != 303 || got != want {
			t.Errorf("next %q: %s to %q, want %q", next, a.Status, got, want)
		}
	}
	a, _ := do(t, "POST", at+"/login", form(" "+secret+"\n", "/"), kind...)
	cookies := a.Cookies()
	if len(cookies) != 1 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteStrictMode || cookies[0].Path != "/" || cookies[0].Secure {
		t.Fatalf("cookies: %v", cookies)
	}
	cookie := cookies[0].Name + "=" + cookies[0].Value
	if a, _ := get(t, at+"/api/v1/overview", "Cookie", cookie); a.StatusCode != 200 {
		t.Errorf("signed in: %s", a.Status)
	}
	if a, _ := get(t, at+"/api/v1/overview", "Cookie", cookie+"x"); a.StatusCode != 401 {
		t.Errorf("another session: %s", a.Status)
	}
	again, _ := do(t, "POST", at+"/login", form(secret, "/"), append(kind, "Cookie", cookie)...)
	if a, _ := get(t, at+"/api/v1/overview", "Cookie", cookie); a.StatusCode != 401 {
		t.Errorf("the session before goes on beside the new one: %s", a.Status)
	}
	cookie = again.Cookies()[0].Name + "=" + again.Cookies()[0].Value
	if a, _ := do(t, "POST", at+"/logout", "", append(kind, "Cookie", cookie)...); a.StatusCode != 303 || a.Cookies()[0].MaxAge >= 0 {
		t.Errorf("signing out: %s %v", a.Status, a.Cookies())
	}
	if a, _ := get(t, at+"/api/v1/overview", "Cookie", cookie); a.StatusCode != 401 {
		t.Errorf("signed out: %s", a.Status)
	}
}

func TestWrongTokensAreFew(t *testing.T) {
	t.Parallel()
	at := "http://" + served(t, pretended(t, pretend.Size{}), Options{Token: []byte(secret)})
	var all sync.WaitGroup
	var mu sync.Mutex
	looked := map[int]int{}
	for n := range 100 {
		all.Go(func() {
			a, _ := get(t, at+"/api/v1/overview", "Authorization", fmt.Sprintf("Bearer %032d", n))
			mu.Lock()
			looked[a.StatusCode]++
			mu.Unlock()
		})
	}
	all.Wait()
	if looked[401] > attemptsAtOnce+1 || looked[401]+looked[429] != 100 {
		t.Errorf("at once: %v", looked)
	}
	if a, _ := get(t, at+"/api/v1/overview", "Authorization", "Bearer x"); a.StatusCode != 429 || a.Header.Get("Retry-After") == "" {
		t.Errorf("one more wrong token: %s", a.Status)
	}
	// Who shares the address, as behind one NAT, is let in all the same.
	if a, _ := get(t, at+"/api/v1/overview", "Authorization", "Bearer "+secret); a.StatusCode != 200 {
		t.Errorf("the right token after too many wrong ones: %s", a.Status)
	}
	if a, _ := get(t, at+"/api/v1/overview"); a.StatusCode != 401 {
		t.Errorf("without a token: %s", a.Status)
	}
}

func TestAttemptsComeBackWithTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDoor([]byte(secret), time.Now)
		tries := func(from, token string) (looked int) {
			for range 200 {
				if d.try(from, token) != errTooMany {
					looked++
				}
			}
			return looked
		}
		if n := tries("192.0.2.1:1", "x"); n != attemptsAtOnce {
			t.Errorf("%d at once", n)
		}
		if n := tries("192.0.2.1:2", "x"); n != 0 {
			t.Errorf("%d more from another port", n)
		}
		time.Sleep(attemptEvery + time.Millisecond)
		if n := tries("192.0.2.1:1", "x"); n != 1 {
			t.Errorf("%d after a while", n)
		}
		for range 200 {
			if err := d.try("192.0.2.1:1", secret); err != nil {
				t.Fatalf("the right token from where wrong ones came: %v", err)
			}
		}
		if n := tries("192.0.2.1:1", "x"); n != 0 {
			t.Errorf("the right token gave %d wrong ones back", n)
		}
		if n := tries("192.0.2.2:1", secret); n != 200 {
			t.Errorf("of 200 right ones %d were let in", n)
		}
		// Many addresses come no further than all together may.
		n := 0
		for i := range 1000 {
			n += tries(fmt.Sprintf("[2001:db8:%x:%x::1]:1", i/256, i%256), "x")
		}
		if n > allAttemptsAtOnce {
			t.Errorf("%d from many addresses", n)
		}
		if n := tries("192.0.2.2:1", secret); n != 200 {
			t.Errorf("who is right is held back by others: %d", n)
		}
		if n := tries("[2001:db8::1]:1", "x") + tries("[2001:db8::2]:1", "x"); n > 0 {
			t.Errorf("%d from a network that had its share", n)
		}
		if len(d.attempts.from) > maxRemembered {
			t.Errorf("%d addresses are remembered", len(d.attempts.from))
		}
		for i := range maxRemembered + 100 {
			d.try(fmt.Sprintf("10.%d.%d.1:1", i/256, i%256), "x")
		}
		if len(d.attempts.from) > maxRemembered {
			t.Errorf("%d addresses are remembered", len(d.attempts.from))
		}
	})
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDoor([]byte(secret), time.Now)
		idle, busy := d.begin(), d.begin()
		for range 23 {
			time.Sleep(30 * time.Minute)
			if !d.known(busy) {
				t.Fatal("a session in use ended early")
			}
		}
		if d.known(idle) {
			t.Error("an idle session goes on")
		}
		time.Sleep(time.Hour)
		if d.known(busy) {
			t.Error("a session goes on for ever")
		}
		first := d.begin()
		for range maxSessions + 100 {
			time.Sleep(time.Millisecond)
			d.begin()
		}
		if len(d.sessions) > maxSessions || d.known(first) {
			t.Errorf("%d sessions", len(d.sessions))
		}
	})
}

// TestAStreamKeepsNoSessionAlive: a page that is left open is signed out like any
// other that nobody uses.
func TestAStreamKeepsNoSessionAlive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &Site{door: newDoor([]byte(secret), time.Now)}
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/api/v1/events", nil)
		r.AddCookie(&http.Cookie{Name: cookieName(r), Value: s.door.begin()})
		begun := time.Now()
		w := httptest.NewRecorder()
		s.pass(r, make(chan message), stream{w: w, control: http.NewResponseController(w)})
		if lasted := time.Since(begun); lasted < sessionIdle || lasted > sessionIdle+2*heartbeat {
			t.Errorf("the stream lasted %s", lasted)
		}
		if s.signedIn(r) {
			t.Error("it kept the session alive")
		}
	})
}

// TestTheComparisonTakesItsTime reads the source: that a comparison does not end
// at the first difference cannot be measured reliably.
func TestTheComparisonTakesItsTime(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("door.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "subtle.ConstantTimeCompare(digest[:], d.token[:])") {
		t.Error("the token is compared in another way")
	}
	for _, wrong := range []string{"token ==", "== token", "bytes.Equal", "string(d.token"} {
		if strings.Contains(string(text), wrong) {
			t.Errorf("door.go has %q", wrong)
		}
	}
}
