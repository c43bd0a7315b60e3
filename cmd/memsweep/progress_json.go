package main

import (
	"encoding/json"
	"io"
	"time"

	"github.com/memsweep/memsweep/scanner"
)

// progressLine is a line of --progress json, a contract with programs:
// docs/progress.schema.json.
type progressLine struct {
	Type     string    `json:"type"` // "progress": other lines on stderr are for people
	Sweep    string    `json:"sweep"`
	At       time.Time `json:"at"`
	Planned  uint64    `json:"planned"` // endpoints
	Done     float64   `json:"done"`    // share of the questions, 0 to 1
	Pass     int       `json:"pass"`
	Tries    int       `json:"tries"`
	Answered uint64    `json:"answered"` // endpoints
	Pending  int       `json:"pending"`  // endpoints that answered and wait for their conversation
	Packets  uint64    `json:"packets"`
	Rate     float64   `json:"rate"`          // packets a second so far
	Left     *float64  `json:"left"`          // seconds; null: it cannot be told
	End      bool      `json:"end,omitempty"` // the last line
}

const jsonEvery = time.Second

// showJSON writes a line a second, the first at once and the last at the end.
// When nobody reads them any more, whoever started the sweep is gone: it is
// interrupted, as by SIGTERM.
func (p *progress) showJSON(orphaned func()) {
	tick := time.NewTicker(jsonEvery)
	defer tick.Stop()
	for {
		if err := writeProgress(p.w, p.sweep, false); err != nil {
			orphaned()
			return
		}
		select {
		case <-p.end:
			writeProgress(p.w, p.sweep, true) // whoever reads may be gone by now
			return
		case <-tick.C:
		}
	}
}

func writeProgress(w io.Writer, sweep *scanner.Sweep, end bool) error {
	now := sweep.Progress()
	line := progressLine{
		Type: "progress", Sweep: sweep.ID, At: time.Now().UTC(), Planned: now.Planned, Done: now.Done, Pass: now.Pass, Tries: now.Tries,
		Answered: now.Answered, Pending: now.Pending, Packets: now.Packets, Rate: now.Rate, End: end,
	}
	if now.Left > 0 {
		left := now.Left.Seconds()
		line.Left = &left
	}
	return json.NewEncoder(w).Encode(line)
}
