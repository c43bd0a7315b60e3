package notify_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/memsweep/memsweep/internal/notify"
)

func webhook(t testing.TB, url, more string) notify.Target {
	return targets(t, fmt.Sprintf("- {name: soc, kind: webhook, url: '%s', secret_file: key, wait: 0s%s}\n", url, more))[0]
}

// verified is what the documentation tells receivers to do.
func verified(d delivery, key []byte) bool {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(d.id + "." + d.timestamp + "." + d.body))
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	return hmac.Equal([]byte(want), []byte(d.signature))
}

// TestSignature holds it against the example of the Standard Webhooks
// specification's own libraries.
func TestSignature(t *testing.T) {
	t.Parallel()
	secret, _ := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	got := notify.Sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Fatalf("%s, want %s", got, want)
	}
}

func TestWebhookIsSignedAndFitsItsSchema(t *testing.T) {
	t.Parallel()
	r := receive(t, nil)
	s := open(t)
	running(t, s, []notify.Target{webhook(t, r.URL, "")})
	for n := range 3 {
		happen(t, s, n)
	}
	eventually(t, "three events", func() bool {
		n := 0
		for _, d := range r.deliveries() {
			var m notify.Message
			json.Unmarshal([]byte(d.body), &m)
			n += len(m.Events)
		}
		return n == 3
	})
	if _, err := webhook(t, r.URL, "").Carry(context.Background(), hostileMessage()); err != nil {
		t.Fatal(err)
	}
	for _, d := range r.deliveries() {
		stamp := time.Now().Unix()
		if !verified(d, []byte(key)) || verified(d, []byte("another key")) {
			t.Errorf("the signature %q of %s does not hold", d.signature, d.body)
		}
		if fmt.Sprint(stamp)[:8] != d.timestamp[:8] && fmt.Sprint(stamp - 100)[:8] != d.timestamp[:8] {
			t.Errorf("timestamp %s", d.timestamp)
		}
		if got := d.header.Get("Content-Type"); got != "application/json" {
			t.Error(got)
		}
		fitsSchema(t, d.body)
	}
}

func fitsSchema(t testing.TB, body string) {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(notify.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("message.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("message.json")
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%v\n%s", err, body)
	}
}

func TestAnswersOfWebhooks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer   func(w http.ResponseWriter)
		prospect string // "": it arrived
		says     string
	}{
		"200":      {func(w http.ResponseWriter) { fmt.Fprint(w, "thanks \x1b[2J") }, "", `200 OK: thanks \x1b[2J`},
		"202":      {func(w http.ResponseWriter) { w.WriteHeader(202) }, "", "202 Accepted"},
		"gone":     {func(w http.ResponseWriter) { w.WriteHeader(410) }, "never", "410 Gone"},
		"unknown":  {func(w http.ResponseWriter) { w.WriteHeader(404) }, "few", "404 Not Found"},
		"slowly":   {func(w http.ResponseWriter) { w.WriteHeader(429) }, "again", "429 Too Many Requests"},
		"timeout":  {func(w http.ResponseWriter) { w.WriteHeader(408) }, "again", "408"},
		"early":    {func(w http.ResponseWriter) { w.WriteHeader(425) }, "again", "425"},
		"broken":   {func(w http.ResponseWriter) { w.WriteHeader(500) }, "again", "500"},
		"moved":    {func(w http.ResponseWriter) { w.Header().Set("Location", "/elsewhere"); w.WriteHeader(307) }, "few", "307"},
		"endless":  {func(w http.ResponseWriter) { w.Write(bytes.Repeat([]byte("x"), 10<<20)) }, "", "200 OK: xxx"},
		"hangs up": {func(w http.ResponseWriter) { hangUp(w) }, "again", "EOF"},
		"slow":     {func(w http.ResponseWriter) { time.Sleep(time.Second) }, "again", "no answer in time"},
		"drips": {func(w http.ResponseWriter) {
			for range 20 {
				fmt.Fprint(w, "x")
				w.(http.Flusher).Flush()
				time.Sleep(50 * time.Millisecond)
			}
		}, "", "200 OK: x"}, // the status counts
		"half":   {func(w http.ResponseWriter) { fmt.Fprint(w, strings.Repeat("x", 270)+" "+key) }, "", "200 OK: xxx"}, // of the secret, if it were cut off first
		"echoes": {func(w http.ResponseWriter) { fmt.Fprint(w, "your key is "+key+", and /hook/T0/secretpath1234") }, "", "your key is [secret], and [secret]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := receive(t, func(_ int, w http.ResponseWriter) { c.answer(w) })
			timeout := ", timeout: 30s"
			if name == "slow" {
				timeout = ", timeout: 500ms"
			}
			answer, err := webhook(t, r.URL+"/hook/T0/secretpath1234", timeout).Carry(context.Background(), notify.Trial("soc"))
			prospect, says := "", answer
			if err != nil {
				prospect, says = notify.Prospect(err), err.Error()
			}
			if prospect != c.prospect || !strings.Contains(says, c.says) || len(says) > 2000 {
				t.Errorf("%q, %v", answer, err)
			}
			if n := len(r.deliveries()); n != 1 {
				t.Errorf("%d requests", n)
			}
			if strings.Contains(says, "secretpath") || strings.Contains(says, key[:8]) {
				t.Errorf("it tells the secret: %s", says)
			}
		})
	}
}

func hangUp(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		conn.Close()
	}
}

// TestPatience: what is refused for good is given up, and the next message goes
// out; what is broken is tried until it works, in order.
func TestPatience(t *testing.T) {
	t.Parallel()
	var refuse, gone, broken = "refuse", "gone", "broken"
	for name, c := range map[string]struct {
		answer             func(n int, w http.ResponseWriter)
		attempts, problems []string // of the two messages, the older first
	}{
		gone: {func(n int, w http.ResponseWriter) {
			if n == 0 {
				w.WriteHeader(410)
			}
		}, []string{"1", "1"}, []string{"wants no more of it: 410 Gone", ""}},
		refuse: {func(n int, w http.ResponseWriter) {
			if n < 8 {
				w.WriteHeader(401)
			}
		}, []string{"8", "1"}, []string{"8 attempts were refused: 401 Unauthorized", ""}},
		broken: {func(n int, w http.ResponseWriter) {
			if n < 10 {
				w.WriteHeader(502)
			}
		}, []string{"11", "1"}, []string{"", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, s := receive(t, c.answer), open(t)
			log := running(t, s, []notify.Target{webhook(t, r.URL, ", batch: 1")})
			happen(t, s, 0)
			happen(t, s, 1)
			list := settled(t, s, "soc", 2)
			slices.Reverse(list)
			for i, m := range list {
				if fmt.Sprint(m.Attempts) != c.attempts[i] || !strings.HasSuffix(m.Problem, c.problems[i]) || (m.Problem == "") != (c.problems[i] == "") {
					t.Errorf("message %d: %+v", i, m)
				}
			}
			if strings.Contains(log.String(), "GIVEN UP") != (c.problems[0] != "") {
				t.Error(log)
			}
		})
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	var times []time.Time
	r := receive(t, func(n int, w http.ResponseWriter) {
		times = append(times, time.Now())
		if n == 0 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(429)
		}
	})
	s := open(t)
	running(t, s, []notify.Target{webhook(t, r.URL, "")})
	happen(t, s, 0)
	settled(t, s, "soc", 1)
	if wait := times[1].Sub(times[0]); wait < 990*time.Millisecond {
		t.Fatalf("it came back after %s", wait)
	}
}

func TestOldMessagesAreGivenUp(t *testing.T) {
	t.Parallel()
	ctx, s := context.Background(), open(t)
	r := receive(t, func(_ int, w http.ResponseWriter) { w.WriteHeader(500) })
	soc := webhook(t, r.URL, ", give_up_after: 72h")
	if _, err := s.Enqueue(ctx, "soc", 1, epoch, nil); err != nil {
		t.Fatal(err)
	}
	happen(t, s, 0)
	long := time.Now().Add(-73 * time.Hour)
	if _, err := s.Enqueue(ctx, "soc", 1, long, func(id string, _ []event) ([]byte, error) { return json.Marshal(notify.Message{ID: id}) }); err != nil {
		t.Fatal(err)
	}
	log := running(t, s, []notify.Target{soc})
	m := settled(t, s, "soc", 1)[0]
	if m.Sent != nil || m.Attempts != 1 || !strings.Contains(m.Problem, "older than 72h0m0s") || !strings.Contains(log.String(), "GIVEN UP") {
		t.Fatalf("%+v\n%s", m, log)
	}
}

// TestAStuckTargetStopsNoOther: one receiver takes a connection and never says a
// word, one is not there at all; the third gets everything meanwhile.
func TestAStuckTargetStopsNoOther(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	down, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	down.Close()
	r, s := receive(t, nil), open(t)
	list := targets(t, fmt.Sprintf(`
- {name: silent, kind: webhook, url: 'http://%s', secret_file: key, wait: 0s, timeout: 10m}
- {name: down, kind: webhook, url: 'http://%s', secret_file: key, wait: 0s}
- {name: fine, kind: webhook, url: '%s', secret_file: key, wait: 0s, batch: 1}
`, silent.Addr(), down.Addr(), r.URL))
	running(t, s, list)
	for n := range 5 {
		happen(t, s, n)
	}
	settled(t, s, "fine", 5)
	if once(t, r.deliveries(), 5) != 0 {
		t.Error("repeated")
	}
	eventually(t, "the problem is noted", func() bool {
		m, err := s.Next(context.Background(), "down")
		return err == nil && strings.Contains(m.Problem, "connection refused")
	})
}

func TestTLSIsVerified(t *testing.T) {
	t.Parallel()
	r := &receiver{}
	r.Server = httptest.NewTLSServer(http.HandlerFunc(r.take))
	r.Config.ErrorLog = quiet()
	defer r.Close()
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.Certificate().Raw}))
	line := "- {name: soc, kind: webhook, url: '%s', secret_file: key%s}\n"
	if _, err := targets(t, fmt.Sprintf(line, r.URL, ""))[0].Carry(context.Background(), notify.Trial("soc")); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate that nobody knows: %v", err)
	}
	if len(r.deliveries()) != 0 {
		t.Error("it was sent all the same")
	}
	if _, err := targets(t, fmt.Sprintf(line, r.URL, ", ca_file: ca.pem"), "ca.pem", ca)[0].Carry(context.Background(), notify.Trial("soc")); err != nil {
		t.Error(err)
	}
	if _, err := targets(t, fmt.Sprintf(line, strings.Replace(r.URL, "127.0.0.1", "localhost", 1), ", ca_file: ca.pem"), "ca.pem", ca)[0].Carry(context.Background(), notify.Trial("soc")); err == nil {
		t.Error("a certificate of another name was taken")
	}
}

// TestProxyOnlyWhenAsked: the name cannot be looked up, and no resolver is asked
// for one of that form; only a proxy would take it.
func TestProxyOnlyWhenAsked(t *testing.T) {
	proxy := receive(t, nil)
	t.Setenv("HTTP_PROXY", proxy.URL)
	if answer, err := webhook(t, "http://a..b/", ", insecure: allow").Carry(context.Background(), notify.Trial("soc")); err == nil || len(proxy.deliveries()) != 0 {
		t.Fatal(answer, err)
	}
	if _, err := webhook(t, "http://a..b/", ", insecure: allow, proxy: environment").Carry(context.Background(), notify.Trial("soc")); err != nil || len(proxy.deliveries()) != 1 {
		t.Fatal(err)
	}
}

func TestSecretsAreReadAnew(t *testing.T) {
	r := receive(t, nil)
	t.Setenv("SOC_KEY", "the first key, quite long")
	t.Setenv("SOC_TOKEN", "token-1234")
	soc := targets(t, "- {name: soc, kind: webhook, url: '"+r.URL+"', secret_env: SOC_KEY, token_env: SOC_TOKEN}\n")[0]
	carry := func() {
		if _, err := soc.Carry(context.Background(), notify.Trial("soc")); err != nil {
			t.Fatal(err)
		}
	}
	carry()
	coded := base64.StdEncoding.EncodeToString([]byte("the second, as many bytes as it takes"))
	t.Setenv("SOC_KEY", "whsec_"+coded)
	carry()
	got := r.deliveries()
	if !verified(got[0], []byte("the first key, quite long")) || !verified(got[1], []byte("the second, as many bytes as it takes")) {
		t.Fatal(got)
	}
	if got[0].header.Get("Authorization") != "Bearer token-1234" {
		t.Fatal(got[0].header)
	}
}
