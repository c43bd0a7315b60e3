package lab

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Counters are what an interface has counted since it exists.
type Counters struct {
	RxPackets, RxBytes, RxDropped uint64
	TxPackets, TxBytes, TxDropped uint64
}

// count opens the counters of both ends. The file shows the namespace that it
// was opened in, from whichever thread it is read.
func (l *Lab) count() error {
	for link, n := range map[string]namespace{scannerLink: l.scanner, targetLink: l.target} {
		err := n.inside(func() (err error) {
			l.counters[link], err = os.Open("/proc/thread-self/net/dev")
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Counters reads the target's interface: what arrived there, whether or not
// it was dropped afterwards.
func (l *Lab) Counters() (Counters, error) { return l.read(targetLink) }

// ScannerCounters reads the scanner's interface: TxDropped is what was sent
// and never arrived.
func (l *Lab) ScannerCounters() (Counters, error) { return l.read(scannerLink) }

func (l *Lab) read(link string) (c Counters, err error) {
	var buf [4096]byte
	n, err := l.counters[link].ReadAt(buf[:], 0)
	if err != nil && err != io.EOF {
		return c, fmt.Errorf("read counters of %s: %w", link, err)
	}
	for line := range strings.Lines(string(buf[:n])) {
		name, numbers, found := strings.Cut(strings.TrimSpace(line), ":")
		if !found || name != link {
			continue
		}
		var errs, fifo, frame, compressed, multicast uint64 // not wanted
		_, err = fmt.Sscan(numbers, &c.RxBytes, &c.RxPackets, &errs, &c.RxDropped, &fifo, &frame, &compressed, &multicast,
			&c.TxBytes, &c.TxPackets, &errs, &c.TxDropped)
		return c, err
	}
	return c, fmt.Errorf("read counters of %s: no such interface", link)
}

// Sample is what had arrived at the target at some moment.
type Sample struct {
	At      time.Time
	Packets uint64
}

// Watch reads the target's counter at every interval until stop is called,
// which returns what was read.
func (l *Lab) Watch(every time.Duration) (stop func() ([]Sample, error)) {
	end, done := make(chan struct{}), make(chan struct{})
	var samples []Sample
	var failed error
	go func() {
		defer close(done)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			c, err := l.Counters()
			if err != nil {
				failed = err
				return
			}
			samples = append(samples, Sample{time.Now(), c.RxPackets})
			select {
			case <-end:
				return
			case <-ticker.C:
			}
		}
	}()
	return func() ([]Sample, error) {
		close(end)
		<-done
		return samples, failed
	}
}
