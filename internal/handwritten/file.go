// Package handwritten reads what people write by hand. It walks YAML node by
// node, because decoding into a struct loses the line of a value that is
// well-formed and still wrong; and it gathers what is wrong with an input, so
// that all of it is said at once, each with its line and what to write instead.
package handwritten

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// Read returns the bytes of a file, at most one more than limit.
func Read(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read: its error says nothing
	return io.ReadAll(io.LimitReader(f, limit+1))
}

// Beside is a path that is written in a file of the folder dir: a relative one is
// beside the file. One below $CREDENTIALS_DIRECTORY is where systemd put what the
// unit alone may know (LoadCredential= of systemd.exec(5)): another place for each
// unit, though they have one file.
func Beside(dir, path string) string {
	if name, ok := strings.CutPrefix(path, "$CREDENTIALS_DIRECTORY/"); ok {
		if credentials := os.Getenv("CREDENTIALS_DIRECTORY"); credentials != "" {
			return filepath.Join(credentials, name)
		}
		return path // it is not there, and the error names it
	}
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// IsPublic reports whether everybody on the machine may read or write a file.
func IsPublic(path string) bool {
	info, err := os.Stat(path)
	return err == nil && os.PathSeparator == '/' && info.Mode().Perm()&0o007 != 0
}

// File is one YAML file while it is read.
type File struct {
	Path     string // as errors name it
	Kind     string // what it holds, one word: "scope"
	Template string // the command that prints one to fill in
	Problems
}

// Refuse notes what is wrong at a node.
func (f *File) Refuse(at *yaml.Node, format string, args ...any) {
	f.Add(fmt.Errorf("%s:%d: %s", f.Path, at.Line, fmt.Sprintf(format, args...)))
}

// Document returns the mapping that is the file's one document.
func (f *File) Document(data []byte) (*yaml.Node, error) {
	var doc, second yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%s:1: nothing in it: write one with `%s`", f.Path, f.Template)
	case err != nil:
		return nil, f.notYAML(err)
	}
	switch err := decoder.Decode(&second); {
	case err == nil:
		return nil, fmt.Errorf("%s:%d: a second document: write one %s a file", f.Path, second.Line, f.Kind)
	case !errors.Is(err, io.EOF):
		return nil, f.notYAML(err)
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: not a %s: write lines of the form `key: value`, as `%s` does", f.Path, root.Line, f.Kind, f.Template)
	}
	return root, nil
}

var yamlLine = regexp.MustCompile(`line (\d+): `)

// notYAML moves the line that the parser names, if any, to where users and
// editors look for it.
func (f *File) notYAML(err error) error {
	line, text := "1", strings.TrimPrefix(err.Error(), "yaml: ")
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		line, text = m[1], strings.Replace(text, m[0], "", 1)
	}
	return fmt.Errorf("%s:%s: not YAML (%s): write it as `%s` does", f.Path, line, Quote(text), f.Template)
}

// Mapping hands each member of a mapping to read, and returns the keys that
// there are; one that stands twice is refused.
func (f *File) Mapping(mapping *yaml.Node, read func(key, value *yaml.Node)) map[string]bool {
	seen := map[string]bool{}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		if seen[key.Value] {
			f.Refuse(key, "%s stands twice: write it once", Quote(key.Value))
			continue
		}
		seen[key.Value] = true
		read(key, value)
	}
	return seen
}

// Unknown refuses a key that means nothing.
func (f *File) Unknown(key *yaml.Node, known []string) {
	f.Refuse(key, "unknown key %s: write one of %s", Quote(key.Value), strings.Join(known, ", "))
}

// MaxText is the longest value that goes into reports, in bytes.
const MaxText = 256

// Text reads one line of plain text; "" when there is none.
func (f *File) Text(key, value *yaml.Node) string {
	text := strings.TrimSpace(value.Value)
	switch {
	case value.Kind != yaml.ScalarNode:
		f.Refuse(key, "%s is not text: write it on one line, in quotes", key.Value)
	case IsNull(value):
		return ""
	case len(text) > MaxText || strings.ContainsFunc(text, unicode.IsControl):
		f.Refuse(key, "%s is longer than %d bytes or has control characters: write one short line", key.Value, MaxText)
	}
	return text
}

// IsNull reports whether a key has no value.
func IsNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// IsList takes an absent value for an empty list.
func IsList(n *yaml.Node) bool { return n.Kind == yaml.SequenceNode || IsNull(n) }
