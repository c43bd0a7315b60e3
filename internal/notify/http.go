package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/internal/handwritten"
)

const (
	maxAnswer = 300      // runes that are kept of what a receiver says
	maxBody   = 64 << 10 // bytes that are read of it
	maxAfter  = time.Hour
)

// post sends what a target's kind makes of a message to a URL.
type post struct {
	open     string // the URL, if it is no secret
	url      secret
	insecure bool
	client   *http.Client
}

// post reads the keys that all kinds over HTTP have.
func (p *targetFile) post(t *Target) *post {
	o := &post{insecure: p.oneOf("insecure", "no", "allow") == "allow"}
	check := func(text string) error { _, err := o.parse(text); return err }
	o.url = p.secret("url", check)
	if o.open = p.word("url"); o.open != "" {
		if o.url.given() {
			p.Refuse(p.at("url"), "url is there twice: write url, url_file or url_env")
		}
		if err := check(o.open); err != nil {
			p.Refuse(p.at("url"), "url: %v", err)
		}
	} else if !p.has("url_file") && !p.has("url_env") {
		p.Refuse(p.item, "%s has no URL: write url_file: PATH or url_env: NAME", t.Kind)
	}
	t.Where = o.where()
	transport := &http.Transport{
		TLSClientConfig: p.tlsConfig(), DisableKeepAlives: true, MaxResponseHeaderBytes: maxBody, TLSHandshakeTimeout: 15 * time.Second,
		Protocols: new(http.Protocols),
	}
	transport.Protocols.SetHTTP1(true)
	if p.oneOf("proxy", "none", "environment") == "environment" {
		transport.Proxy = http.ProxyFromEnvironment
	}
	o.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return o
}

// where is for people: of a URL that may be read, the host alone, for what is
// behind it may be a secret too.
func (o *post) where() string {
	if o.open == "" {
		return "the URL in " + o.url.String()
	}
	u, err := url.Parse(o.open)
	if err != nil {
		return "a URL"
	}
	return u.Scheme + "://" + u.Host
}

// parse refuses a URL that would send what is told in the clear, or has a
// password in it. Its errors do not quote it.
func (o *post) parse(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return nil, errors.New("not a URL: write one as https://soc.example.net/hook")
	case u.User != nil:
		return nil, errors.New("it has a password in it: write the URL without, and the password as token_file")
	case u.Fragment != "":
		return nil, errors.New("it has a fragment, which is never sent: leave out what is behind #")
	case u.Scheme == "http" && !o.insecure && !isLoopback(u.Hostname()):
		return nil, errors.New("http:// shows everybody on the way what is exposed: write https://, or `insecure: allow` if that is known and wanted")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("write an https:// URL")
	}
	return u, nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// tlsConfig trusts the system's authorities, or those of ca_file alone.
func (p *targetFile) tlsConfig() *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	path := p.path(p.word("ca_file"))
	if path == "" {
		return config
	}
	data, err := handwritten.Read(path, 1<<20)
	if err != nil {
		p.Refuse(p.at("ca_file"), "ca_file: %v", err)
		return config
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(data) {
		p.Refuse(p.at("ca_file"), "ca_file %s: there is no certificate in it: write the authority's, as PEM", handwritten.Quote(path))
	}
	return config
}

// send makes one attempt. secrets are taken out of what is said of it.
func (o *post) send(ctx context.Context, body []byte, header http.Header, secrets ...string) (answer string, err error) {
	text := o.open
	if text == "" {
		if text, err = o.url.read(); err != nil {
			return "", fmt.Errorf("read the URL: %w", err)
		}
	}
	secrets = append(secrets, text)
	u, err := o.parse(text)
	if err != nil {
		return "", fmt.Errorf("the URL: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return "", errors.New("the URL cannot be asked")
	}
	request.Header = header
	request.Header.Set("User-Agent", "memsweep")
	response, err := o.client.Do(request)
	if err != nil {
		return "", errors.New(redact(bare(err).Error(), secrets...))
	}
	defer response.Body.Close()
	data, _ := io.ReadAll(io.LimitReader(response.Body, maxBody)) // the status counts; what is cut off is not
	answer = response.Status
	if said := strings.TrimSpace(string(data)); said != "" {
		answer += ": " + said
	}
	// Redacted before it is cut off: half a secret is one too.
	answer = exposure.Escape(clipTo(redact(answer, secrets...), maxAnswer))
	return answer, refused(response, answer, time.Now())
}

// bare is an error of net/http without the URL.
func bare(err error) error {
	if e := (*url.Error)(nil); errors.As(err, &e) {
		if e.Timeout() && errors.Is(err, context.DeadlineExceeded) {
			return errors.New("no answer in time")
		}
		return e.Err
	}
	return err
}

// refused is nil for an answer that says that the message arrived.
func refused(r *http.Response, answer string, now time.Time) error {
	f := &failure{why: answer}
	switch code := r.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code >= 300 && code < 400:
		f.why += " (it leads elsewhere, and a message does not follow: write the URL that it leads to)"
		f.prospect = few
	case code == http.StatusGone:
		f.prospect = never
	case code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable:
		f.after = retryAfter(r.Header.Get("Retry-After"), now)
	case code == http.StatusRequestTimeout || code == http.StatusTooEarly:
	case code >= 400 && code < 500:
		f.prospect = few
	}
	return f
}

// retryAfter reads the header of RFC 9110, section 10.2.3: seconds or a date.
func retryAfter(text string, now time.Time) time.Duration {
	after := time.Duration(0)
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		after = time.Duration(n) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		after = at.Sub(now)
	}
	return min(max(after, 0), maxAfter)
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}
