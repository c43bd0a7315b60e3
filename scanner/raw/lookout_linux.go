package raw

import (
	"sync"
	"sync/atomic"
	"time"
)

// How often the routes are read again, which may be long, and gateways asked
// for their Ethernet address, which costs a packet each.
const (
	refreshEvery = 30 * time.Second
	hailEvery    = 2 * time.Second
)

// lookout watches the ways to the targets, beside those who send.
type lookout struct {
	routes      atomic.Uint64 // how often they have changed
	unconfirmed atomic.Int64  // frames to gateways since these were last heard of
	astray      atomic.Uint64 // such frames to gateways that were not there any more

	mu        sync.Mutex // held by the one who looks
	refreshed time.Time
	hailed    time.Time
}

func (l *lookout) begin(now time.Time) { l.refreshed, l.hailed = now, now }

// keep looks until stop is set, and once more then.
func (l *lookout) keep(router *Router, stop *atomic.Bool) {
	const step = 50 * time.Millisecond
	for !stop.Load() {
		l.look(router, time.Now())
		time.Sleep(step)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.unconfirmed.Load() > 0 {
		l.hail(router)
	}
}

// look does what it is time for. Somebody who looks already is enough.
func (l *lookout) look(router *Router, now time.Time) {
	if !l.mu.TryLock() {
		return
	}
	defer l.mu.Unlock()
	if now.Sub(l.hailed) >= hailEvery {
		l.hail(router)
		l.hailed = time.Now()
	}
	if now.Sub(l.refreshed) >= refreshEvery {
		l.refresh(router)
	}
}

// refresh reads the routes. Those that cannot be read stay as they are.
func (l *lookout) refresh(router *Router) {
	if changed, err := router.Refresh(); err == nil && changed {
		l.routes.Add(1)
	}
	l.refreshed = time.Now()
}

// hail asks the gateways whether they are still there. What was sent since they
// last said so may be lost if they are not.
func (l *lookout) hail(router *Router) {
	sent := l.unconfirmed.Load()
	if router.Moved() {
		l.refresh(router)
		sent = l.unconfirmed.Load()
		l.astray.Add(uint64(sent))
	}
	l.unconfirmed.Add(-sent)
}
