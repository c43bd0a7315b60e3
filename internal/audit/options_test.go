package audit

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/memsweep/memsweep/exposure"
)

// TestListeners: what a command line opens, for a release with UDP off.
func TestListeners(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"":                                 "tcp 0.0.0.0:11211, tcp [::]:11211",
		"-l 127.0.0.1":                     "tcp 127.0.0.1:11211",
		"-l127.0.0.1 -vvp11311":            "tcp 127.0.0.1:11311",
		"-vvl 127.0.0.1":                   "tcp 127.0.0.1:11211",
		"--listen=127.0.0.1 --port 1":      "tcp 127.0.0.1:1",
		"--lis=10.0.0.1 --po 5 --unix-m=1": "tcp 0.0.0.0:5, tcp [::]:5", // --listen, or --listen-backlog
		"--listen 127.0.0.1 --listen=::1":  "tcp 127.0.0.1:11211, tcp [::1]:11211",
		"-l 127.0.0.1,10.0.0.1;10.0.0.2":   "tcp 127.0.0.1:11211, tcp 10.0.0.1:11211, tcp 10.0.0.2:11211",
		"-l 10.0.0.1:7 -U 11211":           "tcp 10.0.0.1:7, udp 10.0.0.1:7",
		"-l [::1]:7 -p 0":                  "",
		"-l notls:10.0.0.1:7":              "tcp 10.0.0.1:7",
		"-l tag[x]:proto[ascii]:10.0.0.1":  "tcp 10.0.0.1:11211",
		"-l * -U 5":                        "tcp 0.0.0.0:5, udp 0.0.0.0:5, tcp [::]:5, udp [::]:5",
		"-U 5 -p 6 -l 0.0.0.0":             "tcp 0.0.0.0:6, udp 0.0.0.0:5",
		"-U 0 -U 11211 -l ::":              "tcp [::]:11211, udp [::]:11211",
		"-U abc -l 10.0.0.1":               "tcp 10.0.0.1:11211",
		"-U 7 -p 0 -l 10.0.0.1":            "udp 10.0.0.1:7",
		"-s /run/m.sock -l 0.0.0.0 -U 1":   "",
		"-l localhost":                     "tcp 127.0.0.1:11211",
		"-u memcache x -l 10.0.0.1":        "tcp 10.0.0.1:11211",
		"-l 10.0.0.1 -- -l 0.0.0.0":        "tcp 10.0.0.1:11211",
	} {
		sure, maybe, err := parseOptions(strings.Fields(line)).listeners("1.6.18")
		var got []string
		for _, l := range sure {
			got = append(got, string(l.transport)+" "+netip.AddrPortFrom(l.addr, l.port).String())
		}
		if strings.Join(got, ", ") != want || len(maybe) > 0 || err != nil {
			t.Errorf("%q: got %q, %v, %v, want %q", line, got, maybe, err, want)
		}
	}
}

// TestUDPDefault: whether UDP is on without -U depends on the release, and on
// what distributions made of it.
func TestUDPDefault(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		version, line string
		port          uint64
		known         bool
	}{
		{"1.6.18", "", 0, true},
		{"1.5.6", "-p 5", 0, true},
		{"1.5.5", "", 11211, false},
		{"1.5.5", "-p 5", 5, false},
		{"1.4.2", "-p 5", 11211, false},
		{"1.4.15", "-U 0", 0, true},
		{"1.2.6", "", 0, true},
		{"", "", 0, false},
		{"", "-U 7", 7, true},
	} {
		_, udp, known := parseOptions(strings.Fields(tt.line)).ports(tt.version)
		if udp != tt.port || known != tt.known {
			t.Errorf("%s %q: %d, %v", tt.version, tt.line, udp, known)
		}
	}
	if _, maybe, _ := parseOptions(nil).listeners(""); len(maybe) != 2 || maybe[0].transport != exposure.UDP {
		t.Errorf("a release that is not known: %v", maybe)
	}
}

func TestRefusedPorts(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"-p 65536", "-U 99999999999999999999", "-l 10.0.0.1:http", "-l [::1]:70000"} {
		if _, _, err := parseOptions(strings.Fields(line)).listeners("1.6.18"); err == nil {
			t.Errorf("%q: no error", line)
		}
	}
}

func TestUnreadableOptions(t *testing.T) {
	t.Parallel()
	for line, want := range map[string][]string{
		"-G -l":           {"-'G'", "-l without a value"},
		"--new=1 --port":  {"--new", "--port without a value"},
		"--list":          {"--list"}, // --listen, or --listen-backlog
		"--enable 1":      {"--enable"},
		"-p 5 --verbose":  nil,
		"--verbose=3 -vv": nil,
	} {
		got := parseOptions(strings.Fields(line)).unreadable
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

func TestAsks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		version, line string
		state         exposure.State
		auth          exposure.Auth
		inTLS         bool
	}{
		{"1.6.18", "-l 10.0.0.1", exposure.Open, exposure.AuthNone, false},
		{"1.6.18", "-S -l 10.0.0.1", exposure.AuthRequired, exposure.AuthSASL, false},
		{"1.6.18", "-Y f -l 10.0.0.1", exposure.AuthRequired, exposure.AuthASCII, false},
		{"1.6.18", "-SY f -l 10.0.0.1", exposure.AuthRequired, exposure.AuthASCII, false},
		{"1.6.18", "-Z -l 10.0.0.1", exposure.Open, exposure.AuthNone, true},
		{"1.6.18", "-Z -l notls:10.0.0.1", exposure.Open, exposure.AuthNone, false},
		{"1.6.18", "-Z -o ssl_verify_mode=1 -l 10.0.0.1", exposure.Open, exposure.AuthNone, true},
		{"1.6.18", "-Z -o modern,ssl_verify_mode=2 -l 10.0.0.1", exposure.TLS, exposure.AuthCert, true},
		{"1.6.18", "-Z -Y f -l 10.0.0.1", exposure.AuthRequired, exposure.AuthASCII, true},
		{"1.6.18", "-Y f -l proto[negotiating]:10.0.0.1", exposure.Open, exposure.AuthNone, false},
		{"", "-Y f -l proto[binary]:10.0.0.1", exposure.Open, exposure.AuthNone, false},
		{"1.6.43", "-Y f -l proto[binary]:10.0.0.1", exposure.AuthRequired, exposure.AuthASCII, false},
	} {
		o := parseOptions(strings.Fields(tt.line))
		sure, _, err := o.listeners(tt.version)
		if err != nil || len(sure) == 0 {
			t.Fatal(tt.line, err)
		}
		state, auth, inTLS := o.asks(sure[0], tt.version)
		if state != tt.state || auth != tt.auth || inTLS != tt.inTLS {
			t.Errorf("%s %q: %s, %s, %v", tt.version, tt.line, state, auth, inTLS)
		}
		if state, _, _ := o.asks(listener{transport: exposure.UDP}, tt.version); state != exposure.Open {
			t.Errorf("%q: UDP is %s", tt.line, state)
		}
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	s := parseOptions(strings.Fields("-m 128 -I 2M -c 40 -l 10.0.0.1 -l 10.0.0.2 -vv -X -B binary")).settings("1.6.18", exposure.Open)
	text := func(p *string) string {
		if p == nil {
			return "?"
		}
		return *p
	}
	got := []any{*s.MaxBytes, *s.ItemSizeMax, *s.MaxConns, text(s.Inter), *s.Verbosity, text(s.DumpEnabled), text(s.FlushEnabled),
		text(s.BindingProtocol), *s.UDPPort, text(s.SSLEnabled)}
	want := []any{uint64(128 << 20), uint64(2 << 20), uint64(40), "10.0.0.1,10.0.0.2", uint64(2), "no", "yes", "binary", uint64(0), "?"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	s = parseOptions(strings.Fields("-m 1g -I x")).settings("", exposure.AuthRequired)
	if s.MaxBytes != nil || s.ItemSizeMax != nil || s.UDPPort != nil || s.FlushEnabled != nil || *s.Inter != "NULL" {
		t.Errorf("what is not certain is said: %+v", s)
	}
}

func FuzzOptions(f *testing.F) {
	f.Add("-l 127.0.0.1,[::1]:7;notls:proto[x]:* -vvU 11211 --listen=a --port", "1.5.5")
	f.Add("-Y f -Z -o ssl_verify_mode=2 -s x -p -1 -U +5", "")
	f.Fuzz(func(t *testing.T, line, version string) {
		o := parseOptions(strings.Split(line, " "))
		sure, maybe, err := o.listeners(version)
		if err != nil || o.socket != "" {
			if len(sure)+len(maybe) > 0 {
				t.Errorf("%q listens, although %v, socket %q", line, err, o.socket)
			}
			return
		}
		for _, l := range append(sure, maybe...) {
			if state, _, _ := o.asks(l, version); !state.Answered() {
				t.Errorf("%q: %+v is %s", line, l, state)
			}
		}
		o.settings(version, exposure.Open)
	})
}
