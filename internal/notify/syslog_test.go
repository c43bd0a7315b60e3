package notify_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/memsweep/memsweep/internal/notify"
)

// frames reads octet-counted records until the sender closes (RFC 6587, 3.4.1).
func frames(r io.Reader) (list []string, err error) {
	in := bufio.NewReader(r)
	for {
		size, err := in.ReadString(' ')
		if err == io.EOF && size == "" {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		n, err := strconv.Atoi(strings.TrimSuffix(size, " "))
		if err != nil || n < 1 || n > 8192 || strings.HasPrefix(size, "0") {
			return list, fmt.Errorf("frame of %q octets", size)
		}
		record := make([]byte, n)
		if _, err := io.ReadFull(in, record); err != nil {
			return list, err
		}
		list = append(list, string(record))
	}
}

// grammar is RFC 5424, section 6, for what we send: one element.
var grammar = regexp.MustCompile(`^<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) ` +
	`\[([!#-<>-\\^-~]{1,32})((?: [!#-<>-\\^-~]{1,32}="(?:[^"\\\]\x00-\x1f]|\\["\\\]])*")*)\](?: \x{FEFF}([^\x00-\x1f\x7f]*))?$`)

var parameter = regexp.MustCompile(` ([^= ]+)="((?:[^"\\\]]|\\["\\\]])*)"`)

type syslogRecord struct {
	priority     int
	id, host     string
	params       map[string]string
	text, source string
}

func readRecord(t testing.TB, raw string) syslogRecord {
	t.Helper()
	m := grammar.FindStringSubmatch(raw)
	if m == nil || !utf8.ValidString(raw) {
		t.Fatalf("not RFC 5424: %.500q", raw)
	}
	r := syslogRecord{host: m[3], id: m[6], params: map[string]string{}, text: m[9], source: m[7]}
	r.priority, _ = strconv.Atoi(m[1])
	for _, p := range parameter.FindAllStringSubmatch(m[8], -1) {
		if _, twice := r.params[p[1]]; twice {
			t.Errorf("%s stands twice: %s", p[1], raw)
		}
		r.params[p[1]] = strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\]`, `]`).Replace(p[2])
	}
	return r
}

// logger is a syslog receiver; config nil: without TLS. It gives what one
// connection brought.
func logger(t testing.TB, config *tls.Config) (address string, got chan []string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	got = make(chan []string, 100)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if config != nil {
				conn = tls.Server(conn, config)
			}
			list, err := frames(conn)
			if err != nil {
				list = append(list, "ERROR: "+err.Error())
			}
			conn.Close()
			got <- list
		}
	}()
	return l.Addr().String(), got
}

func TestSyslog(t *testing.T) {
	t.Parallel()
	lender := httptest.NewUnstartedServer(nil)
	lender.StartTLS()
	defer lender.Close()
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: lender.Certificate().Raw}))
	for _, mode := range []string{"tls", "none"} {
		config, more := &tls.Config{Certificates: lender.TLS.Certificates}, ", ca_file: ca.pem"
		if mode == "none" {
			config, more = nil, ""
		}
		address, got := logger(t, config)
		target := targets(t, fmt.Sprintf("- {name: log, kind: syslog, server: '%s', tls: %s, facility: daemon%s}\n", address, mode, more), "ca.pem", ca)[0]
		m := hostileMessage()
		answer, err := target.Carry(context.Background(), m)
		if err != nil || answer != "taken" {
			t.Fatal(mode, answer, err)
		}
		list := <-got
		if len(list) != len(m.Events) {
			t.Fatalf("%s: %d records of %d: %.200q", mode, len(list), len(m.Events), list[len(list)-1])
		}
		for i, raw := range list {
			r, e := readRecord(t, raw), m.Events[i]
			level := 2
			if e.Run != nil {
				level = 4
			}
			if r.priority != 3*8+level || r.id != e.Kind || r.source != "memsweep@32473" || r.params["message"] != m.ID || r.params["event"] != fmt.Sprint(e.Events[0]) {
				t.Errorf("%+v of %+v", r, e)
			}
			if e.IP != nil && (r.params["ip"] != e.IP.String() || r.params["port"] != "11211") || !strings.HasPrefix(r.text, e.Kind) {
				t.Errorf("%+v of %+v", r, e)
			}
			if len(raw) > 8192 {
				t.Errorf("%d octets", len(raw))
			}
		}
		if mode == "tls" {
			stranger := targets(t, fmt.Sprintf("- {name: log, kind: syslog, server: '%s'}\n", address))[0]
			if _, err := stranger.Carry(context.Background(), m); err == nil || !strings.Contains(err.Error(), "certificate") {
				t.Error(err)
			}
			<-got
		}
	}
}

// TestSyslogReceiversThatFail: who closes with something unread did not take it;
// who keeps the connection open is believed.
func TestSyslogReceiversThatFail(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		serve func(net.Conn)
		says  string
		fails bool
	}{
		"closes early": {func(c net.Conn) { io.ReadFull(c, make([]byte, 10)); c.Close() }, "without reading all", true},
		"keeps open":   {func(c net.Conn) { io.Copy(io.Discard, c); time.Sleep(3 * time.Second); c.Close() }, "not known", false},
		"talks":        {func(c net.Conn) { io.Copy(io.Discard, c); c.Write(make([]byte, 2<<20)); c.Close() }, "not known", false},
		"never reads":  {func(c net.Conn) { time.Sleep(3 * time.Second); c.Close() }, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					go c.serve(conn)
				}
			}()
			timeout := "20s"
			if name == "never reads" {
				timeout = "1s"
			}
			target := targets(t, fmt.Sprintf("- {name: log, kind: syslog, server: '%s', tls: none, timeout: %s}\n", l.Addr(), timeout))[0]
			m := notify.Compose("msg_X", "log", epoch, many(1000), &notify.Filter{})
			if name == "never reads" {
				for len(m.Events) < 20_000 { // more than the kernels hold back
					m.Events = append(m.Events, m.Events[:1000]...)
				}
				target.Linger(5 * time.Second)
			} else {
				target.Linger(200 * time.Millisecond)
			}
			answer, err := target.Carry(context.Background(), m)
			if (err != nil) != c.fails {
				t.Fatal(answer, err)
			}
			if err != nil {
				answer = err.Error()
			}
			if name == "closes early" && (strings.Contains(answer, "write: ") || strings.Contains(answer, "close: ")) {
				return // it was quicker than we were
			}
			if !strings.Contains(answer, c.says) {
				t.Error(answer)
			}
		})
	}
}

// TestRsyslog has Debian's rsyslogd read what is sent.
func TestRsyslog(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("rsyslogd")
	if err != nil {
		if program = "/usr/sbin/rsyslogd"; !exists(program) {
			t.Skip("there is no rsyslogd here")
		}
	}
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	out := filepath.Join(dir, "out.log")
	config := filepath.Join(dir, "rsyslog.conf")
	write(t, config, fmt.Sprintf(`global(workDirectory="%s")
module(load="imtcp")
module(load="mmpstrucdata")
input(type="imtcp" address="127.0.0.1" port="%d")
template(name="all" type="string" string="%%msgid%%|%%app-name%%|%%syslogfacility-text%%.%%syslogseverity-text%%|%%structured-data%%|%%$!rfc5424-sd!memsweep@32473!event%%|%%$!rfc5424-sd!memsweep@32473!version%%|%%msg%%\n")
action(type="mmpstrucdata")
action(type="omfile" file="%s" template="all")
`, dir, port, out))
	daemon := exec.Command(program, "-n", "-f", config, "-i", filepath.Join(dir, "pid"))
	var said strings.Builder
	daemon.Stdout, daemon.Stderr = &said, &said
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { daemon.Process.Kill(); daemon.Wait() }()
	eventually(t, "rsyslogd listens", func() bool {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		conn.Close()
		return true
	})
	target := targets(t, fmt.Sprintf("- {name: log, kind: syslog, server: '127.0.0.1:%d', tls: none}\n", port))[0]
	m := hostileMessage()
	if answer, err := target.Carry(context.Background(), m); err != nil || answer != "taken" {
		t.Fatal(answer, err)
	}
	var lines []string
	eventually(t, "rsyslogd wrote all", func() bool {
		data, _ := os.ReadFile(out)
		lines = strings.Split(strings.TrimSpace(string(data)), "\n")
		return len(lines) >= len(m.Events)
	})
	if len(lines) != len(m.Events) {
		t.Fatalf("%d lines of %d events\n%s", len(lines), len(m.Events), said.String())
	}
	for i, line := range lines {
		fields := strings.SplitN(line, "|", 5)
		e := m.Events[i]
		if len(fields) < 5 || fields[0] != e.Kind || fields[1] != "memsweep" || !strings.HasPrefix(fields[2], "local0.") || !strings.Contains(line, "|"+fmt.Sprint(e.Events[0])+"|") {
			t.Errorf("%.300s", line)
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
