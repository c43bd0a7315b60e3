package schedule

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/memsweep/memsweep/history"
)

// stdoutName is where a sweep's stdout goes: the findings, where its report could
// not be written.
const stdoutName = "stdout.jsonl"

// Patience is how long a sweep that was told to stop may take for its checkpoint.
// Who ends a whole schedule has to give it longer.
const Patience = 2 * time.Minute

const (
	maxLine    = 64 << 10 // bytes of a line on stderr; the rest is dropped
	keptLines  = 5        // of what it said last
	keptLength = 300      // bytes of each
)

// child is one process of one sweep.
type child struct {
	program string
	args    []string
	folder  string
	lock    *os.File // inherited, so that it is held while either lives; nil: none
	log     *slog.Logger
	// progress is told what the sweep says of itself, about once a second.
	progress func(scan string, p history.Progress)
}

// ending is how it ended.
type ending struct {
	code int      // its exit code; -1: a signal ended it
	said []string // on stderr, the last lines
}

// run starts it and waits for its end. When ctx ends it is told to stop, and has
// some time to write its checkpoint.
//
// Its thread is held: to Linux the parent of a process is the thread that started
// it, and the child is told when that ends.
func (c *child) run(ctx context.Context) (ending, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	stdout, err := os.OpenFile(filepath.Join(c.folder, stdoutName), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return ending{}, err
	}
	defer stdout.Close() // the child has its own
	read, write, err := os.Pipe()
	if err != nil {
		return ending{}, err
	}
	defer read.Close()
	cmd := exec.Command(c.program, c.args...)
	cmd.Args[0] = "memsweep"
	cmd.Stdout, cmd.Stderr = stdout, write
	inherit(cmd, c.lock)
	cmd.SysProcAttr = ownProcess()
	err = cmd.Start()
	write.Close()
	if err != nil {
		return ending{}, fmt.Errorf("start %s: %w", c.program, err)
	}
	ended := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		stopWith(ctx, cmd.Process, read, ended)
	}()
	said := c.listen(read)
	err = cmd.Wait()
	close(ended)
	<-stopped
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return ending{said: said}, err
	}
	return ending{code: cmd.ProcessState.ExitCode(), said: said}, nil
}

// stopWith tells a process to stop when ctx ends, and ends it when it does not.
func stopWith(ctx context.Context, p *os.Process, progress io.Closer, ended <-chan struct{}) {
	select {
	case <-ended:
		return
	case <-ctx.Done():
	}
	if err := softly(p); err != nil {
		progress.Close() // it stops when nobody listens
	}
	select {
	case <-ended:
	case <-time.After(Patience):
		p.Kill()
	}
}

// listen reads what the sweep says until it ends.
func (c *child) listen(r io.Reader) (said []string) {
	lines := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			line = bytes.Clone(line)
		}
		for errors.Is(err, bufio.ErrBufferFull) { // the rest of it is dropped
			_, err = lines.ReadSlice('\n')
		}
		if line = bytes.TrimSpace(line); len(line) > 0 && !c.heard(line) {
			text := strings.TrimPrefix(strings.ToValidUTF8(string(line), "\uFFFD"), "memsweep: ")
			if len(text) > keptLength {
				text = text[:keptLength] + "…"
			}
			c.log.Info("sweep says", "text", text)
			if said = append(said, text); len(said) > keptLines {
				said = said[1:]
			}
		}
		if err != nil {
			return said
		}
	}
}

// heard takes a line of progress.
func (c *child) heard(line []byte) bool {
	if line[0] != '{' {
		return false
	}
	var l struct {
		Type     string    `json:"type"`
		Sweep    string    `json:"sweep"`
		At       time.Time `json:"at"`
		Done     float64   `json:"done"`
		Pass     int       `json:"pass"`
		Tries    int       `json:"tries"`
		Answered uint64    `json:"answered"`
		Rate     float64   `json:"rate"`
		Left     *float64  `json:"left"`
	}
	if err := json.Unmarshal(line, &l); err != nil || l.Type != "progress" {
		return false
	}
	p := history.Progress{At: l.At, Done: l.Done, Pass: l.Pass, Tries: l.Tries, Answered: l.Answered, Rate: l.Rate}
	if l.Left != nil {
		p.Left = *l.Left
	}
	c.progress(l.Sweep, p)
	return true
}
