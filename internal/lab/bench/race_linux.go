package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/memsweep/memsweep/internal/lab"
)

// outcome is what one contender needed for one work, once.
type outcome struct {
	work, who string
	asked     int           // addresses
	arrived   uint64        // packets, at the target's interface
	dropped   uint64        // packets that the scanner's interface lost
	rate      float64       // packets a second, from the first hundredth to the last
	cpu       time.Duration // user and system, the whole process
	rss       uint64        // bytes, at most
	found     int
	false     int
	failed    string // why it counts for nothing
}

// perPacket is CPU time over packets that arrived.
func (o outcome) perPacket() time.Duration {
	if o.arrived == 0 {
		return 0
	}
	return o.cpu / time.Duration(o.arrived)
}

// race is every round of everybody.
type race struct {
	options  options
	scratch  string
	say      io.Writer
	outcomes []outcome
}

// run lets everybody do everything, one after the other, and begins each round
// with another one: nobody is always first on a machine that warms up.
func (r *race) run(ctx context.Context, rivals []contender) error {
	for round := range r.options.rounds {
		for _, w := range works(r.options) {
			for i := range rivals {
				c := rivals[(i+round)%len(rivals)]
				if round >= w.rounds || !r.options.only.MatchString(w.name+"/"+c.name) {
					continue
				}
				o, err := r.measure(ctx, w, c, round)
				if err != nil {
					return fmt.Errorf("%s by %s: %w", w.title, c.name, err)
				}
				r.outcomes = append(r.outcomes, o)
				fmt.Fprintf(r.say, "%d/%d %-7s %-20s %9.0f packets/s %8s/packet %4d MiB, found %d of %d, false %d, %d of %d arrived, %d dropped %s\n",
					round+1, r.options.rounds, w.name, c.name, o.rate, o.perPacket(), o.rss>>20, o.found, answering, o.false, o.arrived, o.asked, o.dropped, o.failed)
			}
		}
	}
	return nil
}

// answering is how many hosts there are to find.
const answering = 1000

// patience is how long one contender may take for one work.
const patience = 3 * time.Minute

// measure lets one contender do one work, in a lab of its own.
func (r *race) measure(ctx context.Context, w work, c contender, round int) (outcome, error) {
	targets := w.prefix(c)
	o := outcome{work: w.name, who: c.name, asked: addresses(targets)}
	l, err := lab.Open(lab.Options{Range: w.whole, Rest: *w.sink, Within: targets, Answering: answering, Seed: uint64(round)})
	if err != nil {
		return o, err
	}
	err = r.measureIn(ctx, l, w, c, targets, &o)
	return o, errors.Join(err, l.Close())
}

func (r *race) measureIn(ctx context.Context, l *lab.Lab, w work, c contender, targets netip.Prefix, o *outcome) error {
	out := filepath.Join(r.scratch, "found")
	os.Remove(out)
	os.Remove(out + ".checkpoint") // of one that calls itself incomplete
	program, args, err := c.command(l, w, targets, out)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	stop := l.Watch(5 * time.Millisecond)
	p, err := l.Start(limited, program, args...)
	if err != nil {
		return err
	}
	rss := attend(l, p.PID(), c.nudged)
	result, err := p.Wait()
	o.rss = rss()
	samples, failed := stop()
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	o.cpu = result.CPU
	o.arrived, o.rate = pace(samples)
	if _, err := os.Stat(out); err != nil || o.arrived == 0 || limited.Err() != nil {
		o.failed = fmt.Sprintf("exit %d: %s", result.Code, strings.Join(strings.Fields(result.Stderr), " "))
		if limited.Err() != nil {
			o.failed = fmt.Sprintf("not done after %v", patience)
		}
		return ctx.Err()
	}
	link, err := l.ScannerCounters()
	if err != nil {
		return err
	}
	o.dropped = link.TxDropped
	return o.compare(l, c, out)
}

// compare reads what was found and holds it against what there is.
func (o *outcome) compare(l *lab.Lab, c contender, out string) error {
	text, err := os.ReadFile(out)
	if err != nil {
		return err
	}
	found, err := c.found(text)
	if err != nil {
		return fmt.Errorf("read %s: %w", out, err)
	}
	there := map[netip.Addr]bool{}
	for _, a := range l.Answering() {
		there[a] = true
	}
	slices.SortFunc(found, netip.Addr.Compare)
	for _, a := range slices.Compact(found) {
		if there[a] {
			o.found++
		} else {
			o.false++
		}
	}
	return nil
}

// pace is how many packets arrived in all, and how fast all but the first and
// the last hundredth of them did: starting up and waiting for late answers is
// not part of it.
func pace(samples []lab.Sample) (arrived uint64, rate float64) {
	if len(samples) < 2 {
		return 0, 0
	}
	first, last := samples[0], samples[len(samples)-1]
	arrived = last.Packets - first.Packets
	at := func(share float64) lab.Sample {
		i, _ := slices.BinarySearchFunc(samples, first.Packets+uint64(share*float64(arrived)), func(s lab.Sample, want uint64) int {
			return int(int64(s.Packets) - int64(want))
		})
		return samples[min(i, len(samples)-1)]
	}
	from, to := at(0.01), at(0.99)
	if span := to.At.Sub(from.At).Seconds(); span > 0 {
		rate = float64(to.Packets-from.Packets) / span
	}
	return arrived, rate
}

// attend looks after a process while it runs: it watches its memory, and
// nudges it. What it returns waits for its end.
func attend(l *lab.Lab, pid int, nudge bool) (rss func() uint64) {
	done := make(chan uint64, 1)
	status := "/proc/" + strconv.Itoa(pid) + "/status"
	go func() {
		var most uint64
		for n := 0; ; n++ {
			now, running := peak(status)
			if !running {
				done <- most
				return
			}
			most = max(most, now)
			if nudge && n%10 == 0 {
				l.Nudge() // it may be gone already
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	return func() uint64 { return <-done }
}

// peak reads VmHWM, proc_pid_status(5). What wait4 says would count the memory
// of this program too, which the process was before it became another one.
func peak(status string) (bytes uint64, running bool) {
	text, err := os.ReadFile(status)
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			return kib << 10, err == nil
		}
	}
	return 0, false // a zombie has no memory
}
