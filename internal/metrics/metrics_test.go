package metrics_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/internal/metrics"
	"github.com/memsweep/memsweep/report"
)

// A sweep is what a test puts into a history.
type sweep struct {
	id, vantage, job string
	started          time.Time
	status           exposure.Status
	outcomes         exposure.Outcomes
	open             []exposure.Observation // one host each, 127.0.0.1 and on
}

var (
	plain     = exposure.Observation{Probe: "memcached-tcp", Transport: exposure.TCP, Port: 11211, State: exposure.Open, Service: "memcached", Auth: exposure.AuthNone}
	reflector = exposure.Observation{Probe: "memcached-udp", Transport: exposure.UDP, Port: 11211, State: exposure.Open, Service: "memcached", Auth: exposure.AuthNone}
)

func (s sweep) into(t *testing.T, store *history.Store) {
	t.Helper()
	w, err := store.Record(context.Background(), s.job)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	vantage := exposure.Vantage{Name: s.vantage, Trust: exposure.Untrusted}
	rate := 987.5
	err = w.Begin(report.Header{
		Tool: report.Tool{Name: "memsweep", Version: "test"},
		Sweep: report.Sweep{ID: s.id, Started: s.started, Vantage: vantage, Engine: "socket", RateAsked: 1000,
			Plan: []byte(`{"targets":["127.0.0.0/24"],"sha256":"` + strings.Repeat("0", 64) + `"}`)},
	})
	for i, o := range s.open {
		host := exposure.Host{Addr: netip.AddrFrom4([4]byte{127, 0, 0, byte(i + 1)}), Observations: []exposure.Observation{o}}
		err = errors.Join(err, w.Finding(exposure.Judge(host, vantage)))
	}
	err = errors.Join(err, w.End(report.Summary{
		Status: s.status, Finished: s.started.Add(time.Minute), RateAchieved: &rate,
		Coverage: exposure.Coverage{Planned: s.outcomes.Sum(), Addresses: s.outcomes.Sum(), Outcomes: s.outcomes},
	}))
	if err != nil {
		t.Fatalf("sweep %s: %v", s.id, err)
	}
}

// newStore makes an empty history.
func newStore(t *testing.T) (*history.Store, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "memsweep.db")
	store, err := history.Open(context.Background(), path, history.Create)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store, path
}

// scrape asks as Prometheus does, over HTTP.
func scrape(t *testing.T, url string) (families map[string]*dto.MetricFamily, text string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("status %s, %v: %s", response.Status, err, body)
	}
	p := expfmt.NewTextParser(model.LegacyValidation)
	families, err = p.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	return families, string(body)
}

// value is the sample with just these labels, written name=value; ok: there is one.
func value(families map[string]*dto.MetricFamily, name string, labels ...string) (v float64, ok bool) {
	for _, m := range families["memsweep_"+name].GetMetric() {
		var have []string
		for _, l := range m.GetLabel() { // in order of their names
			have = append(have, l.GetName()+"="+l.GetValue())
		}
		if strings.Join(have, "\n") == strings.Join(labels, "\n") {
			return m.GetGauge().GetValue() + m.GetCounter().GetValue(), true
		}
	}
	return 0, false
}

func serve(t *testing.T, store *history.Store, o metrics.Options) string {
	t.Helper()
	server := httptest.NewServer(metrics.Handler(store, o))
	t.Cleanup(server.Close)
	return server.URL
}

// told is a history in which something of each kind is.
func told(t *testing.T) (store *history.Store, now time.Time) {
	t.Helper()
	ctx := context.Background()
	store, _ = newStore(t)
	now = time.Now().UTC().Truncate(time.Microsecond)
	for _, target := range []string{"mail", "chat"} { // they begin with what comes now
		if _, err := store.Enqueue(ctx, target, 10, now, nil); err != nil {
			t.Fatal(err)
		}
	}
	all := exposure.Outcomes{Answered: 2, Closed: 253, Silent: 1}
	sweep{"s1", "office", "nightly", now.Add(-72 * time.Hour), exposure.Complete, all, []exposure.Observation{plain, reflector}}.into(t, store)
	sweep{"s2", "office", "nightly", now.Add(-time.Hour), exposure.Incomplete,
		exposure.Outcomes{Answered: 2, Closed: 190, LocalError: 10, NotScanned: 54}, []exposure.Observation{plain, plain}}.into(t, store)
	sweep{"s3", "a \"quoted\\\nname", "", now.Add(-2 * time.Hour), exposure.Complete, all, []exposure.Observation{plain}}.into(t, store)
	ran(t, store, "nightly", now.Add(-48*time.Hour), history.Complete, "s1")
	ran(t, store, "nightly", now.Add(-2*time.Hour), history.Incomplete, "s2")
	if _, err := store.BeginRun(ctx, "nightly", now, now); err != nil {
		t.Fatal(err)
	}
	if err := store.NoteMissed(ctx, "weekly", now.Add(-time.Hour), "this machine was off"); err != nil {
		t.Fatal(err)
	}
	deliver(t, store, now)
	return store, now
}

func ran(t *testing.T, store *history.Store, job string, at time.Time, outcome history.Outcome, scan string) {
	t.Helper()
	run, err := store.BeginRun(context.Background(), job, at, at)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.EndRun(context.Background(), run.ID, at.Add(time.Minute), outcome, scan, ""); err != nil {
		t.Fatal(err)
	}
}

// deliver gives up what chat was to be told, and leaves mail a message and a
// backlog.
func deliver(t *testing.T, store *history.Store, now time.Time) {
	t.Helper()
	ctx := context.Background()
	compose := func(string, []history.Event) ([]byte, error) { return []byte(`{}`), nil }
	for target, limit := range map[string]int{"chat": 100, "mail": 1} {
		if _, err := store.Enqueue(ctx, target, limit, now.Add(-time.Minute), compose); err != nil {
			t.Fatal(err)
		}
	}
	due, err := store.Due(ctx, now, 10)
	if err != nil || len(due) != 2 {
		t.Fatalf("%v, %v", due, err)
	}
	for _, m := range due {
		if m.Target == "chat" {
			err = store.Undelivered(ctx, m.ID, time.Time{}, "410 Gone")
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestScrape(t *testing.T) {
	t.Parallel()
	store, now := told(t)
	url := serve(t, store, metrics.Options{Version: "v1", Expected: func() map[string]time.Duration {
		return map[string]time.Duration{"nightly": 24 * time.Hour}
	}})
	got, text := scrape(t, url)
	const of = "vantage=office"
	for _, x := range []struct {
		want   float64
		name   string
		labels []string
	}{
		{1, "history_up", nil},
		{0, "history_read_failures_total", nil},
		{0, "names_omitted", nil},
		{0, "not_rescanned_exposures", []string{"severity=info", of}},
		{256, "last_sweep_planned_endpoints", []string{"job_name=nightly", of}},
		{10, "last_sweep_endpoints", []string{"job_name=nightly", "outcome=local_error", of}},
		{0.75, "last_sweep_coverage_ratio", []string{"job_name=nightly", of}},
		{0, "last_sweep_complete", []string{"job_name=nightly", of}},
		{1, "last_sweep_complete", []string{"job_name=", "vantage=a \"quoted\\\nname"}},
		{1000, "last_sweep_asked_packets_per_second", []string{"job_name=nightly", of}},
		{987.5, "last_sweep_achieved_packets_per_second", []string{"job_name=nightly", of}},
		{seconds(now.Add(-72 * time.Hour)), "last_complete_sweep_start_timestamp_seconds", []string{"job_name=nightly", of}},
		{seconds(now.Add(-time.Hour)), "last_sweep_start_timestamp_seconds", []string{"job_name=nightly", of}},
		{86400, "job_expected_interval_seconds", []string{"job_name=nightly"}},
		{1, "job_running", []string{"job_name=nightly"}},
		{0, "job_running", []string{"job_name=weekly"}},
		{1, "job_last_run_outcome", []string{"job_name=nightly", "outcome=incomplete"}},
		{0, "job_last_run_outcome", []string{"job_name=nightly", "outcome=complete"}},
		{1, "job_last_run_outcome", []string{"job_name=weekly", "outcome=missed"}},
		{seconds(now.Add(-48*time.Hour + time.Minute)), "job_last_complete_run_end_timestamp_seconds", []string{"job_name=nightly"}},
		{1, "notifications_pending", []string{"target=mail"}},
		{0, "notifications_given_up", []string{"target=mail"}},
		{1, "notifications_given_up", []string{"target=chat"}},
		{0, "notification_backlog_events", []string{"target=chat"}},
	} {
		if v, ok := value(got, x.name, x.labels...); !ok || v != x.want {
			t.Errorf("memsweep_%s%q is %v (%v), want %v", x.name, x.labels, v, ok, x.want)
		}
	}
	agrees(t, store, got)
	if age, ok := oldest(got, "office"); !ok || age < 72*3600 || age > 72*3600+60 {
		t.Errorf("the oldest is %v seconds old", age)
	}
	if v, ok := value(got, "notification_backlog_events", "target=mail"); !ok || v < 1 {
		t.Errorf("mail has a backlog of %v", v)
	}
	if v, _ := value(got, "events_total"); v < 5 {
		t.Errorf("%v events", v)
	}
	if t.Failed() {
		t.Log(text)
	}
}

func seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }

func oldest(families map[string]*dto.MetricFamily, vantage string) (age float64, ok bool) {
	for _, severity := range exposure.Severities() {
		if v, is := value(families, "oldest_open_exposure_age_seconds", "severity="+string(severity), "vantage="+vantage); is {
			age, ok = max(age, v), true
		}
	}
	return age, ok
}

// agrees holds the exposures counted against those that the store lists.
func agrees(t *testing.T, store *history.Store, families map[string]*dto.MetricFamily) {
	t.Helper()
	list, _, err := store.Exposures(context.Background(), history.Filter{}, history.Page{Limit: 1000})
	if err != nil || len(list) != 4 { // the reflector, two plain, one at the other vantage
		t.Fatalf("%d exposures, %v", len(list), err)
	}
	counted := map[string]float64{}
	for _, e := range list {
		counted[fmt.Sprintf("%s\n%s\n%s", e.Severity, e.Vantage.Name, e.Verdict)]++
	}
	for _, m := range families["memsweep_open_exposures"].GetMetric() {
		var labels []string
		for _, l := range m.GetLabel() {
			labels = append(labels, l.GetValue())
		}
		key := strings.Join(labels, "\n")
		if m.GetGauge().GetValue() != counted[key] {
			t.Errorf("%v exposures of %q, the store lists %v", m.GetGauge().GetValue(), labels, counted[key])
		}
		delete(counted, key)
	}
	if len(counted) > 0 {
		t.Errorf("not counted: %v", counted)
	}
}

// TestNames holds the names to Prometheus' rules, by its own two linters.
func TestNames(t *testing.T) {
	t.Parallel()
	store, _ := told(t)
	o := metrics.Options{Version: "v1", Expected: func() map[string]time.Duration { return map[string]time.Duration{"a": time.Hour} }}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(metrics.New(store, o))
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	if _, err := exec.LookPath("promtool"); err != nil {
		if os.Getenv("MEMSWEEP_REQUIRE_PROMTOOL") != "" {
			t.Fatal(err)
		}
		t.Skip("no promtool (Debian: apt-get install prometheus)")
	}
	_, text := scrape(t, serve(t, store, o))
	check := exec.Command("promtool", "check", "metrics")
	check.Stdin = strings.NewReader(text)
	if said, err := check.CombinedOutput(); err != nil || len(said) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, said)
	}
}

// TestLongNames: those that begin alike are told apart, and none is left out.
func TestLongNames(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t)
	long := strings.Repeat("ü", 240)
	for i, name := range []string{long + " east", long + " west"} {
		at := time.Now().Add(-time.Hour)
		sweep{fmt.Sprint("s", i), name, "", at, exposure.Complete, exposure.Outcomes{Answered: 1}, []exposure.Observation{plain}}.into(t, store)
	}
	got, _ := scrape(t, serve(t, store, metrics.Options{}))
	open, names := 0.0, map[string]bool{}
	for _, m := range got["memsweep_open_exposures"].GetMetric() {
		open += m.GetGauge().GetValue()
		for _, l := range m.GetLabel() {
			if l.GetName() == "vantage" {
				names[l.GetValue()] = true
			}
		}
	}
	if open != 2 || len(names) != 2 {
		t.Errorf("%v open, seen from %d vantages: %v", open, len(names), names)
	}
}

func TestEmptyHistory(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t)
	got, _ := scrape(t, serve(t, store, metrics.Options{}))
	if up, _ := value(got, "history_up"); up != 1 || got["memsweep_open_exposures"] != nil {
		t.Errorf("up is %v, with %v", up, got["memsweep_open_exposures"])
	}
}

// TestFailure closes a history under the collector, and takes a table out of another.
func TestFailure(t *testing.T) {
	t.Parallel()
	closed, _ := told(t)
	closed.Close()
	broken, path := newStore(t)
	file, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Exec("DROP TABLE run"); err != nil {
		t.Fatal(err)
	}
	for name, store := range map[string]*history.Store{"closed": closed, "broken": broken} {
		failed := 0
		got, _ := scrape(t, serve(t, store, metrics.Options{Failed: func(error) { failed++ }}))
		up, ok := value(got, "history_up")
		failures, _ := value(got, "history_read_failures_total")
		if !ok || up != 0 || failures != 1 || failed != 1 || got["memsweep_open_exposures"] != nil || got["memsweep_build_info"] == nil {
			t.Errorf("%s: up is %v, %v failures", name, up, failures)
		}
	}
}

// TestScrapesAreFew: however often it is scraped, the history is asked once.
func TestScrapesAreFew(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t)
	url := serve(t, store, metrics.Options{})
	scrape(t, url)
	store.Close()
	for range 20 {
		if got, _ := scrape(t, url); got["memsweep_history_size_bytes"] == nil {
			t.Fatal("the history was asked again at once")
		}
	}
}
