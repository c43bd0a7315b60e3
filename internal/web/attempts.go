package web

import (
	"net/netip"
	"sync"
	"time"
)

// How many wrong tokens are answered and noted as such: a few at once, then
// slowly. Of one address (of IPv6, of one network of 64 bits), and of all together.
const (
	attemptsAtOnce    = 5
	attemptEvery      = 12 * time.Second
	allAttemptsAtOnce = 50
	allAttemptsEvery  = time.Second
	maxRemembered     = 4096 // addresses
)

// attempts counts failures.
type attempts struct {
	now  func() time.Time
	mu   *sync.Mutex
	all  *bucket
	from map[netip.Addr]*bucket
}

// bucket holds attempts; each one takes one, and time gives them back.
type bucket struct {
	left float64
	at   time.Time
}

func newAttempts(now func() time.Time) attempts {
	return attempts{now: now, mu: &sync.Mutex{}, all: &bucket{left: allAttemptsAtOnce, at: now()}, from: map[netip.Addr]*bucket{}}
}

// refill gives back what time has.
func (b *bucket) refill(now time.Time, most int, every time.Duration) {
	b.left = min(float64(most), b.left+float64(now.Sub(b.at))/float64(every))
	b.at = now
}

// take takes an attempt for a wrong token; false: there is none left.
func (a attempts) take(remote string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	b := a.of(remote, now)
	b.refill(now, attemptsAtOnce, attemptEvery)
	a.all.refill(now, allAttemptsAtOnce, allAttemptsEvery)
	if b.left < 1 || a.all.left < 1 {
		return false
	}
	b.left--
	a.all.left--
	return true
}

// of is the bucket of an address. When there are too many, the one that was not
// used longest makes room; the count of all still holds it back.
func (a attempts) of(remote string, now time.Time) *bucket {
	key := network(remote)
	if b := a.from[key]; b != nil {
		return b
	}
	if len(a.from) >= maxRemembered {
		var oldest netip.Addr
		var since time.Time
		for k, b := range a.from {
			if since.IsZero() || b.at.Before(since) {
				oldest, since = k, b.at
			}
		}
		delete(a.from, oldest)
	}
	b := &bucket{left: attemptsAtOnce, at: now}
	a.from[key] = b
	return b
}

// network is whom an address is counted as.
func network(remote string) netip.Addr {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	ip := at.Addr().Unmap().WithZone("")
	if ip.Is6() {
		p, _ := ip.Prefix(64) // 64 fits
		return p.Addr()
	}
	return ip
}
