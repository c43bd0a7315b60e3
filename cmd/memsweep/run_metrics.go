package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/internal/metrics"
	"github.com/memsweep/memsweep/internal/schedule"
)

// numbersOf answers with the metrics of a history that is scheduled by a
// configuration, or by another one after reload.
func numbersOf(config *schedule.Config, store *history.Store, log *slog.Logger) (numbers http.Handler, reload func(*schedule.Config)) {
	var expected atomic.Pointer[map[string]time.Duration]
	reload = func(config *schedule.Config) {
		intervals := expectedIntervals(config, time.Now())
		expected.Store(&intervals)
	}
	reload(config)
	return metrics.Handler(store, metrics.Options{
		Version:  versionText(),
		Expected: func() map[string]time.Duration { return *expected.Load() },
		Failed:   func(err error) { log.Error("metrics", "error", err) },
	}), reload
}

// openMetrics listens where Prometheus may ask. It answers two questions, and
// tells nothing that the history's owner would not: whoever may not see numbers
// is kept away by the address, or by a filter before it.
func openMetrics(at *schedule.Metrics, numbers http.Handler, log *slog.Logger) (service, error) {
	listener, err := net.Listen("tcp", at.Listen)
	if err != nil {
		return service{}, fmt.Errorf("metrics: %w: write another address under metrics, as `listen: 127.0.0.1:9150`", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", numbers)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "ok\n") // a prober that is gone needs no answer
	})
	server := &http.Server{
		Handler: mux, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn), MaxHeaderBytes: 16 << 10,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 20 * time.Second, IdleTimeout: 2 * time.Minute,
	}
	log.Info("metrics", "url", "http://"+listener.Addr().String()+"/metrics")
	run := func(ctx context.Context) error {
		stop := context.AfterFunc(ctx, func() { server.Close() })
		defer stop()
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return ctx.Err()
	}
	return service{name: "metrics", run: run, drop: func() { listener.Close() }}, nil
}

// expectedIntervals gives of each job the longest time between two of its next
// runs: over the weekend for one of working days, and an hour more in autumn.
func expectedIntervals(config *schedule.Config, now time.Time) map[string]time.Duration {
	const looked = 60 // runs: a weekly job's year
	intervals := map[string]time.Duration{}
	for _, j := range config.Jobs {
		if !j.Enabled {
			continue
		}
		var longest time.Duration
		before := j.When.Next(now)
		for range looked {
			after := j.When.Next(before)
			if before.IsZero() || !after.After(before) {
				break // it is never due again
			}
			longest, before = max(longest, after.Sub(before)), after
		}
		if longest > 0 {
			intervals[j.Name] = longest
		}
	}
	return intervals
}
