package web

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/memsweep/memsweep/history"
)

// The streams of events: one question a second for all of them together.
const (
	pollEvery     = time.Second
	heartbeat     = 15 * time.Second
	maxStreams    = 64
	streamBacklog = 8 // messages; who is further behind is cut off, and comes back
	writeWithin   = 10 * time.Second
)

// message is one event of a stream (HTML, 9.2.6).
type message struct {
	Event string
	ID    string // "": it has none
	Data  []byte // JSON, one line
}

// feed asks the history what happens while somebody listens.
type feed struct {
	store *history.Store
	note  func(string, ...any)
	warm  func(context.Context) // before listeners are told that there is something new: they come and look

	joining sync.Mutex // one at a time, so that last is never newer than what a listener was told
	mu      sync.Mutex
	streams map[chan message]struct{}
	stop    context.CancelFunc // ends the asking; nil: nobody asks
	last    history.Pulse      // as listeners know it
	told    bool               // last is set
	closed  bool
}

func newFeed(store *history.Store, note func(string, ...any), warm func(context.Context)) *feed {
	return &feed{store: store, note: note, warm: warm, streams: map[chan message]struct{}{}}
}

// join adds a listener, and says what is so now. ok is false when there are too
// many.
func (f *feed) join(ctx context.Context) (messages chan message, now history.Pulse, ok bool, err error) {
	f.joining.Lock()
	defer f.joining.Unlock()
	f.mu.Lock()
	if f.closed || len(f.streams) >= maxStreams {
		f.mu.Unlock()
		return nil, now, false, nil
	}
	messages = make(chan message, streamBacklog)
	f.streams[messages] = struct{}{}
	if f.stop == nil {
		asking, stop := context.WithCancel(context.Background())
		f.stop, f.told = stop, false
		go f.ask(asking)
	}
	f.mu.Unlock()
	if now, err = f.store.Pulse(ctx); err != nil {
		f.leave(messages)
		return nil, now, true, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.told {
		f.last, f.told = now, true
	}
	return messages, now, true, nil
}

// leave takes a listener off. With the last one the asking ends.
func (f *feed) leave(messages chan message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, there := f.streams[messages]; there {
		delete(f.streams, messages)
		close(messages)
	}
	if len(f.streams) == 0 && f.stop != nil {
		f.stop()
		f.stop = nil
	}
}

// close ends all streams.
func (f *feed) close() {
	f.mu.Lock()
	f.closed = true
	streams := slices.Collect(maps.Keys(f.streams))
	f.mu.Unlock()
	for _, messages := range streams {
		f.leave(messages)
	}
}

// ask looks each second for what is new.
func (f *feed) ask(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, err := f.store.Pulse(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing {
			f.note("events: %v", err)
		}
		if failing = err != nil; failing {
			continue
		}
		if f.news(now) {
			f.warm(ctx)
		}
		f.tell(now)
	}
}

// news says whether something was imported, or became known, since the last time.
func (f *feed) news(now history.Pulse) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.told && f.last.ID() != now.ID()
}

// tell sends what is new since the last time.
func (f *feed) tell(now history.Pulse) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.told {
		return // nobody was told what it could differ from
	}
	was := f.last
	f.last = now
	var list []message
	if !sameRuns(was.Running, now.Running) {
		list = append(list, progressMessage(now))
	}
	if was.ID() != now.ID() {
		list = append(list, importedMessage(now))
	}
	for messages := range f.streams {
		for _, m := range list {
			select {
			case messages <- m:
				continue
			default: // it does not keep up
			}
			delete(f.streams, messages)
			close(messages)
			break
		}
	}
}

func sameRuns(a, b []history.Run) bool {
	return slices.EqualFunc(a, b, func(a, b history.Run) bool {
		return a.ID == b.ID && a.Scan == b.Scan && (a.Progress == nil) == (b.Progress == nil) && (a.Progress == nil || *a.Progress == *b.Progress)
	})
}

// running is the data of a progress message.
type running struct {
	Running []history.Run `json:"running"`
}

func progressMessage(p history.Pulse) message {
	return message{Event: "progress", Data: oneLineJSON(running{nonNil(p.Running)})}
}

// imported is the data of an imported message.
type imported struct {
	Scan    string `json:"scan"`    // the newest sweep; "": there is none
	Changes int64  `json:"changes"` // ID of the newest event
}

func importedMessage(p history.Pulse) message {
	return message{Event: "imported", ID: p.ID(), Data: oneLineJSON(imported{p.Scan, p.Event})}
}

func oneLineJSON(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // it is plain data
	}
	return body
}

// events answers with a stream of what happens (text/event-stream). Who comes
// back says with Last-Event-ID what they know, and is told when that is not the
// newest any more.
func (s *Site) events(w http.ResponseWriter, r *http.Request) {
	if err := known(r); err != nil {
		s.fail(w, r, err)
		return
	}
	messages, now, ok, err := s.feed.join(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if !ok {
		w.Header().Set("Retry-After", "30")
		s.fail(w, r, refused(http.StatusServiceUnavailable, "too many listen already: try again later"))
		return
	}
	defer s.feed.leave(messages)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	out := stream{w: w, control: http.NewResponseController(w)}
	first := []message{progressMessage(now)}
	if known := r.Header.Get("Last-Event-ID"); known != "" && known != now.ID() {
		first = append(first, importedMessage(now))
	}
	if out.text("retry: 3000\nid: "+now.ID()+"\n\n") != nil || r.Method == http.MethodHead {
		return
	}
	for _, m := range first {
		if out.send(m) != nil {
			return
		}
	}
	s.pass(r, messages, out)
}

// pass hands on messages until either side ends it, or the client may not listen
// any more.
func (s *Site) pass(r *http.Request, messages chan message, out stream) {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case m, more := <-messages:
			if !more || out.send(m) != nil {
				return
			}
		case <-beat.C:
			if !s.stays(r) || out.text(": still here\n\n") != nil {
				return
			}
		}
	}
}

// stream writes messages, each within its time.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func (s stream) send(m message) error {
	text := "event: " + m.Event + "\n"
	if m.ID != "" {
		text += "id: " + m.ID + "\n"
	}
	return s.text(fmt.Sprintf("%sdata: %s\n\n", text, m.Data))
}

func (s stream) text(text string) error {
	s.control.SetWriteDeadline(time.Now().Add(writeWithin)) // where it cannot be set, the server's holds
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}
