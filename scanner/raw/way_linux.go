package raw

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"

	"github.com/memsweep/memsweep/scanner"
)

// way is one template and the sender that sends it.
type way struct {
	path     Path
	template *Template
	sender   Sender
	frames   []Frame
	asked    []scanner.Question
}

// wayKey tells ways apart.
type wayKey struct {
	index  int
	source netip.Addr
	next   [6]byte
}

func keyOfPath(p Path) wayKey {
	k := wayKey{index: p.Index, source: p.Source}
	copy(k.next[:], p.NextMAC)
	return k
}

// sendTries is how often a full queue is tried again.
const sendTries = 5

// flush sends what waits. A full queue is waited for; an interface that is down
// ends the pass, since nothing else can be sent either.
func (w *way) flush(report func(scanner.Event)) error {
	frames, asked := w.frames, w.asked
	w.frames, w.asked = w.frames[:0], w.asked[:0]
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
		if tries++; tries < sendTries {
			report(scanner.Event{Kind: scanner.Retried, Addr: asked[0].Addr, Question: asked[0], Err: err})
			time.Sleep(time.Millisecond << (2 * tries))
			continue
		}
		report(scanner.Event{Kind: scanner.Failed, Addr: asked[0].Addr, Question: asked[0], Err: err})
		frames, asked, tries = frames[1:], asked[1:], 0
	}
	return nil
}
