package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/internal/notify"
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
	numbers, reload := numbersOf(config, store, log)
	if config.Metrics != nil {
		one, err := openMetrics(config.Metrics, numbers, log)
		if err != nil {
			return list, err
		}
		one.reload = reload
		list = append(list, one)
	}
	if config.Serve != nil {
		one, err := pageService(ctx, config.Serve, store, numbers, log)
		if err != nil {
			return list, err
		}
		one.reload = reload
		list = append(list, one)
	}
	return append(list, tellService(config, store, log)), nil
}

// pageService serves the history's pages.
func pageService(ctx context.Context, s *schedule.Serve, store *history.Store, numbers http.Handler, log *slog.Logger) (service, error) {
	o := web.Options{Listen: s.Listen, Certificate: s.TLSCert, Key: s.TLSKey, Version: versionText(), Metrics: numbers, Log: logWriter{log}}
	var err error
	if o.Token, err = readToken(s.TokenFile, ""); err != nil {
		return service{}, fmt.Errorf("serve: %w", err)
	}
	site := web.New(store, o)
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

// logWriter has lines written into the log.
type logWriter struct{ log *slog.Logger }

func (w logWriter) Write(b []byte) (int, error) {
	w.log.Warn("serve", "text", strings.TrimSpace(string(b)))
	return len(b), nil
}

// tellService tells the targets of what changed, other targets after a reload.
func tellService(config *schedule.Config, store *history.Store, log *slog.Logger) service {
	next := make(chan []notify.Target, 1)
	next <- config.Notify
	say := func(format string, args ...any) { log.Info("notify", "text", fmt.Sprintf(format, args...)) }
	run := func(ctx context.Context) error {
		var ended chan error
		stop := func() {}
		for {
			select {
			case targets := <-next:
				stop()
				if ended != nil {
					<-ended
				}
				var now context.Context
				now, stop = context.WithCancel(ctx)
				ended = make(chan error, 1)
				go func() { ended <- notify.Run(now, store, targets, say) }()
			case err := <-ended:
				stop()
				return err
			}
		}
	}
	reload := func(c *schedule.Config) {
		select {
		case <-next: // it was not taken up yet
		default:
		}
		next <- c.Notify
	}
	return service{name: "notify", run: run, reload: reload, drop: func() {}}
}
