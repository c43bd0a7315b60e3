package web

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/internal/pretend"
)

// pretended is a history that never was.
func pretended(t testing.TB, size pretend.Size) *history.Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "history.db")
	if err := pretend.Write(context.Background(), path, size); err != nil {
		t.Fatal(err)
	}
	return opened(t, path, history.ReadOnly)
}

func opened(t testing.TB, path string, mode history.Mode) *history.Store {
	t.Helper()
	s, err := history.Open(context.Background(), path, mode)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// served answers on a real socket, and returns where.
func served(t testing.TB, store *history.Store, o Options) (address string) {
	t.Helper()
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Log == nil {
		o.Log = t.Output()
	}
	ctx, stop := context.WithCancel(context.Background())
	site := New(store, o)
	l, err := site.Listen(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- site.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(2 * stopWithin):
			t.Error("the server did not end")
		}
	})
	return l.Addr().String()
}

// get asks, and returns the answer with its body read.
func get(t testing.TB, url string, header ...string) (*http.Response, string) {
	t.Helper()
	return do(t, http.MethodGet, url, "", header...)
}

// do asks; header are names and values in turn. Redirects are not followed.
func do(t testing.TB, method, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	a, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a, string(text)
}

func TestTheAPIAnswers(t *testing.T) {
	t.Parallel()
	at := "http://" + served(t, pretended(t, pretend.Size{Exposures: 300, Sweeps: 9}), Options{})
	for _, path := range []string{"overview", "owners", "exposures?limit=5", "hosts/" + pretend.HostIPv4, "changes?limit=5", "matrix?limit=5", "sweeps", "sweeps/scan-000001", "trend", "openapi.yaml"} {
		for _, format := range []string{"", "csv", "markdown"} {
			url := at + "/api/v1/" + path
			if format != "" {
				if path == "openapi.yaml" {
					continue
				}
				url += map[bool]string{true: "&", false: "?"}[strings.Contains(url, "?")] + "format=" + format
			}
			a, body := get(t, url)
			if a.StatusCode != http.StatusOK {
				t.Errorf("%s: %s\n%s", url, a.Status, body)
			}
			t.Logf("%s: %d bytes", url, len(body))
		}
	}
}

// TestAReplacedHistoryIsSaid: nobody is shown an old state for the present one.
func TestAReplacedHistoryIsSaid(t *testing.T) {
	t.Parallel()
	path, store, _ := living(t)
	at := "http://" + served(t, store, Options{})
	if a, _ := get(t, at+"/"); a.StatusCode != http.StatusOK {
		t.Fatal(a.Status)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	for _, where := range []string{"/", "/matrix", "/api/v1/overview", "/api/v1/exposures"} {
		if a, body := get(t, at+where); a.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "tart this server again") {
			t.Errorf("%s: %s %s", where, a.Status, body)
		}
	}
}
