package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/memsweep/memsweep/exposure"
)

// cutOff is what a stream without its summary has for one.
func cutOff() Summary {
	return Summary{
		Status:   exposure.Incomplete,
		Problems: []string{"the stored stream ends without a summary: the sweep, or the writing of it, was cut off"},
	}
}

// stream reads the lines of a stored stream.
type stream struct {
	name   string
	lines  *bufio.Reader
	limit  int // bytes a line
	number int // of the line read last
	stored *Stored
	ended  bool // the summary was read
}

func readStream(first []byte, lines *bufio.Reader, name string, limit int) (*Stored, error) {
	var h headerLine
	if err := json.Unmarshal(first, &h); err != nil {
		return nil, &StoredError{name, "line 1", err}
	}
	if h.Type != lineHeader {
		return nil, &StoredError{name, "line 1", fmt.Errorf("a stream starts with its header, not with a %q", exposure.Escape(h.Type))}
	}
	if err := readable(h.SchemaVersion); err != nil {
		return nil, &StoredError{name, "line 1", err}
	}
	if h.Sweep.ID == "" {
		return nil, &StoredError{name, "line 1", errors.New("sweep is missing")}
	}
	summary := cutOff()
	s := &stream{name: name, lines: lines, limit: limit, number: 1, stored: &Stored{Header: h.Sweep.header(h.Tool), audit: newAudit(), summary: &summary}}
	s.stored.findings = s.findings
	return s.stored, nil
}

func (s *stream) findings(yield func(exposure.Finding, error) bool) {
	for {
		line, err := readLine(s.lines, s.limit)
		s.number++
		last := errors.Is(err, io.EOF)
		if err != nil && !last {
			yield(exposure.Finding{}, s.fail(err))
			return
		}
		if last && !json.Valid(line) {
			return // cut in the middle of a line, or nothing left
		}
		f, found, err := s.line(line)
		if err != nil {
			yield(f, s.fail(err))
			return
		}
		if found && !yield(f, nil) || last {
			return
		}
	}
}

// line takes in one line; found says that it was a finding.
func (s *stream) line(line []byte) (f exposure.Finding, found bool, err error) {
	if len(bytes.TrimSpace(line)) == 0 {
		return f, false, nil
	}
	if s.ended {
		return f, false, errors.New("there is more after the summary")
	}
	if t, ok := s.stored.audit.again.finding(line); ok && t.Type == lineFinding {
		err = s.stored.audit.accept(&t.Finding)
		return t.Finding, err == nil, err
	}
	var kind struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(line, &kind); err != nil {
		return f, false, err
	}
	switch kind.Type {
	case lineFinding:
		f, err = s.stored.audit.read(line) // in a form that is not ours
		return f, err == nil, err
	case lineSummary:
		var l summaryLine
		if err := json.Unmarshal(line, &l); err != nil {
			return f, false, err
		}
		if l.Status == "" {
			return f, false, errors.New("summary: status is missing")
		}
		*s.stored.summary, s.ended = summaryOf(l), true
	case lineHeader:
		return f, false, errors.New("a second header")
	case "":
		return f, false, errors.New("type is missing")
	}
	return f, false, nil
}

func (s *stream) fail(err error) error {
	return &StoredError{s.name, fmt.Sprintf("line %d", s.number), err}
}
