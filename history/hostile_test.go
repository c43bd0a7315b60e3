package history_test

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
)

// hostile are reports that somebody wrote to break a history.
func hostile(t testing.TB) map[string]string {
	x := swept{id: "s1", vantage: "inet", at: day(1), plan: planOf(30), tcp: map[int]what{1: {state: exposure.Open, version: "1.6.18"}}, udp: map[int]what{1: {state: exposure.Open, baf: 20}}}
	good := string(x.document(t, "jsonl"))
	all := map[string]string{"good": good}
	for name, pair := range map[string][2]string{
		"a port twice":     {`"udp":{"probe":"memcached-udp","transport":"udp"`, `"udp":{"probe":"memcached-tcp","transport":"tcp"`},
		"no transport":     {`"transport":"udp"`, `"transport":"sctp"`},
		"a huge factor":    {`"baf":20`, `"baf":1e308`},
		"a negative one":   {`"baf":20`, `"baf":-3`},
		"a long version":   {`"version":"1.6.18"`, `"version":"` + strings.Repeat(`\u0000é\"`, 50_000) + `"`},
		"a zone":           {`"ip":"127.1.0.1"`, `"ip":"fe80::1%eth0\u0000"`},
		"mapped":           {`"ip":"127.1.0.1"`, `"ip":"::ffff:127.1.0.1"`},
		"huge counts":      {`"planned":8`, `"planned":18446744073709551615`},
		"a huge rate":      {`"rate_asked":1000`, `"rate_asked":1e308`},
		"no trust":         {`"trust":"untrusted"`, `"trust":"mine\u0000"`},
		"an odd state":     {`"state":"open"`, `"state":"opened"`},
		"an odd status":    {`"status":"complete"`, `"status":"COMPLETE'); DROP TABLE sweep;--"`},
		"the last year":    {`2026-03-02T02:00:00Z`, `9999-12-31T23:59:59.999999999Z`},
		"an odd plan":      {`"plan":{`, `"plan":{"targets":7,"x":{`},
		"a moved plan":     {`127.1.0.0/30`, `127.1.0.0/31`},
		"the internet":     {`127.1.0.0/30`, `0.0.0.0/0`},
		"a quiet name":     {`"name":"inet"`, `"name":"\u0000"`},
		"bits of nonsense": {`"closed":"`, `"closed":"AAAA`},
		"no probes":        {`"probes":["memcached-tcp"`, `"probes":["nonsense"`},
		"far too new":      {`"schema_version":"1.0"`, `"schema_version":"1.999999"`},
	} {
		if !strings.Contains(good, pair[0]) {
			t.Logf("%s: %s is not in it\n%s", name, pair[0], good)
		}
		all[name] = strings.Replace(good, pair[0], pair[1], 1)
	}
	return all
}

// attempt imports a report between two others, and looks at what is left.
func attempt(t testing.TB, s *history.Store, doc []byte) {
	t.Helper()
	s.Import(context.Background(), bytes.NewReader(doc), "hostile", exposure.Vantage{}, "") // an error is fine
	later := swept{id: "later", vantage: "inet", at: day(5), plan: planOf(30), tcp: map[int]what{2: {state: exposure.Open}}}
	earlier := later
	earlier.id, earlier.at = "earlier", day(0)
	for _, x := range []swept{later, earlier} {
		if _, err := s.Import(context.Background(), bytes.NewReader(x.document(t, "jsonl")), x.id, exposure.Vantage{}, ""); err != nil &&
			!strings.Contains(err.Error(), "is in it already") {
			t.Fatal(err)
		}
	}
	clean(t, s)
}

// TestHostileReports break nothing: Check finds a history whole after each.
func TestHostileReports(t *testing.T) {
	t.Parallel()
	for name, doc := range hostile(t) {
		s, _ := newStore(t)
		t.Log(name)
		attempt(t, s, []byte(doc))
		s.Close()
	}
	s, _ := newStore(t) // and all into one
	for name, doc := range hostile(t) {
		t.Log(name)
		attempt(t, s, bytes.ReplaceAll([]byte(doc), []byte(`"id":"s1"`), []byte(`"id":"`+strings.ReplaceAll(name, " ", "-")+`"`)))
	}
}

// FuzzImport: no report makes an import panic, or a history that Check finds
// fault with.
func FuzzImport(f *testing.F) {
	for _, doc := range hostile(f) {
		f.Add([]byte(doc))
	}
	folder, n := f.TempDir(), 0
	f.Fuzz(func(t *testing.T, doc []byte) {
		n++
		s, err := history.Open(context.Background(), filepath.Join(folder, strings.Repeat("x", n%7+1)+".db"), history.Create)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		attempt(t, s, doc)
	})
}
