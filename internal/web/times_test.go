package web

import (
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/internal/pretend"
)

// TestPageTimes measures every page and every answer of a big history, over a real
// connection, first parts and deep ones: MEMSWEEP_HISTORY=FILE, which TestWriteBig
// of internal/pretend makes. It fails when the 95th percentile is over 100 ms.
func TestPageTimes(t *testing.T) {
	path := os.Getenv("MEMSWEEP_HISTORY")
	if path == "" {
		t.Skip("MEMSWEEP_HISTORY names no file")
	}
	at := "http://" + served(t, opened(t, path, history.ReadOnly), Options{})
	client := &http.Client{}
	ask := func(url string) (took time.Duration, size int) {
		begin := time.Now()
		a, err := client.Get(at + url)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(a.Body)
		a.Body.Close()
		if err != nil || a.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v\n%.500s", url, a.Status, err, body)
		}
		return time.Since(begin), len(body)
	}
	for _, url := range slices.Concat(timedPages(), timedAnswers()) {
		for _, url := range []string{url, deepIn(t, client, at, url)} {
			if url == "" {
				continue
			}
			var times []time.Duration
			size := 0
			for range 40 {
				took, n := ask(url)
				times, size = append(times, took), n
			}
			slices.Sort(times)
			p50, p95 := times[len(times)/2], times[len(times)*95/100]
			t.Logf("%-110.110s %7d bytes  p50 %6.1f ms  p95 %6.1f ms", url, size, ms(p50), ms(p95))
			if p95 > 100*time.Millisecond {
				t.Errorf("%s: p95 is %s", url, p95)
			}
		}
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func timedPages() []string {
	return []string{
		"/", "/?severity=high", "/?range=10.0.0.0/9", "/?range=10.0.3.0/24", "/?owner=team-07", "/?vantage=partner&verdict=tls", "/?state=any", "/?verdict=full&state=any",
		"/changes", "/changes?kind=worse", "/changes?severity=high&range=10.1.0.0/16", "/changes?verdict=full", "/trend", "/trend?vantage=internet", "/matrix", "/matrix?verdict=tls",
		"/host/" + pretend.HostIPv4, "/host/" + pretend.HostIPv6, "/sweeps", "/sweeps/scan-000100",
	}
}

func timedAnswers() []string {
	var list []string
	for _, url := range []string{
		"overview", "owners", "exposures", "exposures?limit=1000", "exposures?state=any&severity=medium&transport=udp", "exposures?verdict=full&state=any", "exposures?range=10.0.0.0/9&owner=team-07",
		"exposures?vantage=nowhere", "changes", "changes?limit=1000", "changes?kind=better&vantage=internet", "changes?verdict=full", "changes?range=10.0.3.0/24", "matrix", "matrix?limit=1000",
		"matrix?verdict=full", "sweeps", "sweeps?vantage=partner&job=partner-daily", "sweeps/scan-000100", "trend", "trend?points=500", "runs", "runs?job=office-daily", "hosts/" + pretend.HostIPv4,
	} {
		list = append(list, "/api/v1/"+url)
	}
	return list
}

// deepIn is the same list twenty parts further in; "": it has none.
func deepIn(t *testing.T, client *http.Client, at, url string) string {
	t.Helper()
	if !strings.HasPrefix(url, "/api/") {
		return ""
	}
	here := url
	for range 20 {
		a, err := client.Get(at + here)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(a.Body)
		a.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		_, rest, ok := strings.Cut(string(body), `"next":"`)
		if !ok {
			return ""
		}
		cursor, _, _ := strings.Cut(rest, `"`)
		joined := map[bool]string{true: "&", false: "?"}[strings.Contains(url, "?")]
		here = url + joined + "after=" + cursor
	}
	return here
}
