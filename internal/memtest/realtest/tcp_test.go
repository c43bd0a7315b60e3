package realtest

import (
	"crypto/tls"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/memsweep/memsweep/internal/memtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// turn is one question on a connection of its own, and what must come back.
type turn struct {
	name, ask, reply string
	end              ending
}

// turns is what memcached 1.6.18 answers over TCP; replies that vary from run
// to run are in TestStats.
var turns = map[memtest.Posture][]turn{
	memtest.Open: {
		{"version", version, isVersion, open},
		{"binary version", binVersion, isBinVersion, open},
		{"sasl list", binSASLList, isNoSASL, open},
		{"mn", "mn\r\n", "MN\r\n", open},
		{"unknown", "PING\r\n", "ERROR\r\n", open},
		{"quit", "quit\r\n", "", fin},
	},
	memtest.Reflector: {{"version", version, isVersion, open}},
	memtest.ASCIIOnly: {
		{"version", version, isVersion, open},
		{"binary version", binVersion, "", open},
		{"sasl list", binSASLList, "", open},
	},
	memtest.BinaryOnly: {
		{"version", version, "", open},
		{"stats", stats, "", open},
		{"binary version", binVersion, isBinVersion, open},
		{"sasl list", binSASLList, isNoSASL, open},
	},
	memtest.ASCIIAuth: {
		{"version", version, isDenied, open},
		{"stats", stats, isDenied, open},
		{"settings", settings, isDenied, open},
		{"binary version", binVersion, "", open},
	},
	memtest.SASL: {
		{"version", version, "", open},
		{"stats", stats, "", open},
		{"binary version", binVersion, isBinVersion, open},
		{"sasl list", binSASLList, isPlain, open},
		{"binary stat", binStat, isAuthFailed, fin},
	},
	memtest.TLS: {
		{"version", version, "", rst},
		{"stats", stats, "", rst},
		{"binary version", binVersion, "", rst},
		{"four bytes", "mn\r\n", "", open},
	},
	memtest.MutualTLS:    {{"version", version, "", rst}},
	memtest.TLSReflector: {{"version", version, "", rst}},
	memtest.Full:         {{"nothing", "", isFull, fin}},
	memtest.FullSilent:   {{"version", version, "", open}},
	memtest.Multihomed:   {{"version", version, isVersion, open}},
}

func TestTCP(t *testing.T) {
	requireVersion(t)
	for posture, turns := range turns {
		t.Run(string(posture), func(t *testing.T) {
			t.Parallel()
			Each(t, posture, func(t *testing.T, s Target) {
				for _, q := range turns {
					t.Run(q.name, func(t *testing.T) { q.check(t, s) })
				}
			})
		})
	}
}

func (q turn) check(t *testing.T, s Target) {
	c := dial(t, s.Addr)
	if q.ask != "" {
		if _, err := c.Write([]byte(q.ask)); err != nil {
			t.Fatal(err)
		}
	}
	wait := patience
	if q.reply == "" && q.end == open {
		wait = quiet
	}
	// The reply, then what comes after it.
	enough := atLeast(len(q.reply))
	if q.reply == "" {
		enough = never
	}
	got, end := read(t, c, wait, enough)
	if q.reply != "" && end == open {
		if q.end == open {
			wait = quiet
		}
		var more string
		more, end = read(t, c, wait, never)
		got += more
	}
	if got != q.reply || end != q.end {
		t.Errorf("%q, then %s; want %q, then %s", got, end, q.reply, q.end)
	}
}

// TestClosed: what listens on UDP or on a unix socket only refuses TCP.
func TestClosed(t *testing.T) {
	for _, posture := range []memtest.Posture{memtest.UDPOnly, memtest.UnixOnly} {
		t.Run(string(posture), func(t *testing.T) {
			t.Parallel()
			Each(t, posture, func(t *testing.T, s Target) {
				if connects("tcp", s.Addr.String()) {
					t.Errorf("%s accepts TCP", s.Addr)
				}
			})
		})
	}
}

// TestStats holds the names of the stats, in order, of the real server
// against those of the pretend one.
func TestStats(t *testing.T) {
	requireVersion(t)
	questions := []struct {
		name, ask string
		enough    func(string) bool
		names     func(*testing.T, string) []string
	}{
		{"stats", stats, ended, names},
		{"settings", settings, ended, names},
		{"binary stat", binStat, binEnded, binNames},
	}
	fake, real := Fake(t, memtest.Open), Start(t, memtest.Open)
	for _, q := range questions {
		t.Run(q.name, func(t *testing.T) {
			var got [2][]string
			for i, s := range []Target{fake, real} {
				c := dial(t, s.Addr)
				c.Write([]byte(q.ask))
				reply, _ := read(t, c, patience, q.enough)
				got[i] = q.names(t, reply)
			}
			if diff := cmp.Diff(got[1], got[0]); diff != "" || len(got[0]) < 70 {
				t.Errorf("real (-) and fake (+) differ:\n%s", diff)
			}
		})
	}
}

// TestInsideTLS: behind the handshake the server is an open one, with a few
// stats more.
func TestInsideTLS(t *testing.T) {
	requireVersion(t)
	got := map[bool][]string{}
	Each(t, memtest.TLS, func(t *testing.T, s Target) {
		c := tls.Client(dial(t, s.Addr), &tls.Config{InsecureSkipVerify: true})
		for _, q := range []string{version, settings, stats} {
			if _, err := c.Write([]byte(q)); err != nil {
				t.Fatal(err)
			}
			if q == version {
				if reply, _ := read(t, c, patience, atLeast(len(isVersion))); reply != isVersion {
					t.Errorf("version: %q", reply)
				}
				continue
			}
			reply, _ := read(t, c, patience, ended)
			got[s.Real] = append(got[s.Real], names(t, reply)...)
			if q == settings && !strings.Contains(reply, "STAT ssl_enabled yes\r\n") {
				t.Errorf("settings do not say that TLS is on:\n%s", reply)
			}
		}
	})
	if diff := cmp.Diff(got[true], got[false]); diff != "" && got[true] != nil {
		t.Errorf("real (-) and fake (+) differ:\n%s", diff)
	}
}

// TestMutualTLS: TLS 1.3 lets a client without a certificate finish its
// handshake, and tells it afterwards.
func TestMutualTLS(t *testing.T) {
	Each(t, memtest.MutualTLS, func(t *testing.T, s Target) {
		wants := false
		c := tls.Client(dial(t, s.Addr), &tls.Config{
			InsecureSkipVerify: true,
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				wants = true
				return &tls.Certificate{}, nil
			},
		})
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		c.Write([]byte(version))
		if n, err := c.Read(make([]byte, 64)); n > 0 || err == nil {
			t.Errorf("%d bytes without a certificate", n)
		}
		if !wants {
			t.Error("no certificate was asked for")
		}
	})
}

// requireVersion leaves a test out when the memcached that is installed is
// not the one whose replies are at hand. Without any, the real half is left
// out by Start.
func requireVersion(t *testing.T) {
	t.Helper()
	out, err := exec.Command("memcached", "-V").Output()
	if got := strings.TrimSpace(string(out)); err == nil && got != "memcached 1.6.18" {
		t.Skipf("%s is installed, and the replies to compare with are those of 1.6.18", got)
	}
}

func TestPostures(t *testing.T) {
	for _, p := range Postures() {
		known := slices.ContainsFunc(memtest.Postures(), func(a memtest.About) bool { return a.Posture == p })
		if !known {
			t.Errorf("memtest has no %s", p)
		}
	}
}
