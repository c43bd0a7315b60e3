// Package metrics tells Prometheus what a history knows: what is open, how old
// it is, how well the last sweeps went, and who was told. It only reads.
package metrics

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/memsweep/memsweep/history"
)

const (
	// patience is how long a history may take to answer. Prometheus itself waits
	// ten seconds unless it is told otherwise.
	patience = 8 * time.Second
	// fresh is how long an answer serves at least; it also serves ten times as
	// long as it took, so that no scraper can load the history by more than a tenth.
	fresh = 5 * time.Second
	// maxLabel is how many bytes a label may have.
	maxLabel = 200
	// inFlight is how many scrapes are answered at once.
	inFlight = 4
)

// Options say what the history does not.
type Options struct {
	Version string // of this program
	// Expected gives the configured jobs, each with the longest time that may lie
	// between two of its runs; nil: there is no schedule here. It is asked at
	// each scrape, for a configuration can be read again.
	Expected func() map[string]time.Duration
	// Failed is told why a history could not be read; nil: nobody is.
	Failed func(error)
}

// Collector reads a history whenever it is scraped. It implements
// prometheus.Collector.
type Collector struct {
	store   *history.Store
	options Options
	descriptions

	mu       sync.Mutex
	readings history.Readings // the last; empty when err is not nil
	err      error
	took     time.Duration
	until    time.Time // the last serves
	failures float64
}

// New makes a Collector over a history.
func New(store *history.Store, o Options) *Collector {
	return &Collector{store: store, options: o, descriptions: describe()}
}

// Handler serves the metrics of a history, and of this process, from a registry
// of their own. Whoever mounts it asks who may see them.
func Handler(store *history.Store, o Options) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(New(store, o), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorHandling:       promhttp.ContinueOnError, // no name in a history can silence the rest
		MaxRequestsInFlight: inFlight,
		Timeout:             patience + time.Second,
	})
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.all {
		out <- d
	}
}

// Collect implements prometheus.Collector. A history that cannot be read is a
// metric too, and then the only one that speaks of it: an old number would lie.
func (c *Collector) Collect(out chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if !now.Before(c.until) {
		c.read(now)
	}
	s := samples{out: out, now: now}
	s.gauge(c.build, 1, c.options.Version, runtime.Version())
	s.gauge(c.up, truth(c.err == nil))
	s.counter(c.readFailures, c.failures)
	s.gauge(c.readSeconds, c.took.Seconds())
	c.expectations(s)
	if c.err != nil {
		return
	}
	c.exposures(s)
	c.changes(s)
	c.sweeps(s)
	c.jobs(s)
	c.notifications(s)
	s.gauge(c.bytes, float64(c.readings.Bytes))
	s.gauge(c.omitted, float64(c.readings.Omitted))
}

// read takes new readings. A failure serves as long as an answer does.
func (c *Collector) read(now time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c.readings, c.err = c.store.Readings(ctx, now)
	c.took = time.Since(now)
	c.until = now.Add(c.took + max(fresh, 10*c.took))
	if c.err != nil {
		c.failures++
		if c.options.Failed != nil {
			c.options.Failed(c.err)
		}
	}
}

// samples are on their way to a scrape.
type samples struct {
	out chan<- prometheus.Metric
	now time.Time
}

func (s samples) gauge(d *prometheus.Desc, value float64, labels ...string) {
	s.send(d, prometheus.GaugeValue, value, labels)
}

func (s samples) counter(d *prometheus.Desc, value float64, labels ...string) {
	s.send(d, prometheus.CounterValue, value, labels)
}

// send gives a sample out. Labels may be names that others chose: the library
// escapes them, and takes nothing but UTF-8.
func (s samples) send(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels []string) {
	labels = slices.Clone(labels) // they are the caller's
	for i, l := range labels {
		labels[i] = label(l)
	}
	m, err := prometheus.NewConstMetric(d, kind, value, labels...)
	if err != nil {
		m = prometheus.NewInvalidMetric(d, err)
	}
	s.out <- m
}

// label is a name, cut when it is long, and then still another one than any other:
// two samples of the same labels are none.
func label(name string) string {
	name = strings.ToValidUTF8(name, "\uFFFD")
	if len(name) <= maxLabel {
		return name
	}
	digest := sha256.Sum256([]byte(name))
	return fmt.Sprintf("%s…%x", strings.ToValidUTF8(name[:maxLabel], ""), digest[:4])
}

// moment gives a time as Prometheus has it; without one there is no sample.
func (s samples) moment(d *prometheus.Desc, t *time.Time, labels ...string) {
	if t != nil {
		s.gauge(d, float64(t.UnixMicro())/1e6, labels...)
	}
}

// age gives how long ago a time was, and 0 of one that is still to come: two
// machines' clocks differ.
func (s samples) age(d *prometheus.Desc, t time.Time, labels ...string) {
	s.gauge(d, max(0, s.now.Sub(t).Seconds()), labels...)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
