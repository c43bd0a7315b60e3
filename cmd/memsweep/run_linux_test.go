package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/history/life"
	"github.com/memsweep/memsweep/internal/memtest"
	"github.com/memsweep/memsweep/internal/schedule"
)

// clockwork is a clock that a test turns.
type clockwork struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clockwork) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clockwork) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

// world is a small network whose servers appear, change and vanish.
type world struct {
	t       *testing.T
	port    uint16
	first   netip.Addr
	posture [16]memtest.Posture // "": nothing listens
	servers [16]*memtest.Server
	details []string // of changes that were told
}

func (w *world) addr(i int) netip.Addr {
	a := w.first.As4()
	a[3] += byte(i)
	return netip.AddrFrom4(a)
}

func (w *world) put(i int, p memtest.Posture) {
	if w.posture[i] == p {
		return
	}
	if w.servers[i] != nil {
		w.servers[i].Close()
		w.servers[i] = nil
	}
	if w.posture[i] = p; p == "" {
		return
	}
	s, err := memtest.Start(memtest.Config{Posture: p, Addr: netip.AddrPortFrom(w.addr(i), w.port)})
	if err != nil {
		w.t.Fatal(err)
	}
	if w.port == 0 {
		w.port = s.Addr().Port()
	}
	w.servers[i] = s
}

func (w *world) close() {
	for i := range w.servers {
		w.put(i, "")
	}
}

// stir changes some of it: the first half is TCP, open or with a password; the
// second half answers UDP too.
func (w *world) stir(r *rand.Rand) {
	for i := range w.posture {
		if r.IntN(3) > 0 {
			continue
		}
		choice := []memtest.Posture{"", memtest.Open, memtest.ASCIIAuth}
		if i >= 8 {
			choice = []memtest.Posture{"", memtest.Reflector}
		}
		w.put(i, choice[r.IntN(len(choice))])
	}
}

// belief is what a history should hold after complete sweeps of a world.
type belief struct {
	open   map[string]memtest.Posture // by "tcp 3"
	misses map[string]int
}

// sweep is what a complete sweep should tell.
func (b *belief) sweep(w *world) (told []string) {
	for i, p := range w.posture {
		for _, transport := range []string{"tcp", "udp"} {
			key := fmt.Sprint(transport, " ", i)
			answers := p != "" && (transport == "tcp" || p == memtest.Reflector)
			was, open := b.open[key]
			switch {
			case answers && !open:
				told = append(told, "new "+key)
			case answers && was != p:
				told = append(told, "other "+key)
			case !answers && open:
				if b.misses[key]++; transport == "tcp" || b.misses[key] == 2 {
					told = append(told, "fixed "+key)
					delete(b.open, key)
					b.misses[key] = 0
				}
			}
			if answers {
				b.open[key], b.misses[key] = p, 0
			}
		}
	}
	slices.Sort(told)
	return told
}

// events are those after a moment, as belief writes them.
func (w *world) events(store *history.Store, after int64) (told []string, last int64) {
	list, err := store.Events(context.Background(), after, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	last = after
	for _, e := range list {
		last = e.ID
		if e.Run != nil {
			told = append(told, "run "+string(e.Run.Outcome))
			continue
		}
		kind := string(e.Change.Kind)
		if e.Change.Kind == life.Worse || e.Change.Kind == life.Better || e.Change.Kind == life.Changed {
			kind = "other"
			w.details = append(w.details, fmt.Sprintf("%d %s: %s", e.ID, e.Change.Kind, strings.Join(e.Change.Details, "; ")))
		}
		ip := e.Change.Exposure.IP.As4()
		told = append(told, fmt.Sprintf("%s %s %d", kind, e.Change.Exposure.Transport, ip[3]-w.first.As4()[3]))
	}
	slices.Sort(told)
	return told, last
}

// scheduler is a runner in this process, whose sweeps are real processes.
type scheduler struct {
	t      *testing.T
	config string
	store  *history.Store
	clock  *clockwork
	reload chan os.Signal
	stop   context.CancelFunc
	ended  chan error
}

func (s *scheduler) start() {
	read := func() (*schedule.Config, error) {
		return schedule.Read(s.config, schedule.Reading{Now: s.clock.Now(), Host: "here"})
	}
	c, err := read()
	if err != nil {
		s.t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	var log io.Writer = io.Discard
	if testing.Verbose() {
		log = os.Stderr
	}
	ready := make(chan struct{})
	began := sync.OnceFunc(func() { close(ready) })
	s.reload = make(chan os.Signal)
	runner := schedule.Runner{
		Sweeper: schedule.Sweeper{
			Store: s.store, History: c.History, Program: program, Log: slog.New(slog.NewTextHandler(log, nil)),
			Now: s.clock.Now, Pause: 10 * time.Millisecond,
		},
		Reload: s.reload, Read: read, Tell: func(state string) {
			if state == "READY=1" {
				began()
			}
		}, Poll: 10 * time.Millisecond,
	}
	var ctx context.Context
	ctx, s.stop = context.WithCancel(context.Background())
	s.ended = make(chan error, 1)
	go func() { s.ended <- runner.Run(ctx, c) }()
	<-ready
}

func (s *scheduler) halt() {
	s.stop()
	if err := <-s.ended; err != nil {
		s.t.Fatal(err)
	}
}

// await waits for the end of the run that was due at a moment.
func (s *scheduler) await(due time.Time) history.Run {
	for range 1200 {
		list, _, err := s.store.Runs(context.Background(), "", history.Page{Limit: 10})
		if err != nil {
			s.t.Fatal(err)
		}
		for _, r := range list {
			if r.Due.Equal(due) && r.Outcome != history.Running {
				time.Sleep(100 * time.Millisecond) // the clock is about to leap: the runner notes the end before
				return r
			}
		}
		time.Sleep(25 * time.Millisecond)
	}
	s.t.Fatalf("the run due at %s does not end", due)
	return history.Run{}
}

// children are the sweeps of this process that write below a folder.
func children(t *testing.T, folder string) (list []int) {
	t.Helper()
	files, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, _ := os.ReadFile(f) // a thread may have ended
		for _, word := range strings.Fields(string(text)) {
			command, _ := os.ReadFile("/proc/" + word + "/cmdline")
			if pid, err := strconv.Atoi(word); err == nil && strings.Contains(string(command), folder) {
				list = append(list, pid)
			}
		}
	}
	return list
}

const simulated = `history: h.db
zone: Europe/Berlin
jobs:
  net:
    targets: [127.93.1.0/28]
    port: %d
    rate: 150
    timeout: 1s
    cooldown: 100ms
    vantage: {name: inside, trust: untrusted}
    at: "02:30"
    jitter: 20m
`

// TestWeeksOfSweeps simulates weeks, over a change of the clock: servers appear,
// change and vanish, sweeps are killed, the scheduler is stopped amid one, or is
// away for days. Each change is told once, and nothing is called fixed that is not.
// LAB_FULL=1 does it for longer.
func TestWeeksOfSweeps(t *testing.T) {
	t.Parallel()
	days := 14
	if os.Getenv("LAB_FULL") != "" {
		days = 60
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	w := &world{t: t, first: netip.MustParseAddr("127.93.1.0")}
	defer w.close()
	w.put(8, memtest.Reflector)

	dir := t.TempDir()
	s := &scheduler{t: t, config: filepath.Join(dir, "run.yaml"), clock: &clockwork{now: time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC)}}
	if err := os.WriteFile(s.config, fmt.Appendf(nil, simulated, w.port), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.store, err = history.Open(context.Background(), filepath.Join(dir, "h.db"), history.Create); err != nil {
		t.Fatal(err)
	}
	defer s.store.Close()
	c, err := schedule.Read(s.config, schedule.Reading{Now: s.clock.Now(), Host: "here"})
	if err != nil {
		t.Fatal(err)
	}
	when := c.Jobs[0].When
	b := &belief{open: map[string]memtest.Posture{}, misses: map[string]int{}}
	after := int64(0)
	counts := map[string]int{}
	s.start()
	for range days {
		var want []string
		due := when.Next(s.clock.Now())
		accident := []string{"none", "none", "none", "kill", "stop", "away"}[r.IntN(6)]
		counts[accident]++
		if accident == "away" {
			s.halt()
			s.clock.set(s.clock.Now().Add(60 * time.Hour)) // two or three were due
			s.start()
			for due = when.Next(s.clock.Now()); ; time.Sleep(10 * time.Millisecond) {
				list, _, err := s.store.Runs(context.Background(), "", history.Page{Limit: 1})
				if err != nil {
					t.Fatal(err)
				}
				if len(list) > 0 && list[0].Outcome == history.Missed && list[0].Due.Before(due) && due.Sub(list[0].Due) < 26*time.Hour {
					break
				}
			}
			want = append(want, "run missed")
		}
		w.stir(r)
		s.clock.set(due.Add(time.Duration(r.IntN(60)) * time.Second))
		switch accident {
		case "kill":
			time.Sleep(time.Duration(r.IntN(900)) * time.Millisecond)
			for _, pid := range children(t, dir) {
				syscall.Kill(pid, syscall.SIGKILL)
			}
		case "stop":
			time.Sleep(time.Duration(r.IntN(900)) * time.Millisecond)
			s.halt()
			s.start()
		}
		run := s.await(due)
		if run.Outcome != history.Complete {
			t.Fatalf("%s: %+v", accident, run)
		}
		want = append(want, b.sweep(w)...)
		slices.Sort(want)
		var got []string
		if got, after = w.events(s.store, after); !cmp.Equal(want, got) && len(want)+len(got) > 0 {
			t.Fatalf("seed %d, %s, due %s (-want +got)\n%s%v", seed, accident, due, cmp.Diff(want, got), w.details[max(0, len(w.details)-5):])
		}
	}
	s.halt()
	t.Logf("%d days: %v, %d events", days, counts, after)
	checkStore(t, s.store)
	open, _, err := s.store.Exposures(context.Background(), history.Filter{}, history.Page{Limit: 500})
	if err != nil || len(open) != len(b.open) {
		t.Errorf("%d exposures are open, %d should be: %v", len(open), len(b.open), err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "h.db.runs", "*", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func checkStore(t *testing.T, store *history.Store) {
	t.Helper()
	problems, err := store.Check(context.Background())
	if err != nil || len(problems) > 0 {
		t.Errorf("the history: %v, %v", problems, err)
	}
	sweeps, _, err := store.Sweeps(context.Background(), "", "", history.Page{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sweeps {
		if s.Status != exposure.Complete {
			t.Errorf("sweep %s is %s", s.Scan, s.Status)
		}
	}
}
