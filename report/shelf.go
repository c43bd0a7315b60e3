package report

import (
	"bufio"
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/internal/spool"
)

// shelf keeps what a document will say of each finding, as JSON, until all are
// there and can be written in the order of their addresses. The zero value is
// empty and ready.
type shelf struct {
	findings []heldFinding
	bodies   spool.Spool
	room     room
}

type heldFinding struct {
	ip   netip.Addr
	id   string
	body spool.Ref // one line
}

// put keeps v, which stands for f in the document.
func (s *shelf) put(f *exposure.Finding, v any) error {
	line, err := s.room.encode(v)
	if err != nil {
		return fmt.Errorf("write finding %s: %w", f.ID, err)
	}
	s.findings = append(s.findings, heldFinding{ip: f.IP, id: f.ID, body: s.bodies.Put(line)})
	return nil
}

// array writes everything as the elements of one JSON array, whose closing
// bracket stands after prefix.
func (s *shelf) array(b *bufio.Writer, prefix string) error {
	slices.SortStableFunc(s.findings, func(a, b heldFinding) int {
		return cmp.Or(a.ip.Compare(b.ip), cmp.Compare(a.id, b.id))
	})
	b.WriteByte('[')
	for i, f := range s.findings {
		if i > 0 {
			b.WriteByte(',')
		}
		line, err := s.bodies.Get(f.body)
		if err != nil {
			return fmt.Errorf("write finding %s: %w", f.id, err)
		}
		b.WriteString("\n" + prefix + "  ")
		b.Write(indent(line, prefix+"  "))
	}
	if len(s.findings) > 0 {
		b.WriteString("\n" + prefix)
	}
	b.WriteByte(']')
	return nil
}

func (s *shelf) close() { s.bodies.Close() }
