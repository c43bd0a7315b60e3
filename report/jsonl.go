package report

import (
	"fmt"
	"io"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

// The types of line in a stream.
const (
	lineHeader  = "header"
	lineFinding = "finding"
	lineSummary = "summary"
)

// The lines of a stream: a header, findings in the order in which they came,
// and a summary. A stream without a summary is not finished.
type (
	headerLine struct {
		Type          string      `json:"type"`
		SchemaVersion string      `json:"schema_version"`
		Tool          Tool        `json:"tool"`
		Sweep         sweepHeader `json:"sweep"`
	}
	findingLine struct {
		Type string `json:"type"`
		writtenFinding
	}
	summaryLine struct {
		Type         string             `json:"type"`
		Status       exposure.Status    `json:"status"`
		Finished     *time.Time         `json:"finished"`
		RateAchieved *float64           `json:"rate_achieved"`
		Coverage     *exposure.Coverage `json:"coverage"`
		Problems     []string           `json:"problems,omitempty"`
		Justified    *uint64            `json:"justified,omitempty"`
	}
)

type jsonlWriter struct {
	w    io.Writer
	room room
}

func newJSONL(w io.Writer, _ Options) Writer { return &jsonlWriter{w: w} }

func (j *jsonlWriter) Begin(h Header) error {
	return j.line(lineHeader, headerLine{lineHeader, SchemaVersion, h.Tool, newSweepHeader(h)})
}

func (j *jsonlWriter) Finding(f exposure.Finding) error {
	return j.line(lineFinding, findingLine{lineFinding, j.room.written(f)})
}

func (j *jsonlWriter) End(s Summary) error {
	return j.line(lineSummary, summaryLine{
		Type:         lineSummary,
		Status:       s.Status,
		Finished:     known(s.Finished),
		RateAchieved: s.RateAchieved,
		Coverage:     knownCoverage(s.Coverage),
		Problems:     s.Problems,
		Justified:    s.Justified,
	})
}

// line writes one line and hands it on at once, where w holds lines back.
func (j *jsonlWriter) line(kind string, v any) error {
	line, err := j.room.encode(v)
	if err != nil {
		return fmt.Errorf("write %s: %w", kind, err)
	}
	if _, err := j.w.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write %s: %w", kind, err)
	}
	if f, ok := j.w.(interface{ Flush() error }); ok {
		return f.Flush()
	}
	return nil
}
