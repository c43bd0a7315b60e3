package raw

import "sync/atomic"

// refusals are frames of which Send has said that they did not leave. Some
// drivers count them as lost, too, and then they must not count twice: the
// caller sends them again.
type refusals struct {
	counters *counters
	counted  atomic.Uint64 // by the interface, when last looked
	told     atomic.Uint64 // of these, what Send has told
}

// refused notes frames that the interface did not take just now.
func (r *refusals) refused(frames int) {
	if frames == 0 {
		return
	}
	now, _ := r.counters.lost()
	if before := r.counted.Swap(max(now, r.counted.Load())); now > before {
		r.told.Add(min(now-before, uint64(frames)))
	}
}

// Drops implements Sender.
func (r *refusals) Drops() (Drops, error) {
	lost, err := r.counters.lost()
	if lost > r.counted.Load() {
		r.counted.Store(lost)
	}
	return Drops{Counted: lost, Told: r.told.Load()}, err
}
