package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
)

func TestParametersAreReadOrRefused(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		q := url.Values{}
		for range rapid.IntRange(0, 6).Draw(t, "parameters") {
			name := rapid.SampledFrom(with(filterNames, pageNames, []string{"kind", "since", "until"})).Draw(t, "name")
			q.Add(name, rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "high", "open", "any", "udp", "10.0.0.0/8", "10.0.0.0/8,::/0", "24h", "7d", "2026-03-14", "-1h", "99999999999h", "1e9", "new,fixed"})).Draw(t, "value"))
		}
		f, err := changeFilterOf(q, now)
		if p := (*problem)(nil); err != nil && (!errors.As(err, &p) || p.Status != http.StatusBadRequest) {
			t.Fatalf("%v", err)
		}
		if err != nil {
			return
		}
		if len(f.Of.Ranges) > history.MaxRanges || len(f.Of.Owner) > maxParameter || f.Since.After(now.AddDate(500, 0, 0)) {
			t.Fatalf("%+v", f)
		}
		if p, err := pageOf(q); err == nil && (p.Limit < 0 || p.Limit > history.MaxLimit) {
			t.Fatalf("%+v", p)
		}
	})
}

func TestTheFilterIsWhatTheAddressSays(t *testing.T) {
	t.Parallel()
	q, err := url.ParseQuery("state=any&range=10.0.0.1/8,192.0.2.7&range=2001:db8::/32&severity=high&vantage=a+b&owner=%22x%22&verdict=tls&transport=udp&only=&after=")
	if err != nil {
		t.Fatal(err)
	}
	f, err := filterOf(q)
	if err != nil || f.State != history.Any || len(f.Ranges) != 3 || f.Ranges[0].String() != "10.0.0.0/8" || f.Ranges[1].String() != "192.0.2.7/32" || f.AtLeast != exposure.High ||
		f.Only != "" || f.Vantage != "a b" || f.Owner != `"x"` || f.Verdict != exposure.TLSVerdict || f.Transport != exposure.UDP {
		t.Errorf("%+v, %v", f, err)
	}
	now := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{"24h": "2026-03-13T12:00:00Z", "7d": "2026-03-07T12:00:00Z", "2026-03-01": "2026-03-01T00:00:00Z", "2026-03-01T10:00:00+02:00": "2026-03-01T08:00:00Z", "2026-03-01T10:00": "2026-03-01T10:00:00Z"} {
		c, err := changeFilterOf(url.Values{"since": {text}}, now)
		if err != nil || c.Since.Format(time.RFC3339) != want {
			t.Errorf("%s: %s, %v; want %s", text, c.Since, err, want)
		}
	}
	if c, _ := changeFilterOf(url.Values{"until": {"2026-03-01"}}, now); c.Until.Format(time.RFC3339) != "2026-03-01T23:59:59Z" {
		t.Errorf("until a day: %s", c.Until)
	}
}

// TestNothingLeadsElsewhere: where signing in goes on is always on this site.
func TestNothingLeadsElsewhere(t *testing.T) {
	t.Parallel()
	site, err := url.Parse("https://memsweep.example/login")
	if err != nil {
		t.Fatal(err)
	}
	piece := rapid.SampledFrom([]string{"/", "//", `\`, "%5c", "%2f", "attacker.example", "https:", "javascript:", "@", ":", "?", "#", "\t", "\n", " ", ".", "..", "a", "\u2028", "%0d%0a"})
	rapid.Check(t, func(t *rapid.T) {
		to := strings.Join(rapid.SliceOfN(piece, 0, 8).Draw(t, "pieces"), "")
		got := localPath(to)
		there, err := site.Parse(got)
		if err != nil || there.Host != site.Host || there.Scheme != site.Scheme || !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") || strings.ContainsAny(got, "\\\r\n\t") {
			t.Fatalf("%q becomes %q, %v", to, got, err)
		}
	})
}
