package lab_test

import (
	"fmt"
	"math"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/memsweep/memsweep/internal/lab"
)

// rates are packets a second that an engine has to keep.
func rates(e engine) []int {
	if e.name == "socket" {
		return []int{100, 1_000, 20_000}
	}
	if full() {
		return []int{100, 1_000, 10_000, 100_000, 200_000, 500_000}
	}
	return []int{100, 20_000, 500_000}
}

// TestRate compares the rate that was asked for with what arrived at the
// target while there was something to ask.
func TestRate(t *testing.T) {
	alone(t)
	oneByOne(t, func(t *testing.T, e engine) {
		for _, rate := range rates(e) {
			t.Run(fmt.Sprint(rate), func(t *testing.T) {
				l := lab.New(t, lab.Options{Answering: -1})
				window := 2 * time.Second
				p, wait := process(t, l, e, lab.Range4, "--count", "4194304", "--probe", "udp", "--tries", "1",
					"--rate", fmt.Sprint(rate), "--cooldown", "0s")
				got := measure(t, l, window)
				p.Signal(syscall.SIGINT)
				s := wait()
				if off := math.Abs(got/float64(rate) - 1); off > 0.02 {
					t.Errorf("%.1f packets/s arrived, %d were asked for: %.1f%% off; %v", got, rate, 100*off, s.summary.Problems)
				}
				if s.Code != 130 {
					t.Errorf("exit %d after SIGINT, want 130: %s", s.Code, s.Stderr)
				}
				t.Logf("%.1f packets/s", got)
			})
		}
	})
}

// alone skips a test that measures time where others may run beside it.
func alone(t *testing.T) {
	t.Helper()
	if os.Getenv("LAB") == "" && !full() {
		t.Skip("it measures time: run scripts/lab-test, which runs nothing beside it")
	}
}

// measure waits until packets flow, lets them settle, and counts for a time.
func measure(t *testing.T, l *lab.Lab, window time.Duration) (rate float64) {
	t.Helper()
	flowing := func() bool {
		c, err := l.Counters()
		if err != nil {
			t.Fatal(err)
		}
		return c.RxPackets > 20
	}
	for deadline := time.Now().Add(10 * time.Second); !flowing(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no packet arrived within 10 s")
		}
	}
	time.Sleep(100 * time.Millisecond)
	stop := l.Watch(window)
	time.Sleep(window + 100*time.Millisecond)
	samples, err := stop()
	if err != nil || len(samples) < 2 {
		t.Fatalf("read counters: %d samples: %v", len(samples), err)
	}
	a, b := samples[0], samples[len(samples)-1]
	return float64(b.Packets-a.Packets) / b.At.Sub(a.At).Seconds()
}

// TestNoBurst stops a sweep for longer than a second. What it did not send in
// that time, it must not send at once.
func TestNoBurst(t *testing.T) {
	alone(t)
	const rate = 2000
	oneByOne(t, func(t *testing.T, e engine) {
		l := lab.New(t, lab.Options{Answering: -1})
		p, wait := process(t, l, e, "10.65.0.0/18", "--probe", "udp", "--tries", "1", "--rate", fmt.Sprint(rate), "--cooldown", "0s")
		measure(t, l, 300*time.Millisecond)
		stop := l.Watch(2 * time.Millisecond)
		p.Signal(syscall.SIGSTOP)
		time.Sleep(1500 * time.Millisecond)
		p.Signal(syscall.SIGCONT)
		time.Sleep(700 * time.Millisecond)
		samples, err := stop()
		if err != nil {
			t.Fatal(err)
		}
		p.Signal(syscall.SIGINT)
		wait()
		// A tenth of a second's worth, the limiter's burst of a hundredth,
		// and as much again for what a busy machine does to both clocks.
		const most = rate/10 + 2*rate/100
		worst := busiest(samples, 100*time.Millisecond)
		if worst > most {
			t.Errorf("%d packets within 100 ms, want at most %d at %d/s", worst, most, rate)
		}
		if last := samples[len(samples)-1].Packets - samples[0].Packets; last < rate/2 {
			t.Errorf("%d packets in all: it did not go on", last)
		}
		t.Logf("at most %d packets within 100 ms", worst)
	})
}

// busiest is the most packets that arrived within any window of a length.
func busiest(samples []lab.Sample, window time.Duration) (most uint64) {
	from := 0
	for to := range samples {
		for samples[to].At.Sub(samples[from].At) > window {
			from++
		}
		most = max(most, samples[to].Packets-samples[from].Packets)
	}
	return most
}
