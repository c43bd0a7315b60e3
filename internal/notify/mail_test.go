package notify_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	"net/mail"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/internal/notify"
)

// postOffice is an SMTP server that speaks as RFC 5321 has it, over TLS when it
// is asked to, and refuses what it is told to refuse.
type postOffice struct {
	net.Listener
	config *tls.Config
	offers string            // of AUTH, inside TLS or where plain is set
	plain  bool              // no STARTTLS
	direct bool              // TLS from the first byte
	answer map[string]string // verb: another answer than usual; "hang", "close"

	mu    sync.Mutex
	mails []letter
	login string
}

type letter struct {
	from    string
	to      []string
	data    string
	secured bool
}

func postOfficeAt(t testing.TB, o *postOffice) (ca string) {
	t.Helper()
	lender := httptest.NewUnstartedServer(nil)
	lender.StartTLS() // its certificate is for 127.0.0.1 and example.com
	o.config = &tls.Config{Certificates: lender.TLS.Certificates}
	ca = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: lender.Certificate().Raw}))
	lender.Close()
	var err error
	if o.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	go func() {
		for {
			conn, err := o.Accept()
			if err != nil {
				return
			}
			go o.serve(conn)
		}
	}()
	return ca
}

func (o *postOffice) serve(conn net.Conn) {
	defer func() { conn.Close() }()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	secured := o.direct
	if secured {
		conn = tls.Server(conn, o.config)
	}
	text := textproto.NewReader(bufio.NewReader(conn))
	say := func(line string) { io.WriteString(conn, line+"\r\n") }
	if a := o.answer["hello"]; a != "" {
		if a == "hang" {
			time.Sleep(30 * time.Second)
			return
		}
		say(a)
		return
	}
	say("220 post.example.net ESMTP")
	var l letter
	for {
		line, err := text.ReadLine()
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(line, " ")
		verb = strings.ToUpper(verb)
		if a := o.answer[verb]; a == "close" {
			return
		} else if a != "" {
			say(a)
			continue
		}
		switch verb {
		case "EHLO":
			extensions := []string{"post.example.net", "8BITMIME", "SMTPUTF8"}
			if !secured && !o.plain {
				extensions = append(extensions, "STARTTLS")
			}
			if o.offers != "" && (secured || o.plain) {
				extensions = append(extensions, "AUTH "+o.offers)
			}
			for i, e := range extensions {
				say("250" + map[bool]string{true: " ", false: "-"}[i == len(extensions)-1] + e)
			}
		case "STARTTLS":
			say("220 go on")
			conn = tls.Server(conn, o.config)
			text = textproto.NewReader(bufio.NewReader(conn))
			secured = true
		case "AUTH":
			_, coded, _ := strings.Cut(rest, " ")
			login, _ := base64.StdEncoding.DecodeString(coded)
			o.mu.Lock()
			o.login = string(login)
			o.mu.Unlock()
			say("235 welcome")
		case "MAIL":
			l = letter{from: rest, secured: secured}
			say("250 ok")
		case "RCPT":
			l.to = append(l.to, rest)
			say("250 ok")
		case "DATA":
			say("354 go on")
			data, err := io.ReadAll(text.DotReader())
			if err != nil {
				return
			}
			l.data = string(data)
			o.mu.Lock()
			o.mails = append(o.mails, l)
			o.mu.Unlock()
			if a := o.answer["after"]; a == "close" {
				say("250 queued as 4711")
				return
			} else if a != "" {
				say(a)
				continue
			}
			say("250 queued as 4711")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (o *postOffice) letters() []letter {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]letter(nil), o.mails...)
}

func mailTarget(t testing.TB, o *postOffice, ca, more string) notify.Target {
	t.Helper()
	return targets(t, fmt.Sprintf("- {name: post, kind: mail, server: '%s', ca_file: ca.pem, from: 'Memsweep <memsweep@example.net>', to: [secops@example.net, 'Jane Doe <jane@example.net>'], wait: 0s%s}\n", o.Addr(), more),
		"ca.pem", ca, "password", "correct horse")[0]
}

// read takes a mail apart: its header, its plain text and its HTML.
func (l letter) read(t *testing.T) (h mail.Header, plain, page string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(l.data))
	if err != nil {
		t.Fatalf("%v\n%s", err, l.data)
	}
	media, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || media != "multipart/alternative" {
		t.Fatal(media, err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := parts.NextRawPart()
		if err == io.EOF {
			return m.Header, plain, page
		}
		if err != nil {
			t.Fatal(err)
		}
		var body io.Reader = p
		switch p.Header.Get("Content-Transfer-Encoding") {
		case "quoted-printable":
			body = quotedprintable.NewReader(p)
		case "base64":
			body = base64.NewDecoder(base64.StdEncoding, p)
		}
		data, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") {
			page = string(data)
		} else {
			plain = string(data)
		}
	}
}

func TestMail(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"starttls", "implicit", "none"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			o := &postOffice{offers: "PLAIN LOGIN", direct: mode == "implicit", plain: mode == "none"}
			ca := postOfficeAt(t, o)
			m := hostileMessage()
			answer, err := mailTarget(t, o, ca, ", tls: "+mode+", user: memsweep, password_file: password").Carry(context.Background(), m)
			if err != nil || !strings.Contains(answer, "queued as 4711") {
				t.Fatal(answer, err)
			}
			l := o.letters()[0]
			if l.secured != (mode != "none") || o.login != "\x00memsweep\x00correct horse" {
				t.Errorf("secured: %v; login %q", l.secured, o.login)
			}
			if !strings.Contains(l.from, "<memsweep@example.net>") || len(l.to) != 2 || !strings.Contains(l.to[1], "<jane@example.net>") {
				t.Error(l.from, l.to)
			}
			h, plain, page := l.read(t)
			subject, err := new(mime.WordDecoder).DecodeHeader(h.Get("Subject"))
			if err != nil || subject != m.Title {
				t.Errorf("%q, %v", subject, err)
			}
			for name, want := range map[string]string{
				"Message-Id": "<msg_HOSTILE.soc@example.net>", "Auto-Submitted": "auto-generated", "Bcc": "", "From": `"Memsweep" <memsweep@example.net>`,
				"Date": m.Created.Format(time.RFC1123Z),
			} {
				if got := h.Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			for what, text := range map[string]string{"text": plain, "page": page} {
				text = strings.ReplaceAll(text, "\r\n", "\n")
				if strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && exposure.Hidden(r) }) || !strings.Contains(text, "192.0.2.0:11211/udp") {
					t.Errorf("%s: %.2000q", what, text)
				}
			}
			if strings.Contains(page, "<script") || strings.Contains(page, "<img") || strings.Count(page, "<li") != len(m.Events) {
				t.Error(page)
			}
		})
	}
}

func TestMailThatIsNotTaken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		office   *postOffice
		more     string
		says     string
		prospect string
		arrives  int
	}{
		"no STARTTLS":             {&postOffice{plain: true}, "", "STARTTLS", "again", 0},
		"no AUTH":                 {&postOffice{}, ", user: u, password_file: password", "AUTH", "again", 0},
		"wrong password":          {&postOffice{offers: "PLAIN", answer: map[string]string{"AUTH": "535 no: correct horse AHUAY29ycmVjdCBob3JzZQ=="}}, ", user: u, password_file: password", `535 "no: [secret]`, "again", 0},
		"unknown recipient":       {&postOffice{answer: map[string]string{"RCPT": "550 nobody here"}}, "", `550 "nobody here"`, "few", 0},
		"greylisted":              {&postOffice{answer: map[string]string{"RCPT": "451 later"}}, "", `451 "later"`, "again", 0},
		"full":                    {&postOffice{answer: map[string]string{"after": "452 full"}}, "", `452 "full"`, "again", 1},
		"spam":                    {&postOffice{answer: map[string]string{"after": "554 spam \x1b[2J"}}, "", `554 "spam \x1b[2J"`, "few", 1},
		"hangs up":                {&postOffice{answer: map[string]string{"MAIL": "close"}}, "", "EOF", "again", 0},
		"says nothing":            {&postOffice{answer: map[string]string{"hello": "hang"}}, "", "in time", "again", 0},
		"says too much":           {&postOffice{answer: map[string]string{"hello": "220-" + strings.Repeat("x", 2<<20)}}, "", "more than", "again", 0},
		"hangs up when it has it": {&postOffice{answer: map[string]string{"after": "close"}}, "", "", "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := c.office
			ca := postOfficeAt(t, o)
			began := time.Now()
			if name == "says nothing" {
				c.more = ", timeout: 1s"
			}
			_, err := mailTarget(t, o, ca, c.more).Carry(context.Background(), notify.Trial("post"))
			if took := time.Since(began); took > 25*time.Second {
				t.Errorf("it took %s", took)
			}
			switch {
			case c.says == "" && err != nil, c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || notify.Prospect(err) != c.prospect):
				t.Errorf("%v", err)
			case err != nil && (strings.Contains(err.Error(), "correct horse") || strings.Contains(err.Error(), "AHUAY29") || len(err.Error()) > 4000):
				t.Errorf("%v", err)
			}
			if n := len(o.letters()); n != c.arrives {
				t.Errorf("%d letters", n)
			}
		})
	}
}

func TestMailDemandsAKnownCertificate(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"starttls", "implicit"} {
		o := &postOffice{direct: mode == "implicit"}
		postOfficeAt(t, o)
		target := targets(t, fmt.Sprintf("- {name: post, kind: mail, server: '%s', tls: %s, from: a@example.net, to: b@example.net}\n", o.Addr(), mode))[0]
		if _, err := target.Carry(context.Background(), notify.Trial("post")); err == nil || !strings.Contains(err.Error(), "certificate") || len(o.letters()) > 0 {
			t.Errorf("%s: %v", mode, err)
		}
	}
}
