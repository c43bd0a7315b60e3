package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/internal/metrics"
	"github.com/memsweep/memsweep/internal/schedule"
	"github.com/memsweep/memsweep/internal/web"
)

// tokenVariable names the variable of the environment that may hold the token.
const tokenVariable = "MEMSWEEP_TOKEN"

// maxTokenFile bounds what is read of a token's file.
const maxTokenFile = 4096

func serveCommand() *cli.Command {
	return &cli.Command{
		Name:  "serve",
		Usage: "show a history as pages in the browser, as a JSON API and as metrics",
		Description: `Pages: what is open now and what to fix first, what changed, the trend, the matrix
of vantages, the whole life of one host, the runs. The API that asks the same is at
/api/v1/ (/api/v1/openapi.yaml describes it), and /metrics is for Prometheus.
Nothing can be changed there.

It listens on this machine alone. To be reached from elsewhere it takes TLS and a
token of at least 16 bytes, in --token-file or in the environment as MEMSWEEP_TOKEN:

   openssl rand -hex 32 > token
   memsweep serve --history memsweep.db --listen 0.0.0.0:8411 \
      --tls-cert cert.pem --tls-key key.pem --token-file token

Browsers are asked for the token, programs send it: "Authorization: Bearer TOKEN".
A renewed certificate is taken over by itself. SIGTERM and SIGINT end it, exit code 0.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "history", Usage: "show the history in `FILE`"},
			&cli.StringFlag{Name: "listen", Value: schedule.Page, Usage: "listen at `ADDRESS:PORT`"},
			&cli.StringFlag{Name: "tls-cert", Usage: "the certificate, with those that lead to its root, is `FILE` (PEM)"},
			&cli.StringFlag{Name: "tls-key", Usage: "its key is `FILE` (PEM)"},
			&cli.StringFlag{Name: "token-file", Usage: "clients must know what is in `FILE`; else what is in " + tokenVariable},
		},
		Action: serve,
	}
}

func serve(c *cli.Context) error {
	if c.Args().Present() {
		return usagef("serve: %q is too much: write `memsweep serve --history FILE`", c.Args().First())
	}
	if c.String("history") == "" {
		return usagef("serve: which history? Write --history FILE")
	}
	token, err := readToken(c.String("token-file"), os.Getenv(tokenVariable))
	if err != nil {
		return usagef("serve: %w", err)
	}
	o := web.Options{
		Listen: c.String("listen"), Certificate: c.String("tls-cert"), Key: c.String("tls-key"), Token: token,
		Version: versionText(), Log: sayer{c.App.ErrWriter},
	}
	if err := o.Check(); err != nil {
		return usagef("serve: %w", err)
	}
	store, err := history.Open(c.Context, c.String("history"), history.ReadOnly)
	if err != nil {
		return usagef("serve: %w", err)
	}
	defer store.Close() // nothing was written
	o.Metrics = metrics.Handler(store, metrics.Options{Version: o.Version, Failed: func(err error) { say(c.App.ErrWriter, "metrics: %v", err) }})
	soft, hard, _, release := interrupts(c.Context)
	defer release()
	return serveSite(soft, hard, c.App.ErrWriter, web.New(store, o), o)
}

// serveSite answers until soft ends, and lets what is under way come to its end,
// unless hard ends too.
func serveSite(soft, hard context.Context, stderr io.Writer, site *web.Site, o web.Options) error {
	l, err := site.Listen(hard)
	if err != nil {
		return usagef("serve: %w", err)
	}
	scheme := "http"
	if o.Certificate != "" {
		scheme = "https"
	}
	asks := "; whoever uses this machine can read it"
	if len(o.Token) > 0 {
		asks = "; the token is asked for"
	}
	say(stderr, "the history is at %s://%s/%s", scheme, l.Addr(), asks)
	if err := site.Serve(soft, l); err != nil && !errors.Is(err, net.ErrClosed) {
		return &exit{exitOutput, fmt.Errorf("serve: %w", err)}
	}
	return nil
}

// readToken reads the token from a file or from the environment; nil: there is
// none. It is never on the command line, where everybody on the machine sees it.
func readToken(path, variable string) ([]byte, error) {
	switch {
	case path != "" && variable != "":
		return nil, fmt.Errorf("there is a token in a file and one in %s: leave one of them out", tokenVariable)
	case path == "" && variable == "":
		return nil, nil
	case path == "":
		return checkedToken(variable, tokenVariable)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("token file: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxTokenFile+1))
	if err != nil {
		return nil, fmt.Errorf("token file: %w", err)
	}
	if len(text) > maxTokenFile {
		return nil, fmt.Errorf("%s has more than %d bytes: a token is one line, as `openssl rand -hex 32` makes it", path, maxTokenFile)
	}
	return checkedToken(string(text), path)
}

// checkedToken is the one line of text. A client could not send another kind.
func checkedToken(text, from string) ([]byte, error) {
	text = strings.TrimSpace(text)
	if len(text) < web.MinToken {
		return nil, fmt.Errorf("the token in %s has %d bytes, and must have %d: make one with `openssl rand -hex 32`", from, len(text), web.MinToken)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return nil, fmt.Errorf("the token in %s is more than one word of ASCII: make one with `openssl rand -hex 32`", from)
	}
	return []byte(text), nil
}

// sayer writes what a server logs as everything else is said.
type sayer struct{ stderr io.Writer }

func (s sayer) Write(b []byte) (int, error) {
	say(s.stderr, "%s", exposure.Escape(strings.TrimRight(string(b), "\n")))
	return len(b), nil
}
