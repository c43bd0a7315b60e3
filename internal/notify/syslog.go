package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/internal/handwritten"
)

// syslog writes one record an event, over TCP (RFC 6587, octet counting) or TLS
// (RFC 5425).
type syslog struct {
	address  string
	tls      *tls.Config // nil: none
	facility int
	form     *form
	linger   time.Duration
}

// elementID names our structured data. 32473 is the enterprise number that RFC
// 5612 sets aside for examples: memsweep has none of its own.
const elementID = "memsweep@32473"

// How long a receiver has to take what was written and to close, if it does.
const syslogLinger = 5 * time.Second

// facilities of RFC 5424, section 6.2.1, that a service may use.
var facilities = []struct {
	name string
	code int
}{
	{"local0", 16}, {"local1", 17}, {"local2", 18}, {"local3", 19}, {"local4", 20}, {"local5", 21}, {"local6", 22}, {"local7", 23},
	{"user", 1}, {"daemon", 3}, {"auth", 4}, {"authpriv", 10}, {"audit", 13}, {"alert", 14},
}

func openSyslog(p *targetFile, t *Target) carrier {
	s := &syslog{linger: syslogLinger}
	secured := p.oneOf("tls", "tls", "none") != "none"
	port := "6514" // RFC 5425
	if !secured {
		port = "601" // RFC 6587 leaves it open; IANA's syslog-conn
	}
	var host string
	s.address, host = p.server(port)
	t.Where = s.address
	if config := p.tlsConfig(); secured {
		config.ServerName = host
		s.tls = config
	}
	if !secured && p.has("ca_file") {
		p.Refuse(p.at("ca_file"), "ca_file is for TLS, and tls: none is written: leave one of them out")
	}
	var names []string
	for _, f := range facilities {
		names = append(names, f.name)
	}
	chosen := p.oneOf("facility", names...)
	for _, f := range facilities {
		if f.name == chosen {
			s.facility = f.code
		}
	}
	s.form = p.template(t, nil)
	return s
}

// server reads host:port, or host alone.
func (p *targetFile) server(port string) (address, host string) {
	text := p.word("server")
	host, given, err := net.SplitHostPort(text)
	if err != nil { // no port
		host, given = strings.Trim(text, "[]"), port
	}
	if n, err := strconv.ParseUint(given, 10, 16); err != nil || n == 0 || host == "" || strings.ContainsAny(host, " /@[]") {
		p.Refuse(p.at("server"), "server %s: write it as `server: log.example.net:%s`", handwritten.Quote(text), port)
	}
	return net.JoinHostPort(host, given), host
}

func (s *syslog) carry(ctx context.Context, m *Message) (string, error) {
	var out []byte
	for i := range m.Events {
		r, err := s.record(m, i)
		if err != nil {
			return "", failuref(few, "template: %v", err)
		}
		out = frame(out, r.encode())
	}
	conn, err := s.dial(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if _, err := conn.Write(out); err != nil {
		return "", fmt.Errorf("write: %w", err)
	}
	return s.settle(ctx, conn)
}

func (s *syslog) dial(ctx context.Context) (net.Conn, error) {
	if s.tls == nil {
		return new(net.Dialer).DialContext(ctx, "tcp", s.address)
	}
	return (&tls.Dialer{Config: s.tls}).DialContext(ctx, "tcp", s.address)
}

// settle waits for the receiver to take what was written. The protocol has no
// answer; but who closes after we did has read everything, and who closes with
// something unread resets the connection.
func (s *syslog) settle(ctx context.Context, conn net.Conn) (string, error) {
	if c, ok := conn.(interface{ CloseWrite() error }); ok {
		if err := c.CloseWrite(); err != nil {
			return "", fmt.Errorf("close: %w", err)
		}
	}
	conn.SetReadDeadline(time.Now().Add(s.linger))
	_, err := io.CopyN(io.Discard, conn, 1<<20)
	switch {
	case ctx.Err() != nil:
		return "", errors.New("it did not take the records in time")
	case errors.Is(err, io.EOF):
		return "taken", nil
	case err == nil || errors.Is(err, os.ErrDeadlineExceeded):
		return "written; the receiver did not close, so that it is not known whether it read them", nil
	}
	return "", fmt.Errorf("the receiver closed without reading all: %w", err)
}

// levels are the severities of RFC 5424, table 2.
var levels = []struct {
	severity exposure.Severity
	level    int
}{{exposure.Critical, 2}, {exposure.High, 3}, {exposure.Medium, 4}, {exposure.Low, 5}, {exposure.Info, 6}}

// level is a notice for what got better, and a warning for a run that went wrong.
func (t *Told) level() int {
	switch t.Kind {
	case "fixed", "better":
		return 5
	}
	for _, l := range levels {
		if l.severity == t.Severity {
			return l.level
		}
	}
	return 4
}

func (s *syslog) record(m *Message, i int) (*record, error) {
	t := &m.Events[i]
	text := t.Text
	if s.form != nil {
		one := *m
		one.Events = m.Events[i : i+1]
		out, err := s.form.execute(&one)
		if err != nil {
			return nil, err
		}
		text = exposure.Escape(strings.TrimSpace(oneLine(string(out))))
	}
	if m.Test {
		text = m.Title + ": " + text
	}
	return &record{
		priority: s.facility*8 + t.level(), at: time.Now(), host: hostname(), app: "memsweep", process: strconv.Itoa(os.Getpid()),
		id: t.Kind, element: elementID, params: params(m, t), text: text,
	}, nil
}

// params are the structured data: message and event tell a repetition.
func params(m *Message, t *Told) []param {
	var ids []string
	for _, id := range t.Events[:min(len(t.Events), 16)] {
		ids = append(ids, strconv.FormatInt(id, 10))
	}
	list := []param{{"message", m.ID}, {"event", strings.Join(ids, ",")}, {"kind", t.Kind}, {"at", t.At.UTC().Format(time.RFC3339Nano)}}
	add := func(name, value string) {
		if value != "" {
			list = append(list, param{name, exposure.Escape(value)})
		}
	}
	add("severity", string(t.Severity))
	add("job", t.Job)
	add("scan", t.Scan)
	if t.IP != nil {
		add("ip", t.IP.String())
		add("port", strconv.Itoa(int(t.Port)))
		add("transport", string(t.Transport))
		add("vantage", t.Vantage)
		add("owner", t.Owner)
	}
	if t.Now != nil {
		add("verdict", string(t.Now.Verdict))
		if t.Now.Version != nil {
			add("version", *t.Now.Version)
		}
		if t.Now.BAF != nil {
			add("baf", strconv.FormatFloat(*t.Now.BAF, 'f', 2, 64))
		}
	}
	if m.Test {
		add("test", "true")
	}
	return list
}
