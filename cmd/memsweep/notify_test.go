package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/internal/memtest"
	"github.com/memsweep/memsweep/internal/notify"
)

// TestChangesAreTold sweeps a real server that was there, goes, and comes back,
// and has a webhook told of it: not of what was there before, and of the rest
// once.
func TestChangesAreTold(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var told []string
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		var m notify.Message
		body, err := io.ReadAll(q.Body)
		if err == nil {
			err = json.Unmarshal(body, &m)
		}
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			told = append(told, err.Error())
		}
		for _, e := range m.Events {
			told = append(told, e.Kind+" "+e.Endpoint()+" "+string(e.Severity)+" "+map[bool]string{true: "again"}[e.Again])
		}
	}))
	defer hook.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "h.db")
	addr := netip.MustParseAddr("127.87.1.7")
	serve := func(addr netip.Addr, port uint16) *memtest.Server {
		s, err := memtest.Start(memtest.Config{Posture: memtest.Open, Addr: netip.AddrPortFrom(addr, port)})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	server := serve(addr, 0)
	port := server.Addr().Port()
	steady := serve(addr.Next(), port)
	defer steady.Close()
	sweeps := 0
	sweep := func() {
		sweeps++
		args := []string{"scan", addr.String(), addr.Next().String(), "-p", strconv.Itoa(int(port)), "--probe", "tcp", "--timeout", "300ms", "-q", "-o", filepath.Join(dir, strconv.Itoa(sweeps)+".json"), "--history", file, "--vantage", "lab"}
		var said strings.Builder
		if code := called(io.Discard, &said, args...); code > exitFindings {
			t.Fatalf("exit %d: %s", code, said.String())
		}
		time.Sleep(10 * time.Millisecond) // the next one starts later
	}
	sweep()
	store, err := history.Open(context.Background(), file, history.Existing)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	config := filepath.Join(dir, "memsweep.yaml")
	text := "notify: [{name: soc, kind: webhook, url: '" + hook.URL + "', secret_file: key, wait: 0s}]\n"
	if err := errors.Join(os.WriteFile(config, []byte(text), 0o600), os.WriteFile(filepath.Join(dir, "key"), []byte(strings.Repeat("k", 32)), 0o600)); err != nil {
		t.Fatal(err)
	}
	targets, err := notify.Read(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() {
		ended <- notify.Run(ctx, store, targets, func(_ slog.Level, format string, args ...any) { t.Logf(format, args...) })
	}()
	await := func(want ...string) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			_, known, _ := store.Pending(ctx, "soc", 1)
			mu.Lock()
			got := strings.Join(told, "; ")
			mu.Unlock()
			if known && got == strings.Join(want, "; ") {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("told %s, want %s", got, strings.Join(want, "; "))
			}
		}
	}
	where := netip.AddrPortFrom(addr, port).String() + "/tcp critical "
	await()
	server.Close()
	sweep()
	await("fixed " + where)
	sweep()
	server = serve(addr, port)
	defer server.Close()
	sweep()
	await("fixed "+where, "new "+where+"again")
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// TestOutboxCommands: what was given up is listed with why, and can be sent again.
func TestOutboxCommands(t *testing.T) {
	t.Parallel()
	ctx, now := context.Background(), time.Now()
	file := filepath.Join(t.TempDir(), "h.db")
	store, err := history.Open(ctx, file, history.Create)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var ids []string
	compose := func(id string, _ []history.Event) ([]byte, error) {
		ids = append(ids, id)
		return json.Marshal(notify.Message{ID: id, Target: "soc", Title: "memsweep: 1 run-missed \x1b[2J"})
	}
	for n := range 4 {
		if _, err := store.Enqueue(ctx, "soc", 1, now, compose); err != nil {
			t.Fatal(err)
		}
		if err := store.NoteMissed(ctx, "job", now.Add(time.Duration(n)*time.Hour), "nothing ran"); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range []error{
		store.Delivered(ctx, ids[0], now), store.Undelivered(ctx, ids[1], time.Time{}, "410 Gone \x1b[2J"), store.Undelivered(ctx, ids[2], now.Add(time.Hour), "busy"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	command := func(args ...string) string {
		var out, said strings.Builder
		if code := called(&out, &said, append(append([]string{"notify"}, args...), "--history", file)...); code != 0 {
			t.Fatalf("%v: exit %d: %s", args, code, said.String())
		}
		return out.String()
	}
	list := command("outbox")
	for _, want := range []string{ids[1], "given up", `410 Gone \x1b[2J`, ids[2], "waits until", "busy", `1 run-missed \x1b[2J`} {
		if !strings.Contains(list, want) {
			t.Errorf("no %q in\n%s", want, list)
		}
	}
	if strings.Contains(list, ids[0]) || strings.Contains(list, "\x1b") || !strings.Contains(command("outbox", "--all"), ids[0]) {
		t.Error(list)
	}
	if list := command("outbox", "--target", "other"); list != "" {
		t.Error(list)
	}
	if n := strings.Count(command("outbox", "--json", "--all"), "\n"); n != 3 {
		t.Error(n)
	}
	if got := command("retry"); got != "1 message is to be sent again\n" {
		t.Error(got)
	}
	if m, err := store.Next(ctx, "soc"); err != nil || m.ID != ids[1] || m.Next.After(time.Now()) {
		t.Error(m, err)
	}
	if got := command("retry", ids[1], ids[2]); got != "2 messages are to be sent again\n" {
		t.Error(got)
	}
}
