package raw

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"

	"github.com/memsweep/memsweep/scanner"
)

// way is one template, the sender that sends it, and what waits to be sent.
type way struct {
	path     Path
	template *Template
	sender   Sender
	frames   []Frame
	asked    []scanner.Question // of frames
	done     int                // of frames, since they were last cleared
	charge   func(packets int)  // tells the gate what leaves without having passed it
}

// waiting is what was added and not flushed.
func (w *way) waiting() ([]Frame, []scanner.Question) { return w.frames[w.done:], w.asked[w.done:] }

func (w *way) clear() { w.frames, w.asked, w.done = w.frames[:0], w.asked[:0], 0 }

// wayKey tells ways apart. The next hop is part of each frame: when a gateway
// gets another Ethernet address, nothing has to be opened, which could not be
// done any more.
type wayKey struct {
	index  int
	source netip.Addr
}

func keyOfPath(p Path) wayKey { return wayKey{index: p.Index, source: p.Source} }

// sendTries is how often a full queue is tried, for a third of a second in all.
const sendTries = 6

// flush sends n of what waits. A full queue is waited for; an interface that is
// down ends the pass, since nothing else can be sent either.
func (w *way) flush(n int, report func(scanner.Event)) error {
	frames, asked := w.waiting()
	frames, asked = frames[:n], asked[:n]
	w.done += n
	for tries := 0; len(frames) > 0; {
		n, err := w.sender.Send(frames)
		frames, asked = frames[n:], asked[n:]
		if n > 0 {
			tries = 0
		}
		if err == nil {
			continue
		}
		if errors.Is(err, syscall.ENETDOWN) || errors.Is(err, syscall.ENXIO) || errors.Is(err, syscall.ENODEV) {
			for _, q := range asked {
				report(scanner.Event{Kind: scanner.Failed, Addr: q.Addr, Question: q, Err: syscall.ENETDOWN})
			}
			return fmt.Errorf("interface %s: %w", w.path.Interface, err)
		}
		if full := (overflow{}); errors.As(err, &full) {
			w.charge(full.sent)
		}
		if tries++; tries < sendTries {
			report(scanner.Event{Kind: scanner.Retried, Addr: asked[0].Addr, Question: asked[0], Err: err})
			time.Sleep(time.Millisecond << (2 * (tries - 1)))
			continue
		}
		report(scanner.Event{Kind: scanner.Failed, Addr: asked[0].Addr, Question: asked[0], Err: err})
		// The next one is tried once: waiting for each would take forever.
		frames, asked, tries = frames[1:], asked[1:], sendTries-1
	}
	return nil
}
