package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/internal/metrics"
	"github.com/memsweep/memsweep/internal/schedule"
	"github.com/memsweep/memsweep/internal/web"
)

// openServices opens the page and the metrics where they listen, and has the
// targets told.
func openServices(ctx context.Context, config *schedule.Config, store *history.Store, log *slog.Logger) (list []service, err error) {
	defer func() {
		if err != nil {
			for _, s := range list {
				s.drop()
			}
		}
	}()
	jobs := &expected{}
	jobs.set(config)
	numbers := metrics.Handler(store, metrics.Options{Version: versionText(), Expected: jobs.get, Failed: func(err error) {
		log.Warn("the metrics could not be read", "error", err)
	}})
	list = append(list, service{name: "metrics", run: untilDone, reload: jobs.set, drop: func() {}})
	if config.Metrics != nil {
		s, err := metricsService(ctx, config.Metrics, numbers, log)
		if err != nil {
			return list, err
		}
		list = append(list, s)
	}
	if config.Serve != nil {
		s, err := pageService(ctx, config.Serve, store, numbers, log)
		if err != nil {
			return list, err
		}
		list = append(list, s)
	}
	return append(list, tellService(config, store, log)), nil
}

func untilDone(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// expected are the jobs that should run, for the metrics.
type expected struct {
	mu   sync.Mutex
	jobs map[string]time.Duration
}

func (e *expected) set(config *schedule.Config) {
	jobs := map[string]time.Duration{}
	for _, j := range config.Jobs {
		if j.Enabled {
			jobs[j.Name] = j.When.Longest(time.Now())
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.jobs = jobs
}

func (e *expected) get() map[string]time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.jobs
}

// metricsService answers /metrics, and at /healthz that it is there, to whoever
// can reach it.
func metricsService(ctx context.Context, m *schedule.Metrics, numbers http.Handler, log *slog.Logger) (service, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", m.Listen)
	if err != nil {
		return service{}, fmt.Errorf("metrics: listen on %s: %w", m.Listen, err)
	}
	routes := http.NewServeMux()
	routes.Handle("GET /metrics", numbers)
	routes.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "ok\n") // who asked and is gone needs no answer
	})
	server := &http.Server{Handler: routes, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	log.Info("metrics", "url", "http://"+l.Addr().String()+"/metrics")
	return service{name: "metrics", drop: func() { l.Close() }, run: func(ctx context.Context) error {
		ended := make(chan error, 1)
		go func() { ended <- server.Serve(l) }()
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
		}
		server.Close() // whoever scrapes asks again
		<-ended
		return nil
	}}, nil
}

// pageService serves the history's pages.
func pageService(ctx context.Context, s *schedule.Serve, store *history.Store, numbers http.Handler, log *slog.Logger) (service, error) {
	token, err := readToken(s.TokenFile, "")
	if err != nil {
		return service{}, fmt.Errorf("serve: %w", err)
	}
	site := web.New(store, web.Options{Listen: s.Listen, Certificate: s.TLSCert, Key: s.TLSKey, Token: token, Version: versionText(), Metrics: numbers, Log: logWriter{log}})
	l, err := site.Listen(ctx)
	if err != nil {
		return service{}, fmt.Errorf("serve: %w", err)
	}
	scheme := "http"
	if s.TLSCert != "" {
		scheme = "https"
	}
	log.Info("serve", "url", scheme+"://"+l.Addr().String()+"/")
	return service{name: "serve", drop: func() { l.Close() }, run: func(ctx context.Context) error { return site.Serve(ctx, l) }}, nil
}

// checkPage says what pageService would refuse of the files that it reads.
func checkPage(s *schedule.Serve) error {
	if s == nil {
		return nil
	}
	if _, err := readToken(s.TokenFile, ""); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	if s.TLSCert == "" {
		return nil
	}
	if _, err := tls.LoadX509KeyPair(s.TLSCert, s.TLSKey); err != nil {
		return fmt.Errorf("serve: read tls_cert %s and tls_key %s: %w", s.TLSCert, s.TLSKey, err)
	}
	return nil
}

// logWriter has lines written into the log.
type logWriter struct{ log *slog.Logger }

func (w logWriter) Write(b []byte) (int, error) {
	w.log.Warn("serve", "text", strings.TrimSpace(string(b)))
	return len(b), nil
}
