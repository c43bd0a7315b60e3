package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// interrupts returns a context that ends with the first SIGINT or SIGTERM, and
// one that ends with the second. caught tells which signal came first.
func interrupts(parent context.Context) (soft, hard context.Context, caught func() os.Signal, release func()) {
	hard, cancelHard := context.WithCancel(parent)
	soft, cancelSoft := context.WithCancelCause(hard)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case s := <-signals:
				if n > 0 {
					cancelHard()
				}
				cancelSoft(caughtSignal{s})
			case <-done:
				return
			}
		}
	}()
	caught = func() os.Signal {
		var s caughtSignal
		errors.As(context.Cause(soft), &s)
		return s.Signal
	}
	release = func() {
		signal.Stop(signals)
		close(done)
		cancelHard()
	}
	return soft, hard, caught, release
}

type caughtSignal struct{ os.Signal }

func (s caughtSignal) Error() string { return "caught " + s.String() }
