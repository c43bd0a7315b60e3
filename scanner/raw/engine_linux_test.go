package raw

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/memsweep/memsweep/probes"
	"github.com/memsweep/memsweep/scanner"
)

// Who sends without pause must not keep a sweep from ending.
func TestReceiveEnds(t *testing.T) {
	n, b := pair(t)
	ring := n.ring("ma", "va", ourPorts)
	probe, _ := probes.ByName("memcached-udp")
	track := &track{verifier: newVerifier(probe, []uint16{ourPort}, scanner.NewCookies(1))}
	frame := udpFrame(t, ourPort, 1000)
	var stop, flooded atomic.Bool
	go func() {
		for !flooded.Load() {
			b.write(t, frame)
		}
	}()
	defer flooded.Store(true)
	var junk atomic.Int64
	job := scanner.Job{Probe: probe, Abort: context.Background(), Report: func(e scanner.Event) {
		if e.Kind == scanner.Unverified {
			junk.Add(1)
		}
	}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		track.receive("va", ring, job, &stop)
	}()
	time.Sleep(200 * time.Millisecond)
	if junk.Load() == 0 {
		t.Fatal("nothing came")
	}
	stop.Store(true)
	select {
	case <-done:
	case <-time.After(2 * time.Second):
		t.Error("it still receives")
	}
}
