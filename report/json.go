package report

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"slices"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/internal/spool"
)

// jsonWriter writes one document at the end, findings in the order of their
// addresses. Until then it spools them; nothing is written before End,
// so a sweep that never ends leaves no half document.
type jsonWriter struct {
	w        io.Writer
	header   Header
	findings []heldFinding
	bodies   spool.Spool
}

type heldFinding struct {
	ip   netip.Addr
	id   string
	body spool.Ref // one line
}

func newJSON(w io.Writer, _ Options) Writer { return &jsonWriter{w: w} }

func (j *jsonWriter) Begin(h Header) error {
	j.header = h
	return nil
}

func (j *jsonWriter) Finding(f exposure.Finding) error {
	line, err := encode(written(f))
	if err != nil {
		return fmt.Errorf("write finding %s: %w", f.ID, err)
	}
	j.findings = append(j.findings, heldFinding{ip: f.IP, id: f.ID, body: j.bodies.Put(line)})
	return nil
}

func (j *jsonWriter) End(s Summary) error {
	slices.SortStableFunc(j.findings, func(a, b heldFinding) int {
		return cmp.Or(a.ip.Compare(b.ip), cmp.Compare(a.id, b.id))
	})
	defer j.bodies.Close()
	b := bufio.NewWriter(j.w) // keeps the first error; Flush returns it
	if err := j.head(b, s); err != nil {
		return err
	}
	b.WriteString(`  "findings": [`)
	for i, f := range j.findings {
		if i > 0 {
			b.WriteByte(',')
		}
		line, err := j.bodies.Get(f.body)
		if err != nil {
			return fmt.Errorf("write finding %s: %w", f.id, err)
		}
		b.WriteString("\n    ")
		b.Write(indent(line, "    "))
	}
	if len(j.findings) > 0 {
		b.WriteString("\n  ")
	}
	b.WriteString("]\n}\n")
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
