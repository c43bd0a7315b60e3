package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/memsweep/memsweep/scanner"
)

// progress shows on stderr how far a sweep has come: a bar on a terminal, a
// line every half minute elsewhere.
type progress struct {
	w     io.Writer
	sweep *scanner.Sweep
	begin time.Time
	width int // of the terminal; 0: none
	end   chan struct{}
	done  sync.WaitGroup
}

const (
	barEvery  = 200 * time.Millisecond
	lineEvery = 30 * time.Second
)

// watchProgress shows it in one of the forms of --progress. orphaned is called
// when it was asked for by a program that is gone.
func watchProgress(w io.Writer, sweep *scanner.Sweep, form string, orphaned func()) *progress {
	p := &progress{w: w, sweep: sweep, begin: time.Now(), width: terminalWidth(w), end: make(chan struct{})}
	switch form {
	case progressJSON:
		p.done.Go(func() { p.showJSON(orphaned) })
	case progressText:
		p.done.Go(p.show)
	}
	return p
}

// The forms of --progress.
const (
	progressAuto = "auto" // text, unless -q
	progressText = "text"
	progressJSON = "json"
	progressNone = "none"
)

// progressForm is the form that the flags ask for.
func progressForm(c *cli.Context) (string, error) {
	switch form := c.String("progress"); form {
	case progressAuto:
		if c.Bool("quiet") {
			return progressNone, nil
		}
		return progressText, nil
	case progressText, progressJSON, progressNone:
		return form, nil
	default:
		return "", fmt.Errorf("--progress %q: write text, json or none", form)
	}
}

// stop ends the display and clears the bar.
func (p *progress) stop() {
	close(p.end)
	p.done.Wait()
}

func (p *progress) show() {
	every := lineEvery
	if p.width > 0 {
		every = barEvery
		defer fmt.Fprint(p.w, "\r\x1b[K")
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-p.end:
			return
		case <-tick.C:
		}
		now := p.sweep.Progress()
		if p.width > 0 {
			fmt.Fprintf(p.w, "\r%s\x1b[K", fit(bar(now, 24)+"  "+describe(now), p.width-1))
		} else {
			say(p.w, "%s after %s", describe(now), rough(time.Since(p.begin)))
		}
	}
}

func bar(p scanner.Progress, width int) string {
	full := int(p.Done * float64(width))
	return "[" + strings.Repeat("=", full) + strings.Repeat(" ", width-full) + "]"
}

func describe(p scanner.Progress) string {
	text := fmt.Sprintf("%.0f%%, pass %d of %d, %d answered, %.0f packets/s", 100*p.Done, p.Pass, p.Tries, p.Answered, p.Rate)
	switch {
	case p.Done == 1 && p.Pending > 0:
		text = fmt.Sprintf("everything was asked; %d answered, %d of them are still to be interrogated", p.Answered, p.Pending)
	case p.Left > 0:
		text += ", " + rough(p.Left) + " left"
	}
	return text
}

// rough rounds a duration to what a person wants to know.
func rough(d time.Duration) string {
	if d < time.Minute {
		return d.Round(time.Second).String()
	}
	text := d.Round(time.Minute).String()
	return strings.TrimSuffix(text, "0s")
}

func fit(text string, width int) string {
	if len(text) > width {
		return text[:max(0, width)]
	}
	return text
}
