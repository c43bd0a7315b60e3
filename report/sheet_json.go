package report

import (
	"bufio"
	"fmt"
	"io"
	"iter"
)

// Member is one member of a JSON document: a value, or a list that is written
// as it comes.
type Member struct {
	Name  string
	Value any
	List  iter.Seq2[any, error] // nil: Value
}

// writeSheetJSON writes one document of the sheet's members.
func writeSheetJSON(w io.Writer, tool Tool, s Sheet, _ Options) error {
	return writeMembers(w, append([]Member{{Name: "schema_version", Value: SchemaVersion}, {Name: "tool", Value: tool}}, s.Members...))
}

// writeMembers writes an object. Texts in it are as encode spells them.
func writeMembers(w io.Writer, members []Member) error {
	b := bufio.NewWriter(w) // keeps the first error; Flush returns it
	b.WriteString("{")
	for i, m := range members {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(b, "\n  %q: ", m.Name)
		if err := writeMember(b, m); err != nil {
			return fmt.Errorf("write %s: %w", m.Name, err)
		}
	}
	b.WriteString("\n}\n")
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write json: %w", err)
	}
	return nil
}

func writeMember(b *bufio.Writer, m Member) error {
	if m.List == nil {
		line, err := encode(m.Value)
		if err == nil {
			b.Write(indent(line, "  "))
		}
		return err
	}
	before := "["
	for v, err := range m.List {
		if err != nil {
			return err
		}
		line, err := encode(v)
		if err != nil {
			return err
		}
		b.WriteString(before + "\n    ")
		b.Write(indent(line, "    "))
		before = ","
	}
	if before == "[" {
		b.WriteString("[]")
	} else {
		b.WriteString("\n  ]")
	}
	return nil
}
