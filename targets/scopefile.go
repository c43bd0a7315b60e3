package targets

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"
	"go4.org/netipx"
)

const (
	maxScopeFile = 1 << 20 // bytes
	maxScopeText = 256     // bytes of one value that goes into reports
)

// ReadScope reads a scope file. All of its errors are reported, up to ten.
// Whether the scope has expired is for Check to say.
func ReadScope(path string) (*Scope, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("scope: %w", err)
	}
	defer f.Close() // only read: its error says nothing
	data, err := io.ReadAll(io.LimitReader(f, maxScopeFile+1))
	if err != nil {
		return nil, fmt.Errorf("scope: %w", err)
	}
	return ParseScope(data, path)
}

// ParseScope reads the bytes of a scope file, which errors call path.
func ParseScope(data []byte, path string) (*Scope, error) {
	if len(data) > maxScopeFile {
		return nil, fmt.Errorf("%s: larger than %d bytes: write neighbouring addresses as CIDRs", path, maxScopeFile)
	}
	root, err := scopeDocument(data, path)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	f := scopeFile{path: path, scope: Scope{Path: path, SHA256: hex.EncodeToString(sum[:])}}
	f.read(root)
	if err := f.bad.err(); err != nil {
		return nil, err
	}
	s := f.scope
	s.allowed = freeSpace.Union(s.Allow).Minus(s.Deny)
	return &s, nil
}

// scopeDocument returns the mapping that is the file's one document.
func scopeDocument(data []byte, path string) (*yaml.Node, error) {
	var doc, second yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%s:1: nothing in it: write one with `memsweep scope init RANGE...`", path)
	case err != nil:
		return nil, yamlError(path, err)
	}
	switch err := decoder.Decode(&second); {
	case err == nil:
		return nil, fmt.Errorf("%s:%d: a second document: write one scope a file", path, second.Line)
	case !errors.Is(err, io.EOF):
		return nil, yamlError(path, err)
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: not a scope: write lines of the form `key: value`, as `memsweep scope init RANGE...` does", path, root.Line)
	}
	return root, nil
}

var yamlLine = regexp.MustCompile(`line (\d+): `)

// yamlError moves the line that the parser names, if any, to where users and
// editors look for it.
func yamlError(path string, err error) error {
	line, text := "1", strings.TrimPrefix(err.Error(), "yaml: ")
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		line, text = m[1], strings.Replace(text, m[0], "", 1)
	}
	return fmt.Errorf("%s:%s: not YAML (%s): write it as `memsweep scope init RANGE...` does", path, line, quote(text))
}

// scopeFile is a scope while it is read. It walks the nodes by hand, because
// decoding into a struct loses the line of a value that is well-formed YAML
// and still wrong.
type scopeFile struct {
	path  string
	scope Scope
	bad   problems
}

// scopeKeys are the keys of a scope file, in the order of the template.
var scopeKeys = []string{"allow", "deny", "authorised_by", "reference", "valid_until", "max_rate", "contact"}

func (f *scopeFile) read(root *yaml.Node) {
	seen := map[string]bool{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		if seen[key.Value] {
			f.refuse(key, "%s stands twice: write it once", quote(key.Value))
			continue
		}
		seen[key.Value] = true
		f.readKey(key, value)
	}
	for _, key := range []string{"allow", "authorised_by", "valid_until"} {
		if !seen[key] {
			f.refuse(root, "%s is missing: %s", key, fillIn(key))
		}
	}
}

func (f *scopeFile) readKey(key, value *yaml.Node) {
	switch key.Value {
	case "allow":
		f.scope.Allow = f.set(key, value)
		if len(value.Content) == 0 && f.isList(value) {
			f.refuse(key, "allow is empty: %s", fillIn("allow"))
		}
	case "deny":
		f.scope.Deny = f.set(key, value)
	case "authorised_by":
		f.scope.AuthorisedBy = f.text(key, value)
	case "reference":
		f.scope.Reference = f.text(key, value)
	case "contact":
		f.scope.Contact = f.text(key, value)
	case "valid_until":
		f.scope.ValidUntil = f.time(key, value)
	case "max_rate":
		f.scope.MaxRate = f.rate(key, value)
	default:
		f.refuse(key, "unknown key %s: write one of %s", quote(key.Value), strings.Join(scopeKeys, ", "))
	}
}

// fillIn says what to write for a key that a scope cannot be without.
func fillIn(key string) string {
	switch key {
	case "allow":
		return "write the ranges that you own, one a line, as `- 198.51.100.0/24`"
	case "authorised_by":
		return "fill in who gave the permission, as `authorised_by: Jane Doe, CISO`"
	}
	return "fill in the last day, as `valid_until: 2027-01-31`"
}

func (f *scopeFile) refuse(at *yaml.Node, format string, args ...any) {
	f.bad.add(fmt.Errorf("%s:%d: %s", f.path, at.Line, fmt.Sprintf(format, args...)))
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// isList takes an absent value for an empty list.
func (f *scopeFile) isList(n *yaml.Node) bool { return n.Kind == yaml.SequenceNode || isNull(n) }

// set reads a list of prefixes, ranges and addresses.
func (f *scopeFile) set(key, list *yaml.Node) Set {
	if !f.isList(list) {
		f.refuse(key, "%s is not a list: write one range a line, as `- 198.51.100.0/24`", key.Value)
		return Set{}
	}
	var ranges []netipx.IPRange
	for _, item := range list.Content {
		if item.Kind != yaml.ScalarNode {
			f.refuse(item, "%s: not a range: write it in quotes, as `- \"2001:db8::/32\"`", key.Value)
			continue
		}
		spec, err := parseSpec(item.Value)
		switch {
		case err != nil:
			f.refuse(item, "%s %s: %v", key.Value, quote(item.Value), err)
		case spec.Host != "":
			f.refuse(item, "%s %s: a host name, whose meaning others can change: write its addresses", key.Value, quote(item.Value))
		default:
			ranges = append(ranges, spec.Range)
		}
	}
	return setOf(ranges)
}

// text reads one line of plain text; only authorised_by must not be empty.
func (f *scopeFile) text(key, value *yaml.Node) string {
	text := strings.TrimSpace(value.Value)
	switch {
	case value.Kind != yaml.ScalarNode:
		f.refuse(key, "%s is not text: write it on one line, in quotes", key.Value)
	case isNull(value) || text == "":
		if key.Value == "authorised_by" {
			f.refuse(key, "authorised_by is empty: %s", fillIn(key.Value))
		}
		return ""
	case len(text) > maxScopeText || strings.ContainsFunc(text, unicode.IsControl):
		f.refuse(key, "%s is longer than %d bytes or has control characters: write one short line", key.Value, maxScopeText)
	}
	return text
}

// time reads a day, which is valid to its end in UTC, or a point in time.
func (f *scopeFile) time(key, value *yaml.Node) time.Time {
	if value.Kind == yaml.ScalarNode {
		if day, err := time.Parse(time.DateOnly, value.Value); err == nil {
			return day.AddDate(0, 0, 1).Add(-time.Nanosecond)
		}
		if point, err := time.Parse(time.RFC3339, value.Value); err == nil {
			return point.UTC()
		}
	}
	f.refuse(key, "valid_until %s: not a date: %s, or a time, as 2027-01-31T18:00:00Z", quote(value.Value), fillIn(key.Value))
	return time.Time{}
}

func (f *scopeFile) rate(key, value *yaml.Node) uint64 {
	if isNull(value) {
		return 0
	}
	rate, err := strconv.ParseUint(value.Value, 10, 64)
	if value.Kind != yaml.ScalarNode || err != nil || rate == 0 {
		f.refuse(key, "max_rate %s: not a rate: write packets a second as a whole number, as `max_rate: 1000`, or leave the line out", quote(value.Value))
		return 0
	}
	return rate
}
