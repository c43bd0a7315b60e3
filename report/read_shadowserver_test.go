package report

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/memsweep/memsweep/exposure"
)

func TestReadShadowserver(t *testing.T) {
	t.Parallel()
	findings, header, summary := readAll(t, foreignFile(t, "shadowserver-2022.csv"), exposure.Vantage{})
	if v := header.Sweep.Vantage; v.Name != "shadowserver" || v.Trust != exposure.Untrusted || header.Sweep.ID != "shadowserver-2010-02-10" {
		t.Errorf("header %+v", header)
	}
	if summary.Status != exposure.Incomplete || len(summary.Problems) != 1 || knownCoverage(summary.Coverage) != nil {
		t.Errorf("summary %+v: a list of what was found proves nothing else", summary)
	}
	if len(findings) != 3 {
		t.Fatalf("%d findings", len(findings))
	}
	f := findings[0]
	if got := seen(f); got != "192.168.0.1 reflector - open" || f.Severity != exposure.Critical || f.UDP.Port != 50260 || *f.UDP.Version != "1.4.15" {
		t.Errorf("%s, %+v", got, f.UDP)
	}
	if diff := cmp.Diff(&exposure.Reported{By: "shadowserver", ResponseBytes: 1144, BAF: 81.71}, f.UDP.Reported); diff != "" || f.UDP.Amplification != nil {
		t.Errorf("amplification %v\n%s", f.UDP.Amplification, diff)
	}
	if s := f.UDP.Stats; *s.PID != 1010 || *s.Time != time.Date(2022, 8, 21, 10, 34, 6, 0, time.UTC).Unix() || s.CurrItems != nil {
		t.Errorf("stats %+v", s)
	}
	if !slices.Contains(f.Reasons, "By the word of shadowserver one request brings 1144 bytes back: ×81.7.") {
		t.Errorf("reasons %q", f.Reasons)
	}
}

// TestShadowserverRowsApart: rows about one server need not stand together, and
// of two about one endpoint the later one counts, wherever it stands.
func TestShadowserverRowsApart(t *testing.T) {
	t.Parallel()
	const file = "timestamp,ip,protocol,port,tag,version\n" +
		"2026-01-02 00:00:00,192.0.2.1,tcp,11211,memcached,1.6.2\n" +
		"2026-01-02 00:00:01,192.0.2.2,udp,11211,memcached,1.4.15\n" +
		"2026-01-02 00:00:02,192.0.2.1,udp,11211,memcached,1.6.2\n" +
		"2026-01-01 00:00:00,192.0.2.1,tcp,11211,memcached,1.6.1\n" +
		"2026-01-03 00:00:00,192.0.2.1,tcp,11211,memcached,1.6.3\n" +
		"2026-01-03 00:00:00,192.0.2.1,tcp,11311,memcached,1.6.9\n"
	findings, _, summary := readAll(t, []byte(file), exposure.Vantage{})
	var got []string
	for _, f := range findings {
		for _, o := range exposed(&f) {
			got = append(got, seen(f)+" "+*o.Version)
		}
	}
	want := []string{
		"192.0.2.1 reflector open open 1.6.2", "192.0.2.1 reflector open open 1.6.3",
		"192.0.2.2 reflector - open 1.4.15", "192.0.2.1 open open - 1.6.9",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if p := summary.Problems; len(p) != 2 || !strings.HasPrefix(p[1], "2 rows left out") {
		t.Errorf("problems %q", p)
	}
}

func FuzzReadShadowserver(f *testing.F) {
	header := []byte(`"` + strings.Join(shadowserverColumns(), `","`) + "\"\n")
	f.Add(bytes.TrimPrefix(whole().write(f, "shadowserver", Options{}), header))
	f.Add(bytes.TrimPrefix(held().write(f, "shadowserver", Options{}), header))
	f.Add([]byte("\"2010-02-10 00:00:00\",high,::1,udp,1,,memcached;full;product-x,,,,,,,,,1,2,3,,4,5,6,7.00\n"))
	f.Fuzz(func(t *testing.T, rows []byte) { checkForeign(t, slices.Concat(header, rows)) })
}

// TestShadowserverWithoutRows: that nothing was found proves nothing.
func TestShadowserverWithoutRows(t *testing.T) {
	t.Parallel()
	header, _, _ := bytes.Cut(foreignFile(t, "shadowserver-2022.csv"), []byte("\n"))
	findings, _, summary := readAll(t, header, exposure.Vantage{})
	if len(findings) > 0 || summary.Status != exposure.Incomplete {
		t.Errorf("%d findings, %s", len(findings), summary.Status)
	}
}
