package raw

import (
	"errors"
	"syscall"
	"time"
)

// watchEvery is how often the interfaces are looked at while sending.
const watchEvery = 20 * time.Millisecond

// watch slows the sweep down when interfaces drop what they are given. An error
// says that one of them is down: what was taken by then may never leave.
func (e *Engine) watch(now time.Time) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if now.Sub(e.looked) < watchEvery {
		return e.down
	}
	lost, down := e.dropped()
	e.gate.Ease(lost > e.lost)
	e.looked, e.lost, e.down = now, lost, down
	return down
}

// dropped is how many frames the interfaces have dropped so far. Those that
// several senders share are counted once.
func (e *Engine) dropped() (sum uint64, down error) {
	byInterface := map[int]Drops{}
	for _, t := range e.tracks {
		for _, w := range t.ways {
			d, err := w.sender.Drops()
			if errors.Is(err, syscall.ENETDOWN) {
				down = err
			} else if err != nil {
				continue
			}
			byInterface[w.path.Index] = byInterface[w.path.Index].beside(d)
		}
	}
	for _, d := range byInterface {
		sum += d.Lost()
	}
	return sum, down
}
