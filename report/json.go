package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/memsweep/memsweep/exposure"
)

// jsonWriter writes one document at the end, findings in the order of their
// addresses. Until then it spools them; nothing is written before End,
// so a sweep that never ends leaves no half document.
type jsonWriter struct {
	w        io.Writer
	header   Header
	findings shelf
}

func newJSON(w io.Writer, _ Options) Writer { return &jsonWriter{w: w} }

func (j *jsonWriter) Begin(h Header) error {
	j.header = h
	return nil
}

func (j *jsonWriter) Finding(f exposure.Finding) error {
	return j.findings.put(&f, j.findings.room.written(f))
}

func (j *jsonWriter) End(s Summary) error {
	defer j.findings.close()
	b := bufio.NewWriter(j.w) // keeps the first error; Flush returns it
	if err := j.head(b, s); err != nil {
		return err
	}
	b.WriteString(`  "findings": `)
	if err := j.findings.array(b, "  "); err != nil {
		return err
	}
	b.WriteString("\n}\n")
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write json: %w", err)
	}
	return nil
}

// head writes everything that stands before the findings.
func (j *jsonWriter) head(b *bufio.Writer, s Summary) error {
	sweep := sweepDocument{
		sweepHeader:  newSweepHeader(j.header),
		Status:       s.Status,
		Finished:     known(s.Finished),
		RateAchieved: s.RateAchieved,
		Problems:     s.Problems,
		Justified:    s.Justified,
	}
	b.WriteString("{\n")
	for _, m := range []struct {
		name  string
		value any
	}{
		{"schema_version", SchemaVersion},
		{"tool", j.header.Tool},
		{"sweep", sweep},
		{"coverage", knownCoverage(s.Coverage)},
	} {
		line, err := encode(m.value)
		if err != nil {
			return fmt.Errorf("write %s: %w", m.name, err)
		}
		fmt.Fprintf(b, "  %q: %s,\n", m.name, indent(line, "  "))
	}
	return nil
}

// indent spreads one line of JSON over several; prefix stands before all but
// the first.
func indent(line []byte, prefix string) []byte {
	var b bytes.Buffer
	if err := json.Indent(&b, line, prefix, "  "); err != nil {
		return line // encode wrote it, so it is valid; one long line would be too
	}
	return b.Bytes()
}
