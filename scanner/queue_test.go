package scanner

import (
	"testing"
	"time"
)

// TestQueueRousesForThoseWhoComeMeanwhile: a candidate that comes after talkers
// were woken, and before those have had their turn, is gathered like the first.
// They may be held up for long by the hosts that they were woken for.
func TestQueueRousesForThoseWhoComeMeanwhile(t *testing.T) {
	s, err := New(testPlan(11211, "127.0.0.0/29"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	queue := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.queue(candidate{})
	}
	woken := make(chan struct{}, 2)
	for range 2 { // talkers that never get to what waits
		go func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.wake.Wait()
			woken <- struct{}{}
		}()
	}
	defer s.closeQueue()
	time.Sleep(gathering)
	for n := range 2 {
		queue()
		select {
		case <-woken:
		case <-time.After(5 * gathering):
			t.Fatalf("nobody was woken for candidate %d", n+1)
		}
	}
}
